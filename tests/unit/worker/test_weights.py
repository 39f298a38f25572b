"""Weights from a file: matched by name, told what matched, refused where something cannot be meant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import ml_dtypes
import numpy as np
import pytest

from chainrule.core import nn
from chainrule.core.serialize import save_tensors
from chainrule.worker.spec import InitialWeightsSpec, SpecError
from chainrule.worker.weights import Mismatch, import_weights, load_initial_weights


def model() -> nn.Sequential:
    built = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm(3), nn.Linear(3, 2))
    nn.initialize(built, 5)
    return built


def tensors(of: nn.Module) -> dict[str, np.ndarray]:
    """Other values in the shapes of the model's tensors."""
    random = np.random.default_rng(0)
    both = {**of.parameters(), **nn.buffers(of)}
    return {name: random.uniform(1, 2, tensor.shape).astype(np.float32) for name, tensor in both.items()}


def values(of: nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy().copy() for name, tensor in {**of.parameters(), **nn.buffers(of)}.items()}


def violations(
    file: Path,
    names: Mapping[str, str] | None = None,
    of: nn.Module | None = None,
    layout: Literal["chainrule", "pytorch"] = "chainrule",
) -> list[str]:
    spec = InitialWeightsSpec(path=str(file), layout=layout, names=dict(names or {}))
    with pytest.raises(SpecError) as raised:
        load_initial_weights(model() if of is None else of, spec)
    return [str(violation) for violation in raised.value.violations]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "weights.safetensors"


def test_parameters_and_buffers_take_the_values_of_their_names() -> None:
    ours = model()
    theirs = tensors(ours)
    report = import_weights(ours, theirs)
    assert set(report.matched) == set(theirs)
    assert (report.missing, report.unexpected, report.mismatched) == ((), (), ())
    assert all((values(ours)[name] == theirs[name]).all() for name in theirs)


def test_what_is_on_one_side_only_is_told_and_stays_as_it_was() -> None:
    ours = model()
    before, theirs = values(ours), tensors(ours)
    del theirs["layers.2.weight"], theirs["layers.2.bias"]
    theirs["layers.7.weight"] = np.zeros(3, np.float32)
    report = import_weights(ours, theirs)
    assert report.missing == ("layers.2.weight", "layers.2.bias")
    assert report.unexpected == ("layers.7.weight",)
    assert len(report.matched) == 6
    assert (values(ours)["layers.2.weight"] == before["layers.2.weight"]).all()


def test_another_shape_is_told_and_not_taken() -> None:
    ours = model()
    before = values(ours)
    report = import_weights(ours, {**tensors(ours), "layers.2.weight": np.zeros((3, 5), np.float32)})
    assert report.mismatched == (Mismatch("layers.2.weight", "layers.2.weight", (3, 2), (3, 5)),)
    assert (values(ours)["layers.2.weight"] == before["layers.2.weight"]).all()


@pytest.mark.parametrize(
    ("names", "renamed"),
    [
        ({"layers.0": "encoder.first"}, {"layers.0.": "encoder.first."}),
        ({"layers.0.weight": "w"}, {"layers.0.weight": "w"}),
        ({"": "module"}, {"": "module."}),
        ({"": "module", "layers.2": "head", "layers.2.bias": "b"},
         {"layers.2.bias": "b", "layers.2.": "head.", "": "module."}),
    ],
)  # fmt: skip
def test_names_say_what_is_called_otherwise(names: Mapping[str, str], renamed: Mapping[str, str]) -> None:
    def their_name(name: str) -> str:
        for ours, theirs in renamed.items():
            if name.startswith(ours):
                return theirs + name[len(ours) :]
        return name

    ours = model()
    theirs = {their_name(name): array for name, array in tensors(ours).items()}
    report = import_weights(ours, theirs, names)
    assert (report.missing, report.unexpected) == ((), ())


def test_a_shared_layer_takes_its_weights_once() -> None:
    shared = nn.Linear(3, 3)
    ours = nn.Sequential(shared, nn.Tanh(), shared)
    theirs = {
        "0.weight": np.ones((3, 3)),
        "0.bias": np.ones(3),
        "2.weight": np.ones((3, 3)),
        "2.bias": np.ones(3),
    }
    report = import_weights(ours, theirs, layout="pytorch")
    assert report.matched == ("layers.0.weight", "layers.0.bias")
    assert (report.missing, report.unexpected) == ((), ())
    assert import_weights(ours, {"2.weight": np.ones((3, 3))}, layout="pytorch").missing == ("layers.0.bias",)


