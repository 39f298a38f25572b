"""ONNX files: valid, and computed by onnxruntime to what chainrule computes, for every layer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from exported_layers import LAYERS, MODELS, Case, with_a_shared_layer

from chainrule.core import Tensor, nn, no_grad
from chainrule.core.errors import ChainruleError
from chainrule.worker.data import FeatureTransform
from chainrule.worker.onnx_export import OPSET, export_model
from chainrule.worker.onnx_export.table import TRANSLATORS

BASES = {nn.Module, nn.Activation}
"""What is in `nn` without being a layer."""


def filled(case: Case) -> nn.Module:
    """The layer with random parameters and running statistics."""
    random, model = np.random.default_rng(3), case.layer()
    for parameter in model.parameters().values():
        parameter.data[...] = random.normal(0, 0.4, parameter.shape)
    for buffer in nn.buffers(model).values():
        buffer.data[...] = random.uniform(0.5, 2, buffer.shape)
    return model


def samples(case: Case, count: int) -> np.ndarray:
    random = np.random.default_rng(count)
    if case.ids is not None:
        return random.integers(0, case.ids, (count, *case.shape))
    return random.normal(0, 2, (count, *case.shape)).astype(np.float32)


def run(content: bytes, features: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["outputs"], {"features": features})[0])


def outputs_agree(case: Case) -> onnx.ModelProto:
    """One file for both batch sizes; returns what is in it."""
    model = filled(case)
    content = export_model(model, case.shape)
    for count in (1, 5):
        features = samples(case, count)
        with no_grad():
            ours = model(Tensor(features)).numpy()
        theirs = run(content, features)
        assert theirs.shape == ours.shape
        assert np.abs(theirs - ours).max() <= 1e-5 * np.abs(ours).max()
    parsed = onnx.load_from_string(content)
    onnx.checker.check_model(parsed, full_check=True)
    return parsed


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_onnxruntime_finds_the_outputs_of_the_layer(case: Case) -> None:
    outputs_agree(case)


@pytest.mark.parametrize("name", MODELS)
def test_onnxruntime_finds_the_outputs_of_whole_models(name: str) -> None:
    outputs_agree(MODELS[name])


def test_every_layer_has_a_translator_and_a_comparison() -> None:
    kinds = {each for each in vars(nn).values() if isinstance(each, type) and issubclass(each, nn.Module)}
    assert kinds - BASES == set(TRANSLATORS)
    assert {type(case.layer()) for case in LAYERS} == set(TRANSLATORS)


def test_weights_are_named_as_in_the_model_and_a_shared_layer_is_there_once() -> None:
    parsed = outputs_agree(Case(with_a_shared_layer, (6,)))
    names = [tensor.name for tensor in parsed.graph.initializer]
    assert sorted(names) == ["layers.0.bias", "layers.0.weight", "layers.4.bias", "layers.4.weight"]
    assert [node.name for node in parsed.graph.node][:3] == [
        "layers.0/Gemm",
        "layers.1/Relu",
        "layers.0/Gemm_2",
    ]


def test_the_file_says_what_it_takes_and_gives() -> None:
    parsed = onnx.load_from_string(export_model(nn.Linear(4, 3), (4,), words={"digest": "abc"}))
    assert [(each.domain, each.version) for each in parsed.opset_import] == [("", OPSET)]
    assert parsed.producer_name == "chainrule"
    assert {each.key: each.value for each in parsed.metadata_props} == {"digest": "abc"}
    described: dict[str, list[Any]] = {
        each.name: [axis.dim_param or axis.dim_value for axis in each.type.tensor_type.shape.dim]
        for each in (*parsed.graph.input, *parsed.graph.output)
    }
    assert described == {"features": ["batch", 4], "outputs": ["batch", 3]}


def test_a_batch_may_be_empty() -> None:
    case = MODELS["lenet"]
    assert run(export_model(filled(case), case.shape), samples(case, 0)).shape == (0, 10)


@pytest.mark.parametrize(
    ("offset", "scale"), [(0.0, 1.0), (3.0, 1.0), (0.0, 0.5), ([1.0, 2, 3, 4], [2.0, 1, 1, 3])]
)
def test_the_file_takes_raw_features(offset: Any, scale: Any) -> None:
    case = Case(lambda: nn.Linear(4, 3), (4,))
    model, transform = filled(case), FeatureTransform.scaling(offset, scale)
    raw = samples(case, 5)
    with no_grad():
        ours = model(Tensor(transform.apply(raw))).numpy()
    np.testing.assert_allclose(run(export_model(model, (4,), transform=transform), raw), ours, rtol=1e-5)


def test_an_ending_comes_behind_the_last_layer() -> None:
    case = Case(lambda: nn.Linear(4, 3), (4,))
    outputs = run(export_model(filled(case), (4,), ending=nn.Softmax()), samples(case, 5))
    np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-6)


def test_a_layer_of_the_users_own_is_named_with_its_place() -> None:
    class Doubled(nn.Activation):
        kind = "doubled"

    model = nn.Sequential(nn.Flatten(), nn.Residual(Doubled()))
    with pytest.raises(
        ChainruleError, match=r"^layers\.1\.body: a doubled layer \(Doubled\) cannot be exported"
    ):
        export_model(model, (4,))


def test_samples_that_do_not_fit_are_named_with_the_place_of_the_layer() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    with pytest.raises(
        ChainruleError, match=r"layers\.1\.linear: expected samples of shape \(4,\), got .*\(5,\)"
    ):
        export_model(model, (5,))


def test_pooling_over_more_axes_than_runtimes_know_is_refused() -> None:
    with pytest.raises(
        ChainruleError, match=r"max_pool: ONNX runtimes pool over 3 spatial axes at most, here are 4"
    ):
        export_model(nn.MaxPool(1), (2, 3, 3, 3, 3))


def test_weights_beyond_what_a_file_holds_are_refused() -> None:
    model = nn.Embedding(1, 2)
    model.rows, model.units = 1_000_000, 1000
    model.weight.data = np.broadcast_to(np.float32(0), (1_000_000, 1000))  # of all that, one number is stored
    with pytest.raises(ChainruleError, match=r"the model's weights take 4\.0 GB: an ONNX file holds 2\.1 GB"):
        export_model(model, (3,))


def test_without_onnx_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("chainrule.worker.onnx_export")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)  # how Python marks what cannot be imported
    with pytest.raises(ChainruleError, match=r"pip install 'chainrule\[onnx\]'"):
        import chainrule.worker.onnx_export  # noqa: F401


def test_a_written_file_runs_from_disk(tmp_path: Path) -> None:
    case = MODELS["lenet"]
    (tmp_path / "lenet.onnx").write_bytes(export_model(filled(case), case.shape))
    session = onnxruntime.InferenceSession(tmp_path / "lenet.onnx", providers=["CPUExecutionProvider"])
    assert [each.shape for each in session.get_inputs()] == [["batch", 1, 28, 28]]
