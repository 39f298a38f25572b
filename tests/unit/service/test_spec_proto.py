"""The schema of the job file and of the proto: the same fields, the same meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Le, Lt, MinLen
from google.api import field_behavior_pb2
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from chainrule.service.api.spec_proto import enum_name, spec_data_from_proto, spec_to_proto
from chainrule.v1 import (
    activations_pb2,
    convolutions_pb2,
    initializers_pb2,
    layers_pb2,
    losses_pb2,
    optimizers_pb2,
    schedules_pb2,
    spec_pb2,
)
from chainrule.worker.spec import JobSpec, SpecError, parse_spec
from chainrule.worker.spec.file import parse_yaml
from chainrule.worker.spec.initializers import INITIALIZERS
from chainrule.worker.spec.layers import LAYERS, LayerSpec, ParallelSpec, ResidualSpec, SequentialSpec
from chainrule.worker.spec.losses import METRIC_LOSSES
from chainrule.worker.spec.section import Kind, Section
from chainrule.worker.spec.sections import KINDS, SECTIONS

PROTOS = Path(__file__).parents[3] / "protos" / "chainrule" / "v1"


# A message has a field for each form that a job file may give to one key.
IN_OTHER_WORDS = {("model",): ("python_model",), ("cluster", "workers"): ("cluster", "worker_range")}
OTHER_WORDS = {names[-1] for names in IN_OTHER_WORDS.values()}


def message_at(path: tuple[str, ...]) -> Any:
    """The message of what stands at a path of the job file."""
    descriptor: Any = spec_pb2.JobSpec.DESCRIPTOR
    for name in IN_OTHER_WORDS.get(path, path):
        descriptor = descriptor.fields_by_name[name].message_type
    return descriptor


TABLES: dict[str, tuple[Any, Mapping[str, type[Kind]]]] = {
    "layer": (layers_pb2.Layer.DESCRIPTOR, LAYERS),
    "initializer": (initializers_pb2.Initializer.DESCRIPTOR, INITIALIZERS),
    **{path[-1]: (message_at(path), table) for path, table in KINDS.items()},
}
PARTS: dict[str, tuple[Any, type[Section]]] = {
    **{".".join(path): (message_at(path), section) for path, section in SECTIONS.items()},
    **{
        f"{what}.{name}": (descriptor.fields_by_name[name].message_type, kind)
        for what, (descriptor, table) in TABLES.items()
        for name, kind in table.items()
    },
}
EVERY_PART = pytest.mark.parametrize(("descriptor", "section"), PARTS.values(), ids=PARTS)


def names_of(descriptor: Any) -> list[str]:
    return [field.name for field in descriptor.fields]


def test_the_top_of_the_job_file_has_a_message_with_the_same_fields() -> None:
    names = names_of(spec_pb2.JobSpec.DESCRIPTOR)
    assert set(names) - OTHER_WORDS == set(JobSpec.model_fields)


@EVERY_PART
def test_every_part_of_the_job_file_has_a_message_with_the_same_fields(
    descriptor: Any, section: type[Section]
) -> None:
    assert set(names_of(descriptor)) - OTHER_WORDS == set(section.model_fields)


@pytest.mark.parametrize(("descriptor", "table"), TABLES.values(), ids=TABLES)
def test_the_kinds_are_the_same_in_the_same_order(descriptor: Any, table: Mapping[str, type[Kind]]) -> None:
    assert names_of(descriptor) == list(table)
    assert [oneof.name for oneof in descriptor.oneofs] == ["kind"]


@EVERY_PART
def test_every_field_tells_unset_from_zero(descriptor: Any, section: type[Section]) -> None:
    for field in descriptor.fields:
        if not field.is_repeated and field.enum_type is None:
            assert field.has_presence, (field.name, section.model_fields[field.name].default)


@EVERY_PART
def test_fields_are_marked_required_where_the_job_file_requires_them(
    descriptor: Any, section: type[Section]
) -> None:
    behavior: Any = field_behavior_pb2.field_behavior
    for name, field in section.model_fields.items():
        marks = list(descriptor.fields_by_name[name].GetOptions().Extensions[behavior])
        expected = field_behavior_pb2.REQUIRED if field.is_required() else field_behavior_pb2.OPTIONAL
        assert marks == [expected], name


def choices_of(annotation: Any) -> tuple[str, ...]:
    """The words that may stand in a field; none where anything else may."""
    arms = get_args(annotation)
    if get_origin(annotation) is Literal:
        return arms
    if len(arms) == 2 and arms[1] is type(None):
        return choices_of(arms[0])
    return choices_of(arms[0]) if get_origin(annotation) is tuple else ()


@pytest.mark.parametrize(
    ("descriptor", "section"),
    [(spec_pb2.JobSpec.DESCRIPTOR, JobSpec), *PARTS.values()],
    ids=["job", *PARTS],
)
def test_enums_have_the_choices_of_the_job_file(descriptor: Any, section: type[Section]) -> None:
    for name, field in section.model_fields.items():
        enum = descriptor.fields_by_name[name].enum_type
        # What is watched is a text in both, because events and results have measures by name too.
        choices = () if name == "metric" else choices_of(field.annotation)
        known = [enum_name(enum, value.number) for value in enum.values] if enum is not None else []
        assert known == (["unspecified", *choices] if choices else []), name


def test_what_all_layers_have_has_the_same_number_everywhere() -> None:
    for descriptor, kind in PARTS.values():
        if not issubclass(kind, LayerSpec):
            continue
        numbers = {field.name: field.number for field in descriptor.fields}
        for name, number in (("initializer", 13), ("name", 14), ("repeat", 15)):
            assert numbers.get(name, number) == number, (descriptor.name, name)


def comments() -> dict[tuple[str, str], str]:
    """(message, field) -> the comment above it, in one line."""
    found: dict[tuple[str, str], str] = {}
    for path in PROTOS.glob("*.proto"):
        message, lines = "", []
        for line in path.read_text(encoding="utf-8").splitlines():
            text = line.strip()
            if text.startswith("//"):
                lines.append(text[2:].strip())
                continue
            if match := re.match(r"message (\w+)", text):
                message = match[1]
            elif match := re.match(r"(?:\w+ )?[\w.]+ (\w+) = \d+", text):
                found[message, match[1]] = " ".join(lines)
            lines = []
    return found


COMMENTS = comments()


@EVERY_PART
def test_comments_name_the_defaults_of_the_job_file(descriptor: Any, section: type[Section]) -> None:
    for name, field in section.model_fields.items():
        default: Any = field.default
        if not isinstance(default, bool | int | float | str):
            continue
        named = re.search(r" Default ([^: ].*)\.$", COMMENTS[descriptor.name, name])
        assert named is not None, (descriptor.name, name)
        if descriptor.fields_by_name[name].enum_type is not None:
            assert named[1].endswith(f"_{str(default).upper()}"), name
        elif isinstance(default, str):
            assert named[1] == f'"{default}"', name
        elif isinstance(default, bool):
            assert named[1] == str(default).lower(), name
        else:
            assert float(named[1].split()[0]) == default, name


# What depends on another field is held to what always goes with it.
CHOSEN: dict[str, st.SearchStrategy[Any]] = {
    "dataset": st.one_of(
        st.builds(lambda part: {"source": "digits", "test_fraction": part}, st.floats(0.01, 0.99)),
        st.just({"source": "npz", "path": "/data/a.npz", "features": "images", "test_path": "/data/b.npz"}),
        st.just({"source": "csv", "path": "/data/ä b.csv", "labels": "prix", "normalize": "standard"}),
    ),
    "metric": st.just("loss"),
    "metrics": st.just([]),
    "micro_batches": st.integers(4, 256),
    "workers": st.integers(1, 4),
    "repeat": st.integers(1, 3),
}


def values(annotation: Any, limits: tuple[Any, ...], depth: int) -> st.SearchStrategy[Any]:
    """What a field of this type may hold, as a job file has it; layers inside layers down to `depth`."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        for each in metadata:
            limits += tuple(each.metadata) if isinstance(each, FieldInfo) else (each,)
        return values(inner, limits, depth)
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return sections(annotation, depth)
    if get_origin(annotation) is Literal:
        return st.sampled_from(get_args(annotation))
    if get_origin(annotation) is tuple:
        least = next((limit.min_length for limit in limits if isinstance(limit, MinLen)), 0)
        return st.lists(values(get_args(annotation)[0], (), depth), min_size=max(least, 0), max_size=3)
    if annotation == dict[str, str]:
        return st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)
    if annotation is bool:
        return st.booleans()
    if annotation is str:
        pattern = next((limit.pattern for limit in limits if getattr(limit, "pattern", None)), r"^.{1,9}$")
        ascii_only = st.characters(codec="ascii")
        return st.from_regex(pattern.replace("$", r"\Z"), fullmatch=True, alphabet=ascii_only)
    if annotation in (int, float):
        return numbers(annotation, limits)
    arms = [arm for arm in get_args(annotation) if arm is not type(None) and fits(arm, depth)]
    return st.one_of(*(values(arm, limits, depth) for arm in arms))


