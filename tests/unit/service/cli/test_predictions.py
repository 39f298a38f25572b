"""What is told of new samples fits what the model was trained for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.core import nn
from chainrule.core.tensor import Tensor
from chainrule.service.cli import main
from chainrule.service.cli.predictions import predict
from chainrule.worker.data.transform import FeatureTransform
from chainrule.worker.model import SavedModel
from chainrule.worker.spec import parse_spec


class Given(nn.Module):
    """Gives what it gets: the test says what the outputs are."""

    kind = "given"

    def forward(self, x: Tensor, context: nn.ForwardContext) -> Tensor:
        return x

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


def predicted(loss: Any, outputs: Any, names: tuple[str, ...] | None = None) -> Any:
    """What is told of a model with these outputs."""
    given = np.array(outputs, np.float32)
    job = {"dataset": {"source": "digits"}, "model": ["relu"], "loss": loss, "optimizer": "adam"}
    saved = SavedModel(
        model=Given(),
        spec=parse_spec(job),
        feature_shape=given.shape[1:],
        transform=FeatureTransform.identity(),
        classes=given.shape[-1],
        class_names=names,
        feature_names=None,
        label_name=None,
        categories={},
        digest="",
        metadata={},
    )
    return predict(saved, given)


def rows(predictions: Any) -> list[list[str]]:
    return [predictions.cells(row, lambda value: f"{value:.2f}") for row in range(len(predictions))]


def test_a_class_comes_with_its_name_and_its_probability() -> None:
    told = predicted("softmax_cross_entropy", [[0, np.log(3)], [np.log(4), 0]], ("no", "yes"))
    assert (told.headings(), rows(told)) == (["class", "probability"], [["yes", "0.75"], ["no", "0.80"]])
    fields = told.fields(0)
    assert (fields["class"], fields["class_name"]) == (1, "yes")
    np.testing.assert_allclose(fields["probabilities"], [0.25, 0.75], rtol=1e-6)
    assert fields["probability"] == fields["probabilities"][1]


def test_log_probabilities_are_told_as_the_probabilities_that_they_are_of() -> None:
    told = predicted("negative_log_likelihood", np.log([[0.25, 0.75]]))
    np.testing.assert_allclose(told.fields(0)["probabilities"], [0.25, 0.75], rtol=1e-6)


def test_scores_of_a_hinge_loss_are_not_taken_for_probabilities() -> None:
    told = predicted("multiclass_hinge", [[-1, 2, 0.5]])
    assert (told.headings(), rows(told)) == (["class", "score"], [["1", "2.00"]])
    assert told.fields(0)["scores"] == [-1, 2, 0.5]
    assert "not probabilities" in told.note
    told = predicted("hinge", [[-1.5]])
    assert (told.headings(), rows(told)) == (["score"], [["-1.50"]])


def test_a_sequence_of_labels_is_one_row_with_a_class_for_each_element() -> None:
    outputs = [[[0, 1], [2, 0], [0, 3]], [[1, 0], [1, 0], [0, 1]]]
    told = predicted("softmax_cross_entropy", outputs, ("noun", "verb"))
    assert told.headings() == ["classes"]
    assert rows(told) == [["verb noun verb"], ["noun noun verb"]]
    fields = told.fields(0)
    assert (fields["classes"], fields["class_names"]) == ([1, 0, 1], ["verb", "noun", "verb"])
    np.testing.assert_allclose(np.sum(fields["probabilities"], axis=-1), [1, 1, 1], rtol=1e-6)


def test_ctc_takes_repeats_once_and_leaves_blanks_out() -> None:
    path = np.eye(3)[[1, 1, 0, 1, 2, 2, 0]]
    told = predicted({"ctc": {"blank": 0}}, [path, np.eye(3)[[0] * 7]])
    assert rows(told) == [["1 1 2"], [""]]
    assert told.fields(0) == {"classes": [1, 1, 2], "class_names": ["1", "1", "2"]}
    assert "blanks" in told.note


def test_binary_outputs_are_told_as_probabilities_and_that_is_said() -> None:
    told = predicted("binary_cross_entropy", [[0.0, np.log(3)], [-np.log(3), 50]])
    assert told.headings() == ["probability 0", "probability 1"]
    assert rows(told) == [["0.50", "0.75"], ["0.25", "1.00"]]
    np.testing.assert_allclose(told.fields(0)["probabilities"], [0.5, 0.75], rtol=1e-6)
    assert "sigmoid" in told.note


@pytest.mark.parametrize("loss", ["triplet_margin", "contrastive", "cosine"])
def test_what_was_trained_to_tell_samples_apart_gives_vectors_and_no_classes(loss: str) -> None:
    told = predicted(loss, [[3, 1]], ("a", "b"))
    assert (told.headings(), rows(told)) == (["value 0", "value 1"], [["3.00", "1.00"]])
    assert told.fields(0) == {"values": [3, 1]}
    assert "near each other" in told.note


def test_sequences_of_numbers_are_told_element_by_element() -> None:
    told = predicted("squared_error", [[[1, 2], [3, 4]]])
    assert told.headings() == ["value 0.0", "value 0.1", "value 1.0", "value 1.1"]
    assert rows(told) == [["1.00", "2.00", "3.00", "4.00"]]
    assert told.fields(0) == {"values": [[1, 2], [3, 4]]}
    assert predicted("huber", [[7]]).headings() == ["value"]


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """A function: train a model on sequences with labels, then what `predict` writes of two of them."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((40, 3, 2)).astype(np.float32)
    labels = (features.sum(axis=-1) > 0).astype(np.int64) + 1
    np.savez(tmp_path / "data.npz", x=features, y=labels)
    np.save(tmp_path / "new.npy", features[:2])
    job = {
        "dataset": {"source": "npz", "path": "data.npz", "test_fraction": 0.2},
        "model": [{"time_linear": {"units": 3}}],
        "loss": "softmax_cross_entropy",
        "optimizer": {"adam": {"learning_rate": 0.1}},
        "training": {"epochs": 2, "batch_size": 8},
    }
    (tmp_path / "job.json").write_text(json.dumps(job))
    kept = str(tmp_path / "kept.safetensors")
    where = ["--data-dir", str(tmp_path / "data"), "--save", kept]
    assert main(["train", str(tmp_path / "job.json"), "--runtime", "inprocess", *where]) == 0
    capsys.readouterr()

    def predict_by_command(form: str) -> str:
        assert main(["predict", kept, str(tmp_path / "new.npy"), "--output", form]) == 0
        return capsys.readouterr().out

    return predict_by_command


def test_a_trained_labeller_of_sequences_is_told_as_table_csv_and_json(say: Callable[..., str]) -> None:
    objects = [json.loads(line) for line in say("json").splitlines()]
    sequences = [" ".join(map(str, each["classes"])) for each in objects]
    assert [len(each["classes"]) for each in objects] == [3, 3]
    assert np.shape(objects[0]["probabilities"]) == (3, 3)
    assert say("csv").splitlines() == ["row,classes", *(f"{n},{told}" for n, told in enumerate(sequences))]
    assert [line.split(maxsplit=1) for line in say("text").splitlines()[1:]] == [
        [str(number), told] for number, told in enumerate(sequences)
    ]
