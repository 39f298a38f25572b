"""Models that a Python file makes: built, and every way in which that fails told apart."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import numpy as np
import pytest

from chainrule.core import nn
from chainrule.core.errors import FileFormatError
from chainrule.worker.inspect import inspect_job
from chainrule.worker.model import load_model
from chainrule.worker.python_model import pinned
from chainrule.worker.reports import Finished, Outcome
from chainrule.worker.runtime import JobOrder
from chainrule.worker.runtime.inprocess import InProcessRuntime
from chainrule.worker.spec import JobSpec, SpecError, parse_spec

SOURCE = """
from chainrule.core import nn, ops


class Net(nn.Module):
    kind = "net"

    def __init__(self, inputs, classes):
        self.inner = nn.Linear(inputs, 16)
        self.norm = nn.BatchNorm(16)
        self.outer = nn.Linear(16, classes)

    def forward(self, x, context):
        hidden = self.norm.forward(self.inner.forward(x, context), context)
        return self.outer.forward(ops.tanh(hidden), context)

    def output_shape(self, input_shape):
        return self.outer.output_shape(self.inner.output_shape(input_shape))


class Wrong(Net):
    def output_shape(self, input_shape):
        return (10, 2)


class Mute(nn.Module):
    def forward(self, x, context):
        return x


class Broken(Net):
    def forward(self, x, context):
        return x.data.missing


def build(feature_shape, classes):
    return Net(feature_shape[0], classes)


def wrong(feature_shape, classes):
    return Wrong(feature_shape[0], classes)


def mute(feature_shape, classes):
    return Mute()


def broken(feature_shape, classes):
    return Broken(feature_shape[0], classes)


def text(feature_shape, classes):
    return "a model"


def raising(feature_shape, classes):
    return {}["no"]
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "model.py"
    path.write_text(SOURCE)
    return path


def job(source: Path, factory: str = "build") -> JobSpec:
    return parse_spec(
        {
            "dataset": {"source": "digits"},
            "model": {"python": str(source), "factory": factory},
            "loss": "softmax_cross_entropy",
            "metrics": ["accuracy"],
            "optimizer": {"adam": {"learning_rate": 0.01}},
            "training": {"epochs": 2, "batch_size": 100},
            "cluster": {"workers": 2},
        }
    )


def refusal(source: Path, factory: str = "build") -> tuple[str, str]:
    with pytest.raises(SpecError) as caught:
        inspect_job(job(source, factory))
    [violation] = caught.value.violations
    return violation.field, violation.message.replace(str(source.parent), "FOLDER")


def trained(source: Path, folder: Path) -> Finished:
    folder.mkdir()
    reports = list(InProcessRuntime().execute(JobOrder("job", 1, job(source), folder, False, None)).reports())
    finished = reports[-1]
    assert isinstance(finished, Finished)
    return finished


def test_it_is_inspected_and_trained_like_any_other(source: Path, tmp_path: Path) -> None:
    summary = inspect_job(job(source))
    assert [(layer.name, layer.output_shape) for layer in summary.layers] == [("build.net", (10,))]
    assert summary.parameters == 64 * 16 + 16 + 2 * 16 + 16 * 10 + 10
    finished = trained(source, tmp_path / "job")
    assert finished.outcome is Outcome.SUCCEEDED
    assert finished.metrics["accuracy"] > 0.8


def test_its_file_is_used_again_only_where_that_is_allowed_and_the_code_is_the_same(
    source: Path, tmp_path: Path
) -> None:
    trained(source, tmp_path / "job")
    path = tmp_path / "job" / "model.safetensors"
    with pytest.raises(FileFormatError, match=r"model\.py, which is not run unless you say so"):
        load_model(path)
    saved = load_model(path, allow_code=True)
    assert isinstance(saved.model.parameters()["inner.weight"].data, np.ndarray)
    assert saved.predict(np.zeros((3, 64))).shape == (3, 10)
    source.write_text(SOURCE + "\n")
    with pytest.raises(FileFormatError, match="is not the file that made this model"):
        load_model(path, allow_code=True)