def fits(arm: Any, depth: int) -> bool:
    return depth > 0 or not {SequentialSpec, ResidualSpec, ParallelSpec} & {arm, *get_args(arm)}


def numbers(kind: type, limits: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    bounds = {type(limit): limit for limit in limits}
    least = bounds[Ge].ge if Ge in bounds else bounds[Gt].gt if Gt in bounds else None
    most = bounds[Le].le if Le in bounds else bounds[Lt].lt if Lt in bounds else None
    above, below = Gt in bounds, Lt in bounds and Le not in bounds
    if kind is float:
        return st.floats(
            least, most, allow_nan=False, allow_infinity=False, exclude_min=above, exclude_max=below
        )
    return st.integers(1 if least is None else least, 2**31 - 1 if most is None else most - below)


@cache
def keys(section: type[Section], depth: int) -> dict[str, st.SearchStrategy[Any]]:
    inner = depth - 1 if section in (SequentialSpec, ResidualSpec, ParallelSpec) else depth
    return {
        name: CHOSEN[name] if name in CHOSEN else values(field.annotation, tuple(field.metadata), inner)
        for name, field in section.model_fields.items()
    }


@st.composite
def written(draw: st.DrawFn, section: type[Section], depth: int) -> dict[str, Any]:
    """A section with what is required and some of the rest; a kind under its name."""
    data = {
        name: draw(strategy)
        for name, strategy in keys(section, depth).items()
        if section.model_fields[name].is_required() or draw(st.booleans())
    }
    return {section.kind: data} if issubclass(section, Kind) else data


def sections(section: type[Section], depth: int = 1) -> st.SearchStrategy[Any]:
    """A section that is valid: a few have settings that depend on each other."""
    return written(section, depth).filter(lambda data: is_valid(section, data))


def is_valid(section: type[Section], data: Any) -> bool:
    try:
        section.model_validate(data)
    except ValidationError:
        return False
    return True


def placed(what: str, kind: dict[str, Any]) -> dict[str, Any]:
    """A job with this kind where its sort belongs."""
    job: dict[str, Any] = {
        "dataset": {"source": "digits"},
        "model": ["relu"],
        "loss": "softmax_cross_entropy",
        "optimizer": "adam",
    }
    return {
        "layer": {**job, "model": [kind]},
        "initializer": {**job, "model": [{"linear": {"units": 3, "initializer": kind}}]},
        "penalties": {**job, "penalties": [kind]},
        "transforms": {**job, "dataset": {"source": "digits", "transforms": [kind]}},
        "schedule": {**job, "training": {"schedule": kind}},
        "consistency": {**job, "training": {"consistency": kind}},
        "compression": {**job, "training": {"compression": kind}},
    }.get(what, {**job, what: kind})


def check_survives(data: dict[str, Any]) -> None:
    spec = parse_spec(data)
    canonical = spec.model_dump_job()
    message = spec_pb2.JobSpec.FromString(spec_to_proto(spec).SerializeToString())
    assert spec_data_from_proto(message) == canonical
    assert parse_spec(canonical) == spec


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        pytest.param(what, kind, id=f"{what}.{kind.kind}")
        for what, (_, table) in TABLES.items()
        for kind in table.values()
    ],
)
def test_every_kind_survives_the_way_through_the_proto(what: str, kind: type[Kind]) -> None:
    @settings(max_examples=10)
    @given(sections(kind, depth=2))
    def check(data: dict[str, Any]) -> None:
        check_survives(placed(what, data))

    check()