def test_weights_of_half_precision_are_taken_as_float32(file: Path) -> None:
    ours = nn.Linear(2, 2)
    halves = {"weight": np.full((2, 2), 1.5, ml_dtypes.bfloat16), "bias": np.full(2, 0.25, np.float16)}
    save_tensors(file, halves)
    assert load_initial_weights(ours, InitialWeightsSpec(path=str(file))).missing == ()
    assert ours.weight.dtype == np.float32
    assert (ours.weight.numpy() == 1.5).all()


def test_a_sparse_layer_takes_the_connections_that_it_has_from_a_whole_matrix() -> None:
    ours = nn.SparseLinear(6, 4, density=0.5)
    whole = np.arange(24, dtype=np.float32).reshape(4, 6)
    import_weights(ours, {"weight": whole, "bias": np.zeros(4)}, layout="pytorch")
    assert (ours.weight.numpy() == whole.T[ours.rows, ours.columns]).all()


def test_attention_may_have_query_key_and_value_of_their_own() -> None:
    ours = nn.Sequential(nn.MultiHeadAttention(4, 2))
    names = {f"layers.0.{part}": f"attention.{part}_proj" for part in ("query", "key", "value")}
    theirs = {f"attention.{part}_proj.weight": np.full((4, 4), 7.0) for part in ("query", "key", "value")}
    report = import_weights(ours, theirs, names, "pytorch")
    assert report.matched == ("layers.0.query.weight", "layers.0.key.weight", "layers.0.value.weight")
    assert report.unexpected == ()


def test_a_file_of_other_shapes_is_refused_with_each_of_them(file: Path) -> None:
    theirs = tensors(model())
    save_tensors(
        file, {**theirs, "layers.2.weight": np.zeros((3, 5)), "layers.0.weight": theirs["layers.0.weight"].T}
    )
    first, second = violations(file)
    where = "initial_weights: layers.0.weight: expected layers.0.weight"
    assert first.startswith(f"{where} of shape (4, 3) in the file, it has shape (3, 4)")
    assert "belongs to the other layout" in first
    assert "of shape (3, 2) in the file, it has shape (3, 5); to start it afresh" in second


def test_a_file_of_which_nothing_matches_is_refused_with_the_names_on_both_sides(file: Path) -> None:
    save_tensors(file, {"encoder.fc.weight": np.zeros((4, 3)), "decoder.weight": np.zeros((9, 9))})
    (violation,) = violations(file)
    assert violation == (
        "initial_weights: none of the 2 tensors in weights.safetensors is one of the model's: the file has "
        "decoder.weight, encoder.fc.weight, the model needs layers.0.weight, layers.0.bias, layers.1.weight "
        "and 5 more. Say under names which is which, as in names: {layers.0.weight: encoder.fc.weight}"
    )


@pytest.mark.parametrize(
    ("written", "read", "names"),
    [
        ("pytorch", "chainrule", ["0.bias", "0.weight"]),
        ("chainrule", "pytorch", ["layers.0.bias", "layers.0.weight"]),
    ],
)
def test_a_file_of_the_other_layout_is_recognised(
    file: Path, written: str, read: Any, names: list[str]
) -> None:
    shapes = {"weight": (3, 4) if written == "pytorch" else (4, 3), "bias": (3,)}
    save_tensors(file, {name: np.zeros(shapes[name.rpartition(".")[2]]) for name in names})
    (violation,) = violations(file, of=nn.Sequential(nn.Linear(4, 3)), layout=read)
    assert violation.endswith(f"They fit with layout: {written}")


def test_a_name_that_the_model_does_not_have_is_refused_with_the_nearest(file: Path) -> None:
    save_tensors(file, tensors(model()))
    assert violations(file, {"layer.0": "fc"}) == [
        "initial_weights.names: the model has nothing called 'layer.0'; did you mean 'layers.0'?"
    ]


def test_a_file_that_is_not_there_or_none_of_safetensors_is_refused(tmp_path: Path) -> None:
    (missing,) = violations(tmp_path / "gone.safetensors")
    assert missing.startswith("initial_weights.path: ") and "found no file there" in missing
    (tmp_path / "model.pt").write_bytes(b"PK\3\4 a pickle of PyTorch's")
    (pickled,) = violations(tmp_path / "model.pt")
    assert pickled.endswith(
        "; write one with safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"
    )
