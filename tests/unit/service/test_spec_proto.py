"""The schema of the job file and of the proto: the same fields, the same meaning."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from google.protobuf.descriptor import EnumDescriptor
from hypothesis import given
from hypothesis import strategies as st

from chainrule.service.api.spec_proto import enum_name, spec_data_from_proto, spec_to_proto
from chainrule.v1 import spec_pb2
from chainrule.worker import spec as spec_module
from chainrule.worker.spec import LAYERS, OPTIMIZERS, SECTIONS, SpecError, parse_spec

MESSAGES: dict[tuple[str, ...], Any] = {
    (): spec_pb2.JobSpec,
    ("dataset",): spec_pb2.DatasetSpec,
    ("training",): spec_pb2.TrainingSpec,
    ("training", "early_stopping"): spec_pb2.EarlyStoppingSpec,
    ("cluster",): spec_pb2.ClusterSpec,
    ("model", "linear"): spec_pb2.LinearLayer,
    ("model", "relu"): spec_pb2.ReluLayer,
    ("model", "sigmoid"): spec_pb2.SigmoidLayer,
    ("model", "tanh"): spec_pb2.TanhLayer,
    ("model", "flatten"): spec_pb2.FlattenLayer,
    ("model", "dropout"): spec_pb2.DropoutLayer,
    ("optimizer", "sgd"): spec_pb2.SgdOptimizer,
    ("optimizer", "adam"): spec_pb2.AdamOptimizer,
    ("optimizer", "adamw"): spec_pb2.AdamwOptimizer,
}


def field_names(message: Any) -> list[str]:
    return [field.name for field in message.DESCRIPTOR.fields]


def test_every_section_of_the_job_file_has_a_message_with_the_same_fields() -> None:
    assert set(MESSAGES) == set(SECTIONS)
    for path, section in SECTIONS.items():
        assert set(field_names(MESSAGES[path])) == set(section.model_fields), path


def test_the_kinds_of_layers_and_optimizers_are_the_same() -> None:
    assert field_names(spec_pb2.Layer) == list(LAYERS)
    assert field_names(spec_pb2.Optimizer) == list(OPTIMIZERS)


@pytest.mark.parametrize(
    ("enum", "choices"),
    [
        (spec_pb2.DatasetSource.DESCRIPTOR, spec_module.Source),
        (spec_pb2.Normalize.DESCRIPTOR, spec_module.Normalize),
        (spec_pb2.Loss.DESCRIPTOR, spec_module.Loss),
        (spec_pb2.Metric.DESCRIPTOR, spec_module.Metric),
        (spec_pb2.Device.DESCRIPTOR, spec_module.Device),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_enums_have_the_choices_of_the_job_file(enum: EnumDescriptor, choices: Any) -> None:
    names = [enum_name(enum, value.number) for value in enum.values]
    assert names == ["unspecified", *get_args(choices)]


def test_fields_with_a_default_tell_unset_from_zero() -> None:
    for path, section in SECTIONS.items():
        for name, field in section.model_fields.items():
            described = MESSAGES[path].DESCRIPTOR.fields_by_name[name]
            if not described.is_repeated and described.enum_type is None:
                assert described.has_presence, (path, name, field.default)


def layers() -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.builds(lambda n, b: {"linear": {"units": n, "bias": b}}, st.integers(1, 2**31 - 1), st.booleans()),
        st.sampled_from([{kind: {}} for kind in ("relu", "sigmoid", "tanh", "flatten", "dropout")]),
        st.builds(lambda r: {"dropout": {"rate": r}}, st.floats(0, 1, exclude_max=True)),
    )


def specs() -> st.SearchStrategy[dict[str, Any]]:
    positive = st.floats(0, 1e300, exclude_min=True, allow_nan=False)
    optimizers = st.one_of(
        st.builds(
            lambda r, m: {"sgd": {"learning_rate": r, "momentum": m, "nesterov": True}},
            positive,
            st.just(0.9),
        ),
        st.builds(lambda r, d: {"adam": {"learning_rate": r, "weight_decay": d}}, positive, st.floats(0, 1)),
        st.just({"adamw": {}}),
    )
    datasets = st.one_of(
        st.builds(lambda f: {"source": "digits", "test_fraction": f}, st.floats(0.01, 0.99)),
        st.just({"source": "npz", "path": "/data/a.npz", "features": "images", "test_path": "/data/b.npz"}),
        st.just({"source": "csv", "path": "/data/ä b.csv", "labels": "prix", "normalize": "standard"}),
    )
    training = st.fixed_dictionaries(
        {
            "epochs": st.integers(1, 10**6),
            "batch_size": st.one_of(st.just("full"), st.integers(1, 2**31 - 1)),
        },
        optional={
            "seed": st.integers(0, 2**63 - 1),
            "shuffle": st.booleans(),
            "early_stopping": st.fixed_dictionaries({}, optional={"patience": st.integers(1, 99)}),
        },
    )
    return st.fixed_dictionaries(
        {
            "name": st.just("a-job"),
            "dataset": datasets,
            "model": st.lists(layers(), min_size=1, max_size=5),
            "loss": st.just("softmax_cross_entropy"),
            "metrics": st.sampled_from([[], ["accuracy"]]),
            "optimizer": optimizers,
        },
        optional={"training": training, "cluster": st.just({"workers": 4, "device": "cuda"})},
    )


@given(specs())
def test_a_spec_survives_the_way_through_the_proto(data: dict[str, Any]) -> None:
    spec = parse_spec(data)
    message = spec_pb2.JobSpec.FromString(spec_to_proto(spec).SerializeToString())
    assert parse_spec(spec_data_from_proto(message)) == spec
    assert spec_data_from_proto(message) == spec.model_dump_job()


def test_what_is_not_set_takes_the_defaults_of_the_job_file() -> None:
    message = spec_pb2.JobSpec(
        dataset=spec_pb2.DatasetSpec(source=spec_pb2.DATASET_SOURCE_DIGITS),
        model=[
            spec_pb2.Layer(linear=spec_pb2.LinearLayer(units=10)),
            spec_pb2.Layer(relu=spec_pb2.ReluLayer()),
        ],
        loss=spec_pb2.LOSS_SOFTMAX_CROSS_ENTROPY,
        optimizer=spec_pb2.Optimizer(adam=spec_pb2.AdamOptimizer()),
    )
    file = {
        "dataset": {"source": "digits"},
        "model": [{"linear": {"units": 10}}, "relu"],
        "loss": "softmax_cross_entropy",
        "optimizer": "adam",
    }
    assert parse_spec(spec_data_from_proto(message)) == parse_spec(file)


def test_an_empty_message_is_refused_with_every_missing_field() -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(spec_data_from_proto(spec_pb2.JobSpec()))
    assert {violation.field for violation in caught.value.violations} == {
        "dataset",
        "model",
        "loss",
        "optimizer",
    }


def test_a_zero_that_was_set_is_not_taken_for_a_default() -> None:
    message = spec_pb2.JobSpec(
        training=spec_pb2.TrainingSpec(epochs=0, batch_size=spec_pb2.BatchSize(samples=0))
    )
    with pytest.raises(SpecError) as caught:
        parse_spec(spec_data_from_proto(message))
    assert {"training.epochs", "training.batch_size"} <= {
        violation.field for violation in caught.value.violations
    }


def test_a_field_of_a_later_version_is_refused_instead_of_ignored() -> None:
    message = spec_pb2.JobSpec.FromString(b"\xa2\x06\x03new")
    message.training.MergeFromString(b"\xa0\x06\x05")
    with pytest.raises(SpecError) as caught:
        spec_data_from_proto(message)
    assert [violation.field for violation in caught.value.violations] == ["", "training"]
    assert "field number 100 is not known" in caught.value.violations[0].message


def test_an_enum_value_of_a_later_version_is_refused() -> None:
    message = spec_pb2.JobSpec(metrics=[spec_pb2.METRIC_ACCURACY])
    # Field 5, packed: one value, 99.
    message.MergeFromString(b"\x2a\x01\x63")
    with pytest.raises(SpecError, match="metrics\\[1\\]: value 99 is not known"):
        spec_data_from_proto(message)