@given(sections(JobSpec))
def test_a_spec_survives_the_way_through_the_proto(data: dict[str, Any]) -> None:
    [loss] = data["loss"]
    metrics = [name for name, losses in METRIC_LOSSES.items() if loss in losses]
    check_survives({**data, "metrics": metrics})


@pytest.mark.parametrize(
    ("written", "canonical"),
    [(3, 3), ([3], 3), ([3, 5], [3, 5])],
    ids=["one number", "a list of one", "a list"],
)
def test_sizes_are_one_number_or_one_for_each_axis(written: Any, canonical: Any) -> None:
    spec = parse_spec(placed("layer", {"conv2d": {"filters": 1, "kernel": written, "padding": "same"}}))
    layer = spec_data_from_proto(spec_to_proto(spec))["model"][0]["conv2d"]
    assert (layer["kernel"], layer["padding"]) == (canonical, "same")


def test_what_is_not_set_takes_the_defaults_of_the_job_file() -> None:
    message = spec_pb2.JobSpec(
        dataset=spec_pb2.DatasetSpec(source=spec_pb2.DATASET_SOURCE_DIGITS),
        model=[
            layers_pb2.Layer(linear=layers_pb2.LinearLayer(units=10)),
            layers_pb2.Layer(relu=activations_pb2.ReluLayer()),
        ],
        loss=losses_pb2.Loss(softmax_cross_entropy=losses_pb2.SoftmaxCrossEntropyLoss()),
        optimizer=optimizers_pb2.Optimizer(adam=optimizers_pb2.AdamOptimizer()),
        training=spec_pb2.TrainingSpec(schedule=schedules_pb2.Schedule(cosine={})),
    )
    file = {
        "dataset": {"source": "digits"},
        "model": [{"linear": {"units": 10}}, "relu"],
        "loss": "softmax_cross_entropy",
        "optimizer": "adam",
        "training": {"schedule": "cosine"},
    }
    assert parse_spec(spec_data_from_proto(message)) == parse_spec(file)


