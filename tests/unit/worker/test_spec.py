"""The job description: what is accepted, what it becomes, and what is said about everything else."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.worker.spec import JobSpec, SpecError, parse_spec


def job(**changes: Any) -> dict[str, Any]:
    """A small correct job with some of its keys replaced."""
    return {
        "dataset": {"source": "digits"},
        "model": [{"linear": {"units": 16}}, "relu", {"linear": {"units": 10}}],
        "loss": "softmax_cross_entropy",
        "optimizer": "adam",
        **changes,
    }


def problems(data: dict[str, Any]) -> dict[str, str]:
    """Field -> message of all that is wrong with a description."""
    with pytest.raises(SpecError) as caught:
        parse_spec(data)
    return {violation.field: violation.message for violation in caught.value.violations}


def test_defaults_are_those_of_the_documentation() -> None:
    spec = parse_spec(job())
    assert spec.name == "job"
    assert spec.metrics == ()
    assert (spec.dataset.test_fraction, spec.dataset.normalize) == (0.2, "none")
    training, cluster = spec.training, spec.cluster
    assert (training.epochs, training.batch_size, training.micro_batches, training.seed) == (10, 32, 4, 0)
    assert (training.shuffle, training.checkpoint_every, training.early_stopping) == (True, 1, None)
    assert (cluster.workers, cluster.parameter_servers, cluster.device) == (1, 1, "cpu")
    assert (training.schedule, training.warm_up, training.average) == (None, None, None)
    assert (training.clip_value, training.clip_norm) == (None, None)
    assert (training.precision, training.loss_scale) == ("float32", None)
    assert (spec.penalties, spec.parameter_groups, spec.initial_weights) == ((), (), None)
    assert spec.optimizer.plain() == {
        "adam": {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0}
    }


def test_a_layer_may_be_a_name_or_a_name_with_settings_or_with_none() -> None:
    spec = parse_spec(job(model=["relu", {"relu": {}}, {"relu": None}, {"linear": {"units": 1}}]))
    assert [next(iter(layer)) for layer in spec.model_dump_job()["model"]] == [
        "relu",
        "relu",
        "relu",
        "linear",
    ]


def test_the_canonical_form_writes_defaults_out_and_reads_back_to_the_same_job() -> None:
    training = {"early_stopping": {}, "schedule": "cosine"}
    spec = parse_spec(job(training=training, optimizer={"sgd": {"momentum": 0.9}}))
    dumped = spec.model_dump_job()
    assert dumped["model"] == [
        {"linear": {"units": 16, "bias": True}},
        {"relu": {}},
        {"linear": {"units": 10, "bias": True}},
    ]
    assert dumped["optimizer"]["sgd"]["learning_rate"] == 0.01
    assert dumped["loss"]["softmax_cross_entropy"] == {"label_smoothing": 0.0, "class_weights": []}
    assert dumped["training"]["schedule"] == {"cosine": {"final": 0.0}}
    assert "warm_up" not in dumped["training"]
    assert parse_spec(json.loads(json.dumps(dumped))) == spec


LAYERS = st.one_of(
    st.builds(
        lambda units, bias: {"linear": {"units": units, "bias": bias}}, st.integers(1, 9), st.booleans()
    ),
    st.builds(lambda rate: {"dropout": {"rate": rate}}, st.floats(0, 0.99)),
    st.sampled_from(["relu", "sigmoid", "tanh", "flatten"]),
)


@given(
    st.lists(LAYERS, min_size=1, max_size=5),
    st.one_of(st.just("full"), st.integers(1, 10**6)),
    st.integers(0, 2**63 - 1),
    st.floats(1e-12, 1e3),
    st.one_of(st.none(), st.floats(0, 0.9)),
)
def test_every_correct_job_survives_its_canonical_form(
    model: list[Any], batch: Any, seed: int, rate: float, fraction: float | None
) -> None:
    dataset = {"source": "digits", **({} if fraction is None else {"test_fraction": fraction})}
    training = {"batch_size": batch, "seed": seed}
    spec = parse_spec(
        job(model=model, dataset=dataset, training=training, optimizer={"adamw": {"learning_rate": rate}})
    )
    assert parse_spec(spec.model_dump_job()) == spec


def test_a_job_description_cannot_be_changed_in_place() -> None:
    spec = parse_spec(job())
    with pytest.raises(ValueError, match="frozen"):
        spec.name = "other"  # type: ignore[misc]


def test_an_unknown_key_suggests_the_nearest_known_one_and_lists_all() -> None:
    found = problems(job(optimizer={"adam": {"leraning_rate": 0.1}}))
    assert found == {
        "optimizer.adam.leraning_rate": "unknown key 'leraning_rate'; did you mean 'learning_rate'? "
        "(known keys: learning_rate, beta1, beta2, epsilon, weight_decay)"
    }


def test_an_unknown_key_at_the_top_is_named() -> None:
    assert "did you mean 'training'?" in problems(job(trainig={}))["trainig"]


def test_a_key_that_is_a_number_is_an_unknown_key() -> None:
    assert "unknown key '7'" in problems(job(dataset={"source": "digits", 7: 1}))["dataset.7"]


def test_a_key_of_a_layer_without_settings_is_refused() -> None:
    found = problems(job(model=[{"relu": {"slope": 1}}]))
    assert found == {"model[0].relu.slope": "unknown key 'slope' (known keys: name, repeat)"}


def test_a_key_of_a_kind_without_settings_is_refused() -> None:
    found = problems(job(loss={"squared_error": {"delta": 1}}))
    assert found == {"loss.squared_error.delta": "unknown key 'delta' (it takes no keys)"}


def test_all_problems_are_reported_at_once_with_their_paths() -> None:
    found = problems(
        job(
            name="two words",
            dataset={"source": "digit"},
            model=[{"linear": {"units": 0}}, "rulu", {"linear": {}}],
            loss="mse",
            optimizer={"adam": {"learning_rate": -1}},
            training={"epochs": 1.5, "batch_size": 0},
            cluster={"device": "tpu"},
        )
    )
    assert set(found) == {
        "name",
        "dataset.source",
        "model[0].linear.units",
        "model[1]",
        "model[2].linear.units",
        "loss",
        "optimizer.adam.learning_rate",
        "training.epochs",
        "training.batch_size",
        "cluster.device",
    }


def test_the_error_as_text_lists_the_problems_one_a_line() -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(job(loss={"huber": {"delta": 0}}, training={"epochs": 0}))
    assert str(caught.value).splitlines() == [
        "the job description has 2 problems:",
        "  loss.huber.delta: expected a finite number greater than 0, got 0",
        "  training.epochs: expected a whole number, 1 or more, got 0",
    ]


def test_missing_parts_say_what_belongs_there() -> None:
    missing = "required key is missing: expected"
    assert problems({}) == {
        "dataset": f"{missing} keys and values, for example {{source: digits}}",
        "model": f"{missing} a list of at least one layer",
        "loss": f"{missing} a loss, for example `softmax_cross_entropy` or `huber: {{delta: 0.5}}`",
        "optimizer": f"{missing} an optimizer, for example `adam` or `adam: {{learning_rate: 0.001}}`",
    }


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"name": ""}, "name", "expected 1 to 63 letters, digits, '-', '_' or '.'"),
        ({"name": "x" * 64}, "name", "expected 1 to 63 letters"),
        ({"name": "x\n"}, "name", "expected 1 to 63 letters"),
        ({"name": 5}, "name", "got 5"),
        ({"dataset": None}, "dataset", "expected keys and values (known keys: source, path, "),
        ({"dataset": "digits"}, "dataset", "got 'digits'"),
        ({"dataset": {"source": "dijits"}}, "dataset.source", "got 'dijits'; did you mean 'digits'?"),
        ({"model": []}, "model", "expected a list of at least one layer, got []"),
        ({"model": "relu"}, "model", "expected a list of at least one layer, got 'relu'"),
        ({"model": [None]}, "model[0]", "expected exactly one layer, written like `relu` or"),
        ({"model": [{}]}, "model[0]", "expected exactly one layer"),
        ({"model": [{"relu": {}, "tanh": {}}]}, "model[0]", "got 2 keys (relu, tanh)"),
        ({"model": ["lineer"]}, "model[0]", "unknown layer 'lineer'; did you mean 'linear'? (known: linear,"),
        (
            {"model": [{"linear": 64}]},
            "model[0].linear",
            "expected keys and values (known keys: units, bias, name, repeat, initializer), got 64",
        ),
        (
            {"model": [{"linear": {"units": True}}]},
            "model[0].linear.units",
            "a whole number, 1 or more, got true",
        ),
        (
            {"model": [{"linear": {"units": "64"}}]},
            "model[0].linear.units",
            "a whole number, 1 or more, got '64'",
        ),
        ({"model": [{"linear": {"units": 2**31}}]}, "model[0].linear.units", "got 2147483648"),
        ({"model": [{"dropout": {"rate": 1}}]}, "model[0].dropout.rate", "but not including, 1, got 1"),
        ({"metrics": "accuracy"}, "metrics", "expected a list of metrics: accuracy, "),
        ({"loss": "mse"}, "loss", "unknown loss 'mse' (known: softmax_cross_entropy, squared_error, "),
        ({"loss": "hubber"}, "loss", "unknown loss 'hubber'; did you mean 'huber'?"),
        ({"loss": {"hinge": {"power": 3}}}, "loss.hinge.power", "expected 1 or 2, got 3"),
        ({"loss": {"ctc": {"blank": -1}}}, "loss.ctc.blank", "expected a whole number, 0 or more, got -1"),
        (
            {"loss": {"triplet_margin": {"mining": "soft"}}},
            "loss.triplet_margin.mining",
            "expected one of hard, semi_hard, all, got 'soft'",
        ),
        (
            {"loss": {"softmax_cross_entropy": {"class_weights": [0, 0]}}},
            "loss.softmax_cross_entropy.class_weights",
            "expected a weight above 0 for some class: with these nothing counts",
        ),
        (
            {"loss": {"softmax_cross_entropy": {"class_weights": [1, -1]}}},
            "loss.softmax_cross_entropy.class_weights[1]",
            "got -1",
        ),
        ({"penalties": "l1"}, "penalties", "expected a list, got 'l1'"),
        ({"penalties": ["l3"]}, "penalties[0]", "unknown penalty 'l3' (known: l1, l2, max_norm)"),
        ({"penalties": ["l1"]}, "penalties[0].l1.strength", "required key is missing"),
        (
            {"penalties": [{"l2": {"strength": 0}}]},
            "penalties[0].l2.strength",
            "expected a finite number greater than 0, got 0",
        ),
        (
            {"parameter_groups": [{"frozen": True}]},
            "parameter_groups[0].parameters",
            "required key is missing: expected a pattern of parameter names, such as '*.weight'",
        ),
        (
            {"parameter_groups": [{"parameters": "*", "lr": 1}]},
            "parameter_groups[0].lr",
            "unknown key 'lr' (known keys: parameters, learning_rate, weight_decay, frozen)",
        ),
        (
            {"parameter_groups": [{"parameters": "*", "learning_rate": 0}]},
            "parameter_groups[0].learning_rate",
            "greater than 0",
        ),
        ({"metrics": ["acuracy"]}, "metrics[0]", "did you mean 'accuracy'?"),
        ({"optimizer": None}, "optimizer", "expected exactly one optimizer, written like `adam`"),
        (
            {"optimizer": "adm"},
            "optimizer",
            "unknown optimizer 'adm'; did you mean 'adam'? (known: sgd, adam, adamw, amsgrad, ",
        ),
        ({"optimizer": {"sgd": {}, "adam": {}}}, "optimizer", "expected exactly one optimizer"),
        (
            {"optimizer": {"adam": {"beta1": 1}}},
            "optimizer.adam.beta1",
            "from 0 up to, but not including, 1, got 1",
        ),
        ({"optimizer": {"adam": {"epsilon": 0}}}, "optimizer.adam.epsilon", "greater than 0, got 0"),
        ({"optimizer": {"adam": {"weight_decay": -1}}}, "optimizer.adam.weight_decay", "0 or more, got -1"),
        ({"optimizer": {"sgd": {"nesterov": True}}}, "optimizer.sgd.nesterov", "needs momentum"),
        ({"optimizer": {"muon": {"iterations": 51}}}, "optimizer.muon.iterations", "from 1 to 50, got 51"),
        (
            {"optimizer": {"sophia": {"estimator": "gauss"}}},
            "optimizer.sophia.estimator",
            "expected one of gauss_newton_bartlett, hutchinson, got 'gauss'",
        ),
        (
            {"training": {"schedule": "cosin"}},
            "training.schedule",
            "did you mean 'cosine'? (known: constant, ",
        ),
        (
            {"training": {"schedule": "step"}},
            "training.schedule.step.every",
            "required key is missing: expected a number of epochs above 0 and below 2**31",
        ),
        (
            {"training": {"schedule": {"exponential": {"factor": 1}}}},
            "training.schedule.exponential.factor",
            "expected a number between 0 and 1, neither of them, got 1",
        ),
        (
            {"training": {"schedule": {"multi_step": {"milestones": [3, 0]}}}},
            "training.schedule.multi_step.milestones[1]",
            "got 0",
        ),
        ({"training": {"warm_up": {}}}, "training.warm_up.epochs", "required key is missing"),
        ({"training": {"average": True}}, "training.average", "(known keys: decay, warm_up), got true"),
        ({"training": {"clip_norm": 0}}, "training.clip_norm", "greater than 0"),
        ({"training": {"precision": "float61"}}, "training.precision", "did you mean 'float16'?"),
        (
            {"training": {"loss_scale": {"interval": 0}}},
            "training.loss_scale.interval",
            "expected a whole number, 1 or more, got 0",
        ),
        ({"initial_weights": {}}, "initial_weights.path", "required key is missing: expected the path of a"),
        (
            {"initial_weights": {"path": "a", "names": ["b"]}},
            "initial_weights.names",
            "expected names, as in {layers.0: encoder.0}, got ['b']",
        ),
        ({"training": None}, "training", "expected keys and values (known keys: epochs,"),
        ({"training": {"batch_size": 0}}, "training.batch_size", "1 or more, or 'full', got 0"),
        ({"training": {"batch_size": "all"}}, "training.batch_size", "1 or more, or 'full', got 'all'"),
        ({"training": {"batch_size": True}}, "training.batch_size", "got true"),
        ({"training": {"batch_size": "{x}"}}, "training.batch_size", "got '{x}'"),
        ({"training": {"micro_batches": 257}}, "training.micro_batches", "from 1 to 256, got 257"),
        ({"training": {"seed": -1}}, "training.seed", "from 0 to 2**63 - 1, got -1"),
        ({"training": {"seed": 2**63}}, "training.seed", "from 0 to 2**63 - 1"),
        ({"training": {"shuffle": "yes"}}, "training.shuffle", "expected true or false, got 'yes'"),
        (
            {"training": {"early_stopping": {"patience": 0}}},
            "training.early_stopping.patience",
            "1 or more, got 0",
        ),
        ({"cluster": {"workers": 0}}, "cluster.workers", "1 to 256, or {min: 2, max: 8}, got 0"),
        ({"cluster": {"workers": "many"}}, "cluster.workers", "1 to 256, or {min: 2, max: 8}, got 'many'"),
        ({"cluster": {"workers": {"max": 0}}}, "cluster.workers.max", "from 1 to 256, got 0"),
        ({"cluster": {"workers": {"min": 1}}}, "cluster.workers.max", "required key is missing"),
        ({"cluster": {"workers": {"min": 3, "max": 2}}}, "cluster.workers.max", "at least min (3), got 2"),
        ({"cluster": {"workers": {"max": 2, "most": 3}}}, "cluster.workers.most", "known keys: min, max"),
        ({"cluster": {"workers": {"max": 5}}}, "cluster.workers.max", "5 workers cannot share 4"),
        ({"cluster": {"spares": -1}}, "cluster.spares", "from 0 to 256, got -1"),
        ({"cluster": {"restarts": 1001}}, "cluster.restarts", "from 0 to 1000, got 1001"),
        ({"cluster": {"parameter_servers": 65}}, "cluster.parameter_servers", "from 1 to 64, got 65"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(
    changes: dict[str, Any], field: str, message: str
) -> None:
    found = problems(job(**changes))
    assert list(found) == [field]
    assert message in found[field]


@pytest.mark.parametrize("rate", [0, -0.1, math.nan, math.inf, "fast", None, True])
def test_a_learning_rate_that_cannot_be_used_is_refused(rate: Any) -> None:
    found = problems(job(optimizer={"adam": {"learning_rate": rate}}))
    assert "expected a finite number greater than 0, got " in found["optimizer.adam.learning_rate"]


@pytest.mark.parametrize(("text", "value"), [("1e-3", 1e-3), ("0.5", 0.5), ("1E2", 100.0), (".5", 0.5)])
def test_a_number_written_as_text_is_a_number(text: str, value: float) -> None:
    spec = parse_spec(job(optimizer={"sgd": {"learning_rate": text}}))
    assert spec.optimizer.learning_rate == value


def test_more_workers_than_micro_batches_says_which_setting_changes_the_result() -> None:
    message = problems(job(cluster={"workers": 5}))["cluster.workers"]
    assert message.startswith("5 workers cannot share 4 micro-batches: raise training.micro_batches")
    assert "the number of workers alone never does" in message


def test_a_job_may_have_fewer_or_more_workers() -> None:
    cluster = parse_spec(job(cluster={"workers": {"min": 2, "max": 4}})).cluster
    assert (cluster.least_workers, cluster.most_workers) == (2, 4)
    cluster = parse_spec(job(cluster={"workers": 3})).cluster
    assert (cluster.least_workers, cluster.most_workers) == (3, 3)


ASYNC = {"consistency": "async"}


@pytest.mark.parametrize("mode", ["async", {"bounded": {"staleness": 3}}])
def test_workers_that_share_no_mini_batch_may_be_more_than_micro_batches(mode: Any) -> None:
    assert parse_spec(job(cluster={"workers": 5}, training={"consistency": mode})).cluster.workers == 5


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        (
            {"optimizer": "sophia", "training": ASYNC},
            "optimizer.sophia",
            "cannot go with training.consistency.async",
        ),
        (
            {"training": {**ASYNC, "loss_scale": {}}},
            "training.loss_scale",
            "cannot go with training.consistency.async",
        ),
        ({"cluster": {"spares": 1}, "training": ASYNC}, "cluster.spares", "Use 0, or consistency: sync"),
        ({"training": {**ASYNC, "precision": "float16"}}, "training.precision", "Use precision: bfloat16"),
        (
            {"training": {**ASYNC, "average_every": 2}},
            "training.average_every",
            "cannot go with training.consistency.async: use consistency: sync",
        ),
        (
            {"cluster": {"placement": {"strategy": "spread"}}, "training": ASYNC},
            "cluster.placement.strategy",
            "cannot go with training.consistency.async: workers",
        ),
        (
            {"cluster": {"placement": {"strategy": "spread"}}, "training": {"average_every": 2}},
            "cluster.placement.strategy",
            "Use pack, or average_every: 1",
        ),
        (
            {"training": {**ASYNC, "compression": "fp16"}},
            "training.compression",
            "Use compression: none, or consistency: sync",
        ),
        (
            {"optimizer": "sophia", "training": {"average_every": 2}},
            "optimizer.sophia",
            "cannot go with training.average_every",
        ),
        (
            {"training": {"average_every": 2, "precision": "float16"}},
            "training.precision",
            "or average_every: 1",
        ),
        (
            {"training": {"consistency": "bounded"}},
            "training.consistency.bounded.staleness",
            "required key is missing",
        ),
        (
            {"training": {"consistency": {"bounded": {"staleness": -1}}}},
            "training.consistency.bounded.staleness",
            "expected a number of updates, 0 or more, got -1",
        ),
        (
            {"training": {"consistency": {"async": {"push_every": 0}}}},
            "training.consistency.async.push_every",
            "expected a number of mini-batches, 1 or more, got 0",
        ),
        ({"training": {"consistency": "asink"}}, "training.consistency", "(known: sync, bounded, async)"),
    ],
)
def test_what_does_not_go_with_a_consistency_is_refused(
    change: dict[str, Any], field: str, message: str
) -> None:
    assert message in problems(job(**change))[field]


def test_a_metric_that_does_not_fit_the_loss_is_refused() -> None:
    found = problems(job(metrics=["mean_absolute_error"]))
    assert found == {
        "metrics[0]": "mean_absolute_error needs loss: squared_error or absolute_error or huber, "
        "the loss is softmax_cross_entropy"
    }


def test_a_metric_listed_twice_is_refused() -> None:
    assert problems(job(metrics=["accuracy", "accuracy"])) == {
        "metrics[1]": "accuracy is listed twice: leave one out"
    }


@pytest.mark.parametrize(
    "watching", [{"early_stopping": {"metric": "loss"}}, {"schedule": {"plateau": {"metric": "accuracy"}}}]
)
def test_what_the_job_measures_can_be_watched(watching: dict[str, Any]) -> None:
    training = parse_spec(job(metrics=["accuracy"], training=watching)).training.plain()
    assert watching.keys() <= training.keys()


def test_a_plateau_needs_a_metric_of_the_job_and_held_out_samples() -> None:
    dataset = {"source": "digits", "test_fraction": 0}
    found = problems(job(dataset=dataset, training={"schedule": {"plateau": {"metric": "accuracy"}}}))
    measured = "this job does not measure 'accuracy', only loss: add it to metrics"
    assert found["training.schedule.plateau.metric"] == measured
    assert "needs held-out samples" in found["training.schedule.plateau"]


@pytest.mark.parametrize("place", ["early_stopping", "schedule.plateau"])
def test_a_metric_to_watch_that_there_is_not_is_named_with_those_there_are(place: str) -> None:
    watching: dict[str, Any] = {"metric": "acuracy"}
    for name in reversed(place.split(".")):
        watching = {name: watching}
    found = problems(job(training=watching))
    assert list(found) == [f"training.{place}.metric"]
    expected = "expected one of loss, accuracy, mean_absolute_error, mean_squared_error, top_5_accuracy, "
    assert found[f"training.{place}.metric"].startswith(expected)


def test_early_stopping_needs_a_metric_of_the_job_and_held_out_samples() -> None:
    found = problems(
        job(
            dataset={"source": "digits", "test_fraction": 0},
            training={"early_stopping": {"metric": "accuracy"}},
        )
    )
    assert (
        "this job does not measure 'accuracy', only loss: add it to metrics"
        in found["training.early_stopping.metric"]
    )
    assert "needs held-out samples: set dataset.test_fraction" in found["training.early_stopping"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(JobSpec.model_fields)), JSON)
def test_whatever_stands_in_a_field_is_accepted_or_a_spec_error(field: str, value: Any) -> None:
    try:
        outcome = parse_spec(job(**{field: value}))
    except SpecError as error:
        outcome = error
    if isinstance(outcome, SpecError):
        assert outcome.violations
        assert all(violation.message for violation in outcome.violations)


def test_what_is_not_keys_and_values_is_refused() -> None:
    with pytest.raises(SpecError, match="expected a job description of keys and values, got 'digits'"):
        parse_spec("digits")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"model": ["relu"] * 100_000}, "model", "at least one layer, with at most 1,000 items, got 100,000"),
        ({"metrics": ["accuracy"] * 100_000}, "metrics", "with at most 16 items, got 100,000 of them"),
        (
            {"dataset": {"source": "csv", "path": "/" + "a" * 5000}},
            "dataset.path",
            "the path of a file, with at most 4,096 characters, got 5,001",
        ),
    ],
    ids=["layers", "metrics", "path"],
)
def test_what_is_far_too_long_is_refused_by_its_length_and_not_item_by_item(
    changes: dict[str, Any], field: str, message: str
) -> None:
    found = problems(job(**changes))
    assert list(found) == [field]
    assert message in found[field]