@pytest.mark.parametrize(
    ("factory", "field", "message"),
    [
        (
            "make",
            "factory",
            (
                "FOLDER/model.py has no function 'make'; its functions: Net, Wrong, Mute, Broken, build, "
                "wrong, mute, broken, text, raising"
            ),
        ),
        (
            "text",
            "factory",
            "text(feature_shape=(64,), classes=10) gave str, expected a chainrule.core.nn.Module",
        ),
        ("raising", "factory", "raising(feature_shape=(64,), classes=10) failed at line 57: KeyError: 'no'"),
        ("mute", "factory", "Mute defines no output_shape(input_shape), which says what comes out"),
        (
            "wrong",
            "factory",
            "Wrong.forward gave (2, 10) for two samples, its output_shape says (2, 10, 2)",
        ),
        (
            "broken",
            "factory",
            (
                "Broken.forward failed at line 33: AttributeError: 'numpy.ndarray' object has no attribute "
                "'missing'"
            ),
        ),
    ],
)
def test_what_is_wrong_with_the_factory_is_said_before_anything_is_trained(
    source: Path, factory: str, field: str, message: str
) -> None:
    assert refusal(source, factory) == (f"model.{field}", message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def build(:", "FOLDER/model.py failed at line 1: SyntaxError: invalid syntax"),
        ("\n1 / 0", "FOLDER/model.py failed at line 2: ZeroDivisionError: division by zero"),
        ("import no_such_module", "failed at line 1: ModuleNotFoundError: No module named 'no_such_module'"),
        ("#" * 1_000_001, "FOLDER/model.py has 1,000,001 bytes, expected at most 1,000,000"),
    ],
)
def test_what_is_wrong_with_the_file_names_the_line(source: Path, text: str, message: str) -> None:
    source.write_text(text)
    field, actual = refusal(source)
    assert field == "model.python"
    assert message in actual


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "gone.py") == ("model.python", "no Python file at FOLDER/gone.py")


def test_a_pinned_job_runs_no_other_file_than_the_one_that_it_was_made_with(source: Path) -> None:
    spec = pinned(job(source))
    inspect_job(spec)
    assert pinned(spec) == spec
    source.write_text(SOURCE.replace("16", "17"))
    with pytest.raises(SpecError, match="is not the file that the job was made with"):
        inspect_job(spec)
    inspect_job(pinned(job(source)))


def test_outputs_that_do_not_fit_the_data_are_refused(source: Path) -> None:
    source.write_text(SOURCE.replace("return Net(feature_shape[0], classes)", "return nn.Linear(64, 3)"))
    assert refusal(source) == (
        "model",
        "the model ends in 3 outputs, the labels have 10 classes: set units: 10",
    )


def test_weights_start_by_the_seed_as_those_of_any_model(source: Path, tmp_path: Path) -> None:
    first = trained(source, tmp_path / "first")
    second = trained(source, tmp_path / "second")
    assert first.digest == second.digest
    assert nn.Module.initializer is None


def test_the_file_may_define_dataclasses(source: Path) -> None:
    source.write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        f"{SOURCE}\n@dataclass\nclass Sizes:\n    hidden: int = 16\n"
    )
    assert inspect_job(job(source)).parameters == 64 * 16 + 16 + 2 * 16 + 16 * 10 + 10


@pytest.mark.parametrize("shape", ["()", "[10]", "(None,)", "('ten',)", "(2.5,)", "(-1, -10)"])
def test_an_output_shape_that_is_none_is_refused(source: Path, shape: str) -> None:
    source.write_text(SOURCE.replace("return (10, 2)", f"return {shape}"))
    actual = ast.literal_eval(shape)
    message = f"Wrong.output_shape gave {actual!r}, expected a tuple of sizes"
    assert refusal(source, "wrong") == ("model.factory", message)


def test_sizes_may_be_integers_of_numpy_and_are_told_as_plain_ones(source: Path) -> None:
    returned = "return (np.int64(10),)"
    source.write_text("import numpy as np\n" + SOURCE.replace("return (10, 2)", returned))
    [layer] = inspect_job(job(source, "wrong")).layers
    assert json.dumps(layer.output_shape) == "[10]"