def test_an_empty_message_is_refused_with_every_missing_field() -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(spec_data_from_proto(spec_pb2.JobSpec()))
    fields = {violation.field for violation in caught.value.violations}
    assert fields == {"dataset", "model", "loss", "optimizer"}


def test_kinds_sizes_and_paddings_that_are_not_chosen_are_refused() -> None:
    message = spec_pb2.JobSpec(
        model=[
            layers_pb2.Layer(),
            layers_pb2.Layer(
                conv2d=convolutions_pb2.Conv2dLayer(filters=1, kernel={}, padding={"same": False})
            ),
        ],
        loss=losses_pb2.Loss(),
    )
    with pytest.raises(SpecError) as caught:
        parse_spec(spec_data_from_proto(message))
    found = {violation.field: violation.message for violation in caught.value.violations}
    assert {"model[0]", "model[1].conv2d.kernel", "model[1].conv2d.padding", "loss"} <= set(found)
    assert "expected exactly one loss" in found["loss"]
    assert "expected a whole number, 1 or more, or one for each axis" in found["model[1].conv2d.kernel"]


def test_a_model_in_python_takes_the_place_of_layers_and_cannot_stand_beside_them() -> None:
    spec = parse_spec({**placed("loss", {"huber": {}}), "model": {"python": "/models/model.py"}})
    message = spec_to_proto(spec)
    assert message.python_model == spec_pb2.PythonModelSpec(python="/models/model.py", factory="build")
    assert spec_data_from_proto(message) == spec.model_dump_job()
    message.model.add().relu.SetInParent()
    with pytest.raises(SpecError, match="python_model: there are layers in model too"):
        spec_data_from_proto(message)


