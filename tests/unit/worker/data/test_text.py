"""Texts: tokens in windows, and the same one later as targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.worker.data import DataError, Dataset, load_dataset
from chainrule.worker.data.text import read_text
from chainrule.worker.spec import DatasetSpec
from chainrule.worker.spec.losses import LOSSES


def load(path: Path, window: int = 4, **fields: Any) -> Dataset:
    fields = {"test_fraction": 0, **fields}
    spec = DatasetSpec(source="text", path=str(path), window=window, **fields)
    return load_dataset(spec, loss=LOSSES["softmax_cross_entropy"](), seed=0)


def text(path: Path, content: str) -> Path:
    path.write_bytes(content.encode())
    return path


def spelled(dataset: Dataset, ids: np.ndarray) -> list[str]:
    assert dataset.class_names is not None
    return [dataset.class_names[number] for number in ids]


def test_targets_are_the_characters_one_later(tmp_path: Path) -> None:
    dataset = load(text(tmp_path / "a.txt", "größer als"))
    assert dataset.class_names == tuple(sorted(set("größer als")))
    assert dataset.train_features.shape == dataset.train_targets.shape == (2, 4)
    assert "".join(spelled(dataset, dataset.train_features[:].ravel())) == "größer a"
    assert "".join(spelled(dataset, dataset.train_targets[:].ravel())) == "rößer al"
    assert dataset.train_targets[:1].dtype == np.int64
    assert dataset.classes == len(set("größer als"))


def test_bytes_have_256_classes_whatever_occurs(tmp_path: Path) -> None:
    dataset = load(text(tmp_path / "a.txt", "größer"), tokenizer="bytes")
    assert dataset.classes == 256
    assert bytes(dataset.train_features[0].tolist()) == "größer".encode()[:4]


def test_words_and_marks_are_tokens_wherever_a_block_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "Words, and more words; größer.\n"
    wanted = ["Words", ",", "and", "more", "words", ";", "größer"]
    for block in (1, 3, 7, 1 << 20):
        monkeypatch.setattr("chainrule.worker.data.text._BLOCK", block)
        dataset = load(text(tmp_path / f"{block}.txt", content), window=7, tokenizer="words")
        assert spelled(dataset, dataset.train_features[0]) == wanted
        assert spelled(dataset, dataset.train_targets[0]) == [*wanted[1:], "."]


def test_some_windows_are_held_out(tmp_path: Path) -> None:
    dataset = load(text(tmp_path / "a.txt", "abcd" * 25 + "a"), test_fraction=0.2)
    assert (dataset.train_samples, dataset.test_samples) == (20, 5)


def test_a_test_text_uses_the_vocabulary_of_the_training_text(tmp_path: Path) -> None:
    train = text(tmp_path / "a.txt", "zyxab")
    dataset = load(train, test_path=str(text(tmp_path / "b.txt", "abxyz")))
    assert "".join(spelled(dataset, dataset.test_features[0])) == "abxy"
    with pytest.raises(DataError, match="holds 'q', which the training text does not"):
        load(train, test_path=str(text(tmp_path / "c.txt", "abqyz")))


def test_short_texts_and_other_encodings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has 4 tokens: expected at least one more than a window of 4"):
        load(text(tmp_path / "a.txt", "abcd"))
    (tmp_path / "b.txt").write_bytes("größer".encode("latin-1"))
    with pytest.raises(DataError, match=r"is not UTF-8 text .*use tokenizer: bytes"):
        load(tmp_path / "b.txt")


def test_a_text_to_predict_on_becomes_windows(tmp_path: Path) -> None:
    path = text(tmp_path / "a.txt", "badcab")
    np.testing.assert_array_equal(
        read_text(path, "inputs", None, ("a", "b", "c", "d"), 2), [[1, 0], [3, 2], [0, 1]]
    )
    with pytest.raises(DataError, match="holds 'd', which the text that the model learned does not"):
        read_text(path, "inputs", "characters", ("a", "b", "c"), 2)
