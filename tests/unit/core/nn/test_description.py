"""How models and optimizers show themselves."""

from __future__ import annotations

import re

from chainrule.core import nn, optim


def test_a_model_shows_its_layers_as_a_tree_with_settings_and_numbers_of_parameters() -> None:
    body = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm(6))
    model = nn.Sequential(nn.Conv2d(1, 6, (5, 3), stride=2), nn.ReLU(), nn.Residual(body), nn.Dropout(0.2))
    assert repr(model) == (
        "Sequential: 438 parameters\n"
        "  layers.0: Conv2d(channels=1, filters=6, kernel=(5, 3), stride=(2, 2)): 96 parameters\n"
        "  layers.1: ReLU\n"
        "  layers.2: Residual: 342 parameters\n"
        "    body: Sequential: 342 parameters\n"
        "      layers.0: Conv2d(channels=6, filters=6, kernel=(3, 3), padding=(1, 1)): 330 parameters\n"
        "      layers.1: BatchNorm(channels=6): 12 parameters\n"
        "  layers.3: Dropout(rate=0.2)"
    )


def test_a_layer_alone_shows_what_differs_from_what_it_would_have_taken_by_itself() -> None:
    assert repr(nn.GELU()) == "GELU"
    assert repr(nn.LeakyReLU(0.2)) == "LeakyReLU(slope=0.2)"
    assert repr(nn.RNN(3, 1, activation="relu")).splitlines()[1] == (
        "  cells.0: RNNCell(inputs=3, units=1, activation='relu'): 6 parameters"
    )


def test_an_optimizer_shows_its_rule_and_how_far_it_is() -> None:
    optimizer = optim.FlatOptimizer(optim.SGD(0.5, momentum=0.9), nn.Linear(4, 3))
    optimizer.step()
    assert repr(optimizer) == (
        "FlatOptimizer(SGD(learning_rate=0.5, momentum=0.9, nesterov=False, weight_decay=0.0)): "
        "15 parameters, step 1"
    )


def test_errors_call_a_layer_by_its_name_in_small_letters_as_job_files_do() -> None:
    exceptions = {"relu6", "silu", "leaky_relu", "log_sigmoid", "relu", "elu", "gelu", "selu", "gru", "lstm"}
    for name, layer in vars(nn).items():
        if isinstance(layer, type) and issubclass(layer, nn.Module) and layer.kind not in exceptions:
            words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=RMS)(?=Norm)", "_", name).lower()
            assert layer.kind in (words, "module"), name