def test_a_range_of_workers_takes_the_place_of_a_number_and_cannot_stand_beside_it() -> None:
    data = {"dataset": {"source": "digits"}, "model": ["relu"], "loss": "softmax_cross_entropy"}
    spec = parse_spec({**data, "optimizer": "adam", "cluster": {"workers": {"min": 2, "max": 4}}})
    message = spec_to_proto(spec)
    assert (message.cluster.worker_range.min, message.cluster.worker_range.max) == (2, 4)
    assert not message.cluster.HasField("workers")
    assert parse_spec(spec_data_from_proto(message)) == spec
    message.cluster.workers = 3
    with pytest.raises(SpecError, match="leave one of them out"):
        spec_data_from_proto(message)


def test_a_zero_that_was_set_is_not_taken_for_a_default() -> None:
    message = spec_pb2.JobSpec(
        training=spec_pb2.TrainingSpec(epochs=0, batch_size=spec_pb2.BatchSize(samples=0), clip_norm=0)
    )
    with pytest.raises(SpecError) as caught:
        parse_spec(spec_data_from_proto(message))
    fields = {violation.field for violation in caught.value.violations}
    assert {"training.epochs", "training.batch_size", "training.clip_norm"} <= fields


def test_a_field_of_a_later_version_is_refused_instead_of_ignored() -> None:
    message = spec_pb2.JobSpec.FromString(b"\xa2\x06\x03new")
    message.model.add().conv2d.kernel.MergeFromString(b"\xa0\x06\x05")
    message.training.MergeFromString(b"\xa0\x06\x05")
    with pytest.raises(SpecError) as caught:
        spec_data_from_proto(message)
    fields = [violation.field for violation in caught.value.violations]
    assert fields == ["", "model[0].conv2d.kernel", "training"]
    assert "field number 100 is not known" in caught.value.violations[0].message


def test_an_enum_value_of_a_later_version_is_refused() -> None:
    message = spec_pb2.JobSpec(metrics=[losses_pb2.METRIC_ACCURACY])
    # Field 5, packed: one value, 99.
    message.MergeFromString(b"\x2a\x01\x63")
    with pytest.raises(SpecError, match="metrics\\[1\\]: value 99 is not known"):
        spec_data_from_proto(message)


@pytest.mark.parametrize(("depth", "accepted"), [(9, True), (10, False), (45, False)])
def test_layers_may_be_as_deep_inside_layers_as_in_a_job_file(depth: int, accepted: bool) -> None:
    message, layer = spec_pb2.JobSpec(), "{relu: {}}"
    layers = message.model
    for _ in range(depth):
        layers = layers.add().sequential.layers
        layer = f"{{sequential: {{layers: [{layer}]}}}}"
    layers.add().relu.SetInParent()
    received = spec_pb2.JobSpec.FromString(message.SerializeToString())
    if accepted:
        assert spec_data_from_proto(received)["model"] == parse_yaml(f"{{model: [{layer}]}}")["model"]
        return
    with pytest.raises(SpecError, match="nested more than 32 levels deep"):
        spec_data_from_proto(received)
    with pytest.raises(SpecError, match="nested more than 32 levels deep"):
        parse_yaml(f"{{model: [{layer}]}}")
