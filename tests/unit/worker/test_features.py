"""Features that are ids: told from the model, held against its embedding, and never scaled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.core import nn
from chainrule.worker.data.dataset import Dataset
from chainrule.worker.data.transform import FeatureTransform
from chainrule.worker.features import check_ids, takes_integers
from chainrule.worker.gradient_worker import GradientComputer
from chainrule.worker.objective import Objective
from chainrule.worker.spec import SpecError, parse_spec


def dataset(features: Any, test: Any = ()) -> Dataset:
    train = np.asarray(features)
    held_out = np.asarray(test, train.dtype).reshape(-1, *train.shape[1:])
    labels = np.zeros(len(train), np.int64), np.zeros(len(held_out), np.int64)
    return Dataset(train, labels[0], held_out, labels[1], 2, FeatureTransform.scaling(5.0, 0.1))


def model(rows: int = 4) -> nn.Sequential:
    return nn.Sequential(nn.Embedding(rows, 2), nn.Flatten(), nn.Linear(4, 2))


def refusal(data: Dataset, rows: int = 4) -> tuple[str, str]:
    with pytest.raises(SpecError) as caught:
        check_ids(model(rows), data)
    [violation] = caught.value.violations
    return violation.field, violation.message


def test_a_model_takes_ids_if_the_first_layer_that_computes_looks_them_up() -> None:
    assert takes_integers(model())
    assert takes_integers(nn.Sequential(nn.Reshape(2), nn.Sequential(nn.Flatten(), nn.Embedding(2, 2))))
    assert not takes_integers(nn.Sequential(nn.Linear(2, 2), nn.Embedding(2, 2)))
    assert not takes_integers(nn.Sequential(nn.Dropout(0.5), nn.Embedding(2, 2)))  # ids times 2
    assert not takes_integers(nn.Sequential(nn.Flatten()))


def test_ids_beyond_the_embedding_say_how_many_rows_it_needs() -> None:
    check_ids(model(), dataset([[0, 3]], [[2, 2]]))
    field, message = refusal(dataset([[0, 1]], [[2, 9]]))
    assert field == "model"
    assert message == "the features are ids up to 9, its embedding has rows for 0 to 3: set rows: 10"


@pytest.mark.parametrize("wrong", [-1, 0.5])
def test_what_is_no_id_is_named(wrong: float) -> None:
    field, message = refusal(dataset([[0, 1], [wrong, 1]]))
    assert field == "dataset"
    assert message == f"the model begins with an embedding, which needs ids from 0, got {wrong}"


def test_other_models_take_any_numbers() -> None:
    check_ids(nn.Sequential(nn.Linear(2, 2)), dataset([[-1.5, 1e9]]))


def test_ids_reach_the_model_as_they_are() -> None:
    data = dataset([[1.0, 3.0], [0.0, 2.0]])
    spec = parse_spec(
        {
            "dataset": {"source": "digits"},
            "model": ["relu"],
            "loss": "softmax_cross_entropy",
            "optimizer": "adam",
        }
    )
    network = model()
    computer = GradientComputer(network, data, Objective(spec, data), "cpu")
    out = [np.zeros(tensor.shape, np.float32) for tensor in network.parameters().values()]
    computer.use([tensor.data for tensor in network.parameters().values()])
    computer.gradient(np.array([0]), 1, nn.ForwardContext(training=True), out)
    assert np.flatnonzero(np.abs(out[0]).sum(axis=1)).tolist() == [1, 3]
