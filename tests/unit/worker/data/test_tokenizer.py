"""The tokenizer: ids and back, what is unknown, and a vocabulary that survives JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from chainrule.worker.data.tokenizer import UNKNOWN, UNKNOWN_TEXT, Tokenizer

TEXT = "to be, or not to be: ça va?"


@pytest.mark.parametrize("unit", ["characters", "bytes"])
def test_text_comes_back_from_its_ids(unit):
    tokenizer = Tokenizer.fit([TEXT], unit)

    assert tokenizer.decode(tokenizer.encode(TEXT)) == TEXT


def test_words_come_back_with_single_spaces():
    tokenizer = Tokenizer.fit(["to  be,\nor not"], "words")

    assert tokenizer.vocabulary == (",", "be", "not", "or", "to")
    assert tokenizer.encode("to be, or").tolist() == [5, 2, 1, 4]
    assert tokenizer.decode(tokenizer.encode("to be, or")) == "to be , or"


@pytest.mark.parametrize("unit", ["characters", "words"])
def test_what_was_not_in_the_training_text_is_unknown(unit):
    tokenizer = Tokenizer.fit(["a b"], unit)

    ids = tokenizer.encode("é" if unit == "characters" else "élan")

    assert ids.tolist() == [UNKNOWN]
    assert tokenizer.decode(ids) == UNKNOWN_TEXT


def test_every_text_has_bytes():
    tokenizer = Tokenizer.fit([], "bytes")

    assert tokenizer.size == 256
    assert tokenizer.encode("é").tolist() == [0xC3, 0xA9]


def test_ids_are_below_the_size_and_fit_an_embedding():
    for unit in ("characters", "words"):
        tokenizer = Tokenizer.fit([TEXT], unit)
        ids = tokenizer.encode(TEXT)
        assert ids.dtype == np.int64
        assert ids.min() >= 1 and ids.max() == tokenizer.size - 1


def test_a_bounded_vocabulary_keeps_the_most_frequent_and_breaks_ties_by_the_alphabet():
    assert Tokenizer.fit(["c c b a"], "words", most=2).vocabulary == ("a", "c")
    assert Tokenizer.fit(["ccba"], "characters", most=2).vocabulary == ("a", "c")


def test_pieces_of_a_text_give_the_vocabulary_of_the_whole():
    assert Tokenizer.fit(["to be", " or not"], "words") == Tokenizer.fit(["to be or not"], "words")


def test_it_survives_json():
    for unit in ("characters", "bytes", "words"):
        tokenizer = Tokenizer.fit([TEXT], unit)
        assert Tokenizer.from_json(json.loads(json.dumps(tokenizer.to_json()))) == tokenizer


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"unit": "syllables", "vocabulary": []}, "characters, bytes or words"),
        ({"unit": "words", "vocabulary": ["b", "a"]}, "in order"),
        ({"unit": "words", "vocabulary": ["a", "a"]}, "different"),
        ({"unit": "characters", "vocabulary": ["ab"]}, "single characters"),
    ],
)
def test_other_json_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        Tokenizer.from_json(data)


def test_an_id_beyond_the_vocabulary_is_refused():
    with pytest.raises(ValueError, match="ids from 0 to 1, got 2"):
        Tokenizer.fit(["a"], "words").decode([2])


def test_an_empty_vocabulary_knows_nothing():
    assert Tokenizer.fit([], "characters").encode("ab").tolist() == [UNKNOWN, UNKNOWN]
