"""Models of a job: built, held against the data, saved, loaded, and used on new samples."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.core import Tensor, nn
from chainrule.core.errors import ChainruleError, FileFormatError, ShapeError
from chainrule.core.flat import FlatLayout
from chainrule.core.serialize import load_tensors, save_tensors
from chainrule.worker.data import DataError, Dataset, FeatureTransform
from chainrule.worker.inspect import inspect_job
from chainrule.worker.model import SavedModel, build_model, check_model, load_model, read_inputs, save_model
from chainrule.worker.spec import JobSpec, SpecError, parse_spec


def job(*layers: Any, loss: Any = "softmax_cross_entropy", **changes: Any) -> JobSpec:
    model = layers or ({"linear": {"units": 5}}, "relu", {"dropout": {"rate": 0.5}}, {"linear": {"units": 3}})
    return parse_spec(
        {"dataset": {"source": "digits"}, "model": list(model), "loss": loss, "optimizer": "adam", **changes}
    )


def dataset(shape: tuple[int, ...] = (4,), classes: int | None = 3, width: int = 1, **known: Any) -> Dataset:
    features = np.random.default_rng(0).normal(size=(12, *shape)).astype(np.float32)
    targets = np.zeros((12, width), np.float32) if classes is None else np.arange(12) % classes
    return Dataset(
        features, targets, features[:0], targets[:0], classes, FeatureTransform.scaling(0.5, 2.0), **known
    )


def saved(path: Path, spec: JobSpec, data: Dataset) -> nn.Module:
    """Save a freshly initialized model; returns it."""
    model = build_model(spec, data.feature_shape, data.classes)
    nn.initialize(model, 1)
    layout = FlatLayout.of({name: tensor.shape for name, tensor in model.parameters().items()})
    flat = np.zeros(layout.size, np.float32)
    for name, view in layout.views(flat).items():
        view[...] = model.parameters()[name].data
    save_model(path, spec, layout.views(flat), data, "abc123")
    return model


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    saved(tmp_path / "model.safetensors", job(), dataset())
    return tmp_path / "model.safetensors"


@pytest.fixture
def model(model_file: Path) -> SavedModel:
    return load_model(model_file)


def misfit(spec: JobSpec, data: Dataset) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        check_model(spec, data)
    return {violation.field: violation.message for violation in caught.value.violations}


def test_layers_are_built_in_order_with_inferred_input_sizes() -> None:
    layers = ("flatten", {"linear": {"units": 7, "bias": False}}, "sigmoid", "tanh", {"linear": {"units": 3}})
    model = build_model(job(*layers), (2, 3))
    shapes = {name: tensor.shape for name, tensor in model.parameters().items()}
    assert shapes == {"layers.1.weight": (6, 7), "layers.4.weight": (7, 3), "layers.4.bias": (3,)}
    assert model(Tensor(np.zeros((5, 2, 3), np.float32))).shape == (5, 3)
    assert model.output_shape((2, 3)) == (3,)


def test_a_linear_layer_on_images_is_told_to_flatten_first() -> None:
    found = misfit(job({"linear": {"units": 3}}), dataset((28, 28)))
    assert found == {
        "model[0].linear": "a linear layer takes vectors, but each sample has shape (28, 28) here: "
        "put a `flatten` layer before it"
    }


def test_too_few_outputs_for_the_classes_name_the_last_linear_layer_and_the_number_it_needs() -> None:
    found = misfit(
        job({"linear": {"units": 5}}, "relu", {"linear": {"units": 7}}, "relu"), dataset(classes=10)
    )
    assert found == {
        "model[2].linear.units": "the model ends in 7 outputs, the labels have 10 classes: "
        "set units: 10 in model[2].linear"
    }


def test_more_outputs_than_numbered_classes_fit_but_not_more_than_named_ones() -> None:
    spec = job({"linear": {"units": 4}})
    check_model(spec, dataset(classes=3))
    assert "set units: 3" in misfit(spec, dataset(class_names=("a", "b", "c")))["model[0].linear.units"]


def test_outputs_must_match_the_width_of_the_targets() -> None:
    spec = job({"linear": {"units": 1}}, loss="squared_error")
    check_model(spec, dataset(classes=None))
    message = misfit(spec, dataset(classes=None, width=2))["model[0].linear.units"]
    assert (
        message
        == "the model ends in 1 output, each sample has 2 target values: set units: 2 in model[0].linear"
    )


def ctc_data(labels: list[list[int]], steps: int = 3) -> Dataset:
    features, targets = np.zeros((len(labels), steps, 2), np.float32), np.array(labels)
    return Dataset(features, targets, features[:0], targets[:0], 3, FeatureTransform.identity())


@pytest.mark.parametrize(
    ("labels", "settings", "field", "message"),
    [
        ([[1, 2], [0, 1]], {}, "loss.ctc.blank", "a class that no label is, but 0 is one of the labels"),
        ([[1, -1], [-1, 2]], {}, "loss.ctc.padding", "behind the labels of a sample only"),
        ([[1, 1, 2, 2]], {}, "model", "gives 3 steps of time, but the longest labels take 6, with a blank"),
        ([[1, 2]], {"blank": 4}, "loss.ctc.blank", "expected one of the 4 outputs, 0 to 3, got 4"),
    ],
)
def test_labels_that_ctc_cannot_spell_are_refused(
    labels: list[list[int]], settings: dict[str, int], field: str, message: str
) -> None:
    spec = job({"time_linear": {"units": 4}}, loss={"ctc": settings})
    assert message in misfit(spec, ctc_data(labels))[field]


def test_labels_that_ctc_can_spell_are_taken() -> None:
    spec = job({"time_linear": {"units": 4}}, loss="ctc")
    check_model(spec, ctc_data([[1, 2], [2, 2], [1, -1], [-1, -1]]))


def test_losses_of_log_probabilities_need_a_model_that_ends_in_them() -> None:
    linear, loss = {"linear": {"units": 3}}, "negative_log_likelihood"
    for ending in ("log_softmax", {"sequential": {"layers": ["log_softmax", {"reshape": {"shape": [3]}}]}}):
        check_model(job(linear, ending, loss=loss), dataset())
    for ending in ("softmax", {"reshape": {"shape": [3]}}):
        message = misfit(job("log_softmax", linear, ending, loss=loss), dataset())["model"]
        assert message.endswith("needs a model that ends in log_softmax: put `log_softmax` at its end")


def test_a_model_without_parameters_is_refused() -> None:
    assert misfit(job("relu"), dataset()) == {"model": "there is nothing to train: add a `linear` layer"}


def test_checking_a_model_larger_than_any_memory_allocates_nothing() -> None:
    huge = {"linear": {"units": 2**29}}
    check_model(job(huge, huge, {"linear": {"units": 3}}), dataset())


def test_a_layer_beyond_all_counting_is_named() -> None:
    huge = {"linear": {"units": 2**31 - 1}}
    found = misfit(job(huge, huge, {"linear": {"units": 3}}), dataset())
    assert found == {
        "model[1].linear": "init: expected a parameter that some memory holds, got one of shape "
        "(2147483647, 2147483647). Use fewer units"
    }


def test_a_loaded_model_predicts_what_the_saved_one_computes(tmp_path: Path) -> None:
    data = dataset()
    trained = saved(tmp_path / "m.safetensors", job(), data)
    loaded = load_model(tmp_path / "m.safetensors")
    expected = trained(Tensor(data.transform.apply(data.train_features[:]))).data
    assert loaded.predict(data.train_features[:]).tobytes() == np.asarray(expected).tobytes()
    assert loaded.digest == "abc123"
    assert loaded.spec == job()
    assert loaded.feature_shape == (4,)
    assert os.listdir(tmp_path) == ["m.safetensors"]


def test_predicting_in_blocks_keeps_order_and_shape(model: SavedModel) -> None:
    features = np.random.default_rng(2).normal(size=(2500, 4))
    outputs = model.predict(features)
    assert outputs.shape == (2500, 3)
    assert np.allclose(outputs[2400:], model.predict(features[2400:]), atol=1e-6)
    assert model.predict(features[:0]).shape == (0, 3)


def test_classifying_gives_the_likeliest_class_and_probabilities(model: SavedModel) -> None:
    classes, probabilities = model.classify(np.ones((5, 4), np.float32))
    assert classes.dtype == np.int64
    assert np.array_equal(classes, probabilities.argmax(axis=1))
    assert np.allclose(probabilities.sum(axis=1), 1)


def test_a_model_of_quantities_does_not_classify(tmp_path: Path) -> None:
    saved(tmp_path / "m", job({"linear": {"units": 1}}, loss="squared_error"), dataset(classes=None))
    with pytest.raises(ChainruleError, match="predicts quantities, not classes"):
        load_model(tmp_path / "m").classify(np.ones((1, 4)))


def test_names_are_saved_with_the_model(tmp_path: Path) -> None:
    known = {"class_names": ("a", "b", "c"), "feature_names": ("p", "q", "r", "s"), "label_name": "kind"}
    saved(tmp_path / "m", job(), dataset(**known))
    loaded = load_model(tmp_path / "m")
    assert {name: getattr(loaded, name) for name in known} == known


def test_features_of_another_shape_are_refused(model: SavedModel) -> None:
    with pytest.raises(
        ShapeError, match=r"predict, argument features: expected shape \(n, 4\), got shape \(2, 5\)"
    ):
        model.predict(np.ones((2, 5)))


def refused(path: Path) -> str:
    with pytest.raises(FileFormatError) as caught:
        load_model(path)
    return str(caught.value)


def test_a_missing_file_a_folder_and_a_foreign_file_are_no_models(tmp_path: Path) -> None:
    assert str(tmp_path / "none") in refused(tmp_path / "none")
    assert "is a folder: expected a model file" in refused(tmp_path)
    (tmp_path / "text").write_text("not a model")
    assert str(tmp_path / "text") in refused(tmp_path / "text")
    (tmp_path / "pickle").write_bytes(pickle.dumps({"a": 1}))
    assert str(tmp_path / "pickle") in refused(tmp_path / "pickle")


def test_a_truncated_model_is_refused(model_file: Path) -> None:
    model_file.write_bytes(model_file.read_bytes()[:-20])
    assert str(model_file) in refused(model_file)


def test_a_safetensors_file_of_another_program_is_refused(tmp_path: Path) -> None:
    save_tensors(tmp_path / "m", {"weight": np.zeros(3, np.float32)}, {"format": "pt"})
    assert "is a safetensors file, but not a model saved by chainrule" in refused(tmp_path / "m")


def rewritten(path: Path, change: Any) -> None:
    """Save the file again with its tensors and metadata changed by `change(tensors, metadata,
    description)`."""
    tensors, metadata = load_tensors(path)
    description = json.loads(metadata["model"])
    change(tensors, metadata, description)
    save_tensors(path, tensors, {**metadata, "model": json.dumps(description)})


def test_a_model_of_a_later_format_is_refused_with_its_version(model_file: Path) -> None:
    rewritten(model_file, lambda tensors, metadata, description: metadata.update(version="2"))
    message = refused(model_file)
    assert "has version 2 of the model format, this chainrule reads version 1" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors, metadata, description: description.pop("transform"), "transform"),
        (
            lambda tensors, metadata, description: description.update(feature_shape=[9]),
            "the layer needs (9, 5)",
        ),
        (
            lambda tensors, metadata, description: description["spec"].update(loss="x"),
            "loss: unknown loss 'x'",
        ),
        (lambda tensors, metadata, description: tensors.pop("layers.0.bias"), "expected the tensors"),
        (lambda tensors, metadata, description: tensors["layers.0.bias"].fill(3), "the checksum differs"),
    ],
)
def test_a_damaged_model_says_what_is_damaged(model_file: Path, change: Any, message: str) -> None:
    rewritten(model_file, change)
    found = refused(model_file)
    assert f"{model_file} is a damaged model file: " in found
    assert message in found


def test_saving_replaces_an_older_model_and_leaves_nothing_else_behind(model_file: Path) -> None:
    saved(model_file, job({"linear": {"units": 3}}), dataset())
    assert list(load_model(model_file).model.parameters()) == ["layers.0.weight", "layers.0.bias"]
    assert [path.name for path in model_file.parent.iterdir()] == [model_file.name]


ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_inputs_are_read_from_npy_npz_idx_and_csv(tmp_path: Path, model: SavedModel) -> None:
    np.save(tmp_path / "a.npy", ROWS)
    np.savez(tmp_path / "b.npz", x=ROWS, y=np.zeros(3))
    np.savez(tmp_path / "c.npz", whatever=ROWS)
    header = bytes([0, 0, 0x0D, 2]) + struct.pack(">2I", 3, 4)
    (tmp_path / "d.gz").write_bytes(gzip.compress(header + ROWS.astype(">f4").tobytes()))
    lines = [",".join(map(str, row)) for row in ROWS.tolist()]
    (tmp_path / "e.csv").write_text("\n".join(lines))
    (tmp_path / "f.csv").write_text("\n".join(f"{line},1" for line in lines))
    for path in sorted(tmp_path.glob("?.*")):
        assert np.array_equal(read_inputs(path, model), ROWS), path.name


def test_columns_of_a_csv_are_found_by_name_in_any_order_and_the_label_is_ignored(tmp_path: Path) -> None:
    names = ("p", "q", "r", "s")
    saved(tmp_path / "m", job(), dataset(feature_names=names, label_name="kind"))
    model = load_model(tmp_path / "m")
    (tmp_path / "a.csv").write_text("kind,s,r,q,p\ncat,3,2,1,0\n")
    assert read_inputs(tmp_path / "a.csv", model).tolist() == [[0, 1, 2, 3]]
    (tmp_path / "b.csv").write_text("p,q,r\n1,2,3\n")
    with pytest.raises(DataError, match="lacks columns that the model was trained on: s"):
        read_inputs(tmp_path / "b.csv", model)


def test_flat_rows_and_a_single_sample_take_the_models_shape(tmp_path: Path) -> None:
    saved(tmp_path / "m", job("flatten", {"linear": {"units": 3}}), dataset((2, 2)))
    model = load_model(tmp_path / "m")
    np.save(tmp_path / "flat.npy", ROWS)
    np.save(tmp_path / "one.npy", ROWS[0].reshape(2, 2))
    assert read_inputs(tmp_path / "flat.npy", model).shape == (3, 2, 2)
    assert read_inputs(tmp_path / "one.npy", model).shape == (1, 2, 2)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (ROWS[:, :3], "the model takes samples of shape (4,), the file's samples have shape (3,)"),
        (ROWS * np.nan, "hold nan at row 0, column 0"),
        (ROWS[:0], "holds no samples: its array has shape (0, 4)"),
        (ROWS.astype(str), "features must be numbers"),
        (np.array([{}], dtype=object), "holds pickled Python objects"),
    ],
)
def test_inputs_that_do_not_fit_the_model_are_refused(
    tmp_path: Path, model: SavedModel, array: np.ndarray, message: str
) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DataError) as caught:
        read_inputs(tmp_path / "a.npy", model)
    assert caught.value.field == "inputs"
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1,2,3\n", "the model takes 4 values a sample, the file has 3 of them"),
        (b"1,2,x,4\n", "line 1, column 'column_3': expected a number, got 'x'"),
        (pickle.dumps(ROWS), "is a Python pickle"),
        (b"\xff\xd8\xff\xe0", "not UTF-8 text"),
        (b"GIF8\0\0\0", "is none of the files that can be read"),
    ],
)
def test_files_that_hold_no_inputs_are_refused(
    tmp_path: Path, model: SavedModel, content: bytes, message: str
) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_inputs(tmp_path / "a", model)
    assert message in str(caught.value)


def test_a_job_is_summed_up_without_being_trained() -> None:
    spec = job(
        {"linear": {"units": 64}}, "relu", {"linear": {"units": 10}}, training={"epochs": 3, "batch_size": 32}
    )
    summary = inspect_job(spec)
    assert summary.parameters == 64 * 64 + 64 + 64 * 10 + 10
    assert (summary.train_samples, summary.test_samples) == (1438, 359)
    assert (summary.feature_shape, summary.classes) == ((64,), 10)
    assert (summary.steps_per_epoch, summary.total_steps) == (45, 135)
    assert [(layer.name, layer.output_shape, layer.parameters) for layer in summary.layers] == [
        ("layers.0.linear", (64,), 4160),
        ("layers.1.relu", (64,), 0),
        ("layers.2.linear", (10,), 650),
    ]


def test_the_memory_estimate_grows_with_the_model_and_the_batch() -> None:
    def estimate(units: int, batch: int, workers: int = 1) -> int:
        layers = ({"linear": {"units": units}}, "relu", {"linear": {"units": 10}})
        spec = job(*layers, training={"batch_size": batch}, cluster={"workers": workers})
        return inspect_job(spec).memory_bytes

    more_parameters = 75 * (100_000 - 10)  # 64 weights and a bias into each unit, 10 weights out of it
    assert estimate(100_000, 32) - estimate(10, 32) >= 4 * 3 * more_parameters
    assert estimate(1000, 1438 * 4) == estimate(1000, 1438)
    assert estimate(1000, 1400) >= estimate(1000, 4)
    assert estimate(100_000, 32, workers=4) < estimate(100_000, 32, workers=1)


def test_a_job_that_no_memory_holds_is_refused_with_the_layer_and_the_sizes() -> None:
    huge = {"linear": {"units": 2**29}}
    spec = job(huge, huge, huge, {"linear": {"units": 10}})
    with pytest.raises(SpecError) as caught:
        inspect_job(spec)
    [violation] = caught.value.violations
    assert violation.field == "model[1].linear"
    assert "more than the 1,125,899.9 GB that there are" in violation.message
    assert "use fewer units" in violation.message


def test_a_job_that_this_machine_cannot_hold_is_refused_where_that_is_the_limit() -> None:
    spec = job({"linear": {"units": 1000}}, {"linear": {"units": 10}})
    needed = inspect_job(spec).memory_bytes
    assert inspect_job(spec, memory_limit=needed).memory_bytes == needed
    with pytest.raises(
        SpecError, match=r"more than the 0\.1 GB that there are; layers\.0\.linear alone has 65,000"
    ):
        inspect_job(spec, memory_limit=needed - 1)


NORMALIZED = ({"linear": {"units": 10}}, "batch_norm", "relu", {"linear": {"units": 10}})


@pytest.mark.parametrize(
    ("layers", "loss", "field"),
    [
        (NORMALIZED, "softmax_cross_entropy", "model[1].batch_norm"),
        (({"linear": {"units": 10}},), "triplet_margin", "loss.triplet_margin"),
        (({"linear": {"units": 10}},), "cosine", "loss.cosine"),
    ],
)
def test_micro_batches_of_one_sample_are_refused_where_they_teach_nothing(
    layers: tuple[Any, ...], loss: str, field: str
) -> None:
    def refused(batch_size: int) -> list[str]:
        try:
            inspect_job(job(*layers, loss=loss, training={"batch_size": batch_size, "micro_batches": 4}))
        except SpecError as error:
            return [violation.field for violation in error.violations]
        return []

    assert refused(7) == [field]
    assert refused(8) == []


def test_any_other_model_learns_from_micro_batches_of_one_sample() -> None:
    image = [{"reshape": {"shape": [1, 8, 8]}}, "batch_norm", "flatten", {"linear": {"units": 10}}]
    for layers in (image, [{"linear": {"units": 10}}]):
        inspect_job(job(*layers, training={"batch_size": 4, "micro_batches": 4}))


def test_the_layer_that_needs_most_is_named_whether_for_parameters_or_for_what_it_makes() -> None:
    attention = (
        {"reshape": {"shape": [64, 1]}},
        {"time_linear": {"units": 8}},
        {"multi_head_attention": {"heads": 8}},
    )
    spec = job(*attention, "flatten", {"linear": {"units": 10}})
    with pytest.raises(SpecError) as caught:
        inspect_job(spec, memory_limit=200_000_000)
    [violation] = caught.value.violations
    assert violation.field == "model[2].multi_head_attention"
    assert (
        "alone has 288 parameters and makes about 101,888 values of each of 359 samples" in violation.message
    )
