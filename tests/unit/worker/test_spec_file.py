"""Job files: YAML and JSON as people write them, and what is said about files that are not job files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.worker.spec import SpecError, load_spec
from chainrule.worker.spec.file import MAXIMUM_BYTES, parse_yaml, read_spec_file

EXAMPLES = Path(__file__).parents[3] / "examples"

JOB = """\
name: small
dataset: {source: csv, path: data/table.csv}
model: [{linear: {units: 3}}, relu, {linear: {units: 1}}]
loss: squared_error
optimizer: {adam: {learning_rate: 1e-3}}
"""


def refusal(path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    return str(caught.value)


def written(folder: Path, text: str | bytes, name: str = "job.yaml") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_yaml_file_is_read_with_paths_taken_from_its_folder(tmp_path: Path) -> None:
    spec = load_spec(written(tmp_path, JOB))
    assert spec.dataset.path == str(tmp_path / "data" / "table.csv")
    assert spec.optimizer.learning_rate == 1e-3


def test_names_of_arrays_and_columns_are_not_taken_for_paths(tmp_path: Path) -> None:
    job = JOB.replace(
        "{source: csv, path: data/table.csv}", "{source: npz, path: a.npz, features: x, labels: y}"
    )
    dataset = load_spec(written(tmp_path, job)).dataset
    assert (dataset.path, dataset.features, dataset.labels) == (str(tmp_path / "a.npz"), "x", "y")


def test_a_json_file_gives_the_same_job_as_yaml(tmp_path: Path) -> None:
    from_yaml = load_spec(written(tmp_path, JOB))
    as_json = json.dumps(parse_yaml(JOB))
    assert load_spec(written(tmp_path, as_json, "job.json")) == from_yaml
    assert load_spec(written(tmp_path, as_json, "json_is_yaml.yaml")) == from_yaml


@pytest.mark.parametrize("name", ["digits.yaml", "fashion_mnist.yaml", "regression.yaml"])
def test_the_examples_are_correct_job_files(name: str) -> None:
    assert load_spec(EXAMPLES / name).training.epochs >= 5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1.0e-3", 1e-3),
        ("012", 12),
        ("0x10", 16),
        ("1:30", "1:30"),
        ("yes", "yes"),
        ("on", "on"),
        ("No", "No"),
        ("true", True),
        ("2020-01-01", "2020-01-01"),
        ("1_000", "1_000"),
        ("~", None),
        ("", None),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("'5'", "5"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    read = parse_yaml(f"key: {text}")["key"]
    assert read == value
    assert type(read) is type(value)


def test_yaml_that_does_not_parse_is_refused_with_line_and_column(tmp_path: Path) -> None:
    path = written(tmp_path, "name: small\nmodel: [relu\nloss: x\n")
    assert f"{path}: not valid YAML: line 3, column 5" in refusal(path)


def test_json_that_does_not_parse_is_refused_with_line_and_column(tmp_path: Path) -> None:
    path = written(tmp_path, '{"name": "small",\n "model": }', "job.json")
    assert "not valid JSON: line 2, column 11" in refusal(path)


@pytest.mark.parametrize("name", ["job.yaml", "job.json"])
def test_a_key_written_twice_is_refused(tmp_path: Path, name: str) -> None:
    assert "key 'name' appears twice" in refusal(written(tmp_path, '{"name": "a", "name": "b"}', name))


def test_aliases_are_refused_so_that_small_files_stay_small(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{n}: &{n} [*{p}, *{p}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert "line 2, column 8: alias *a: aliases are not accepted" in refusal(written(tmp_path, bomb))


@pytest.mark.parametrize(("name", "limit"), [("job.yaml", "32 levels"), ("job.json", "too deeply")])
def test_deep_nesting_is_refused(tmp_path: Path, name: str, limit: str) -> None:
    message = refusal(written(tmp_path, "[" * 100_000 + "]" * 100_000, name))
    assert limit in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("!!python/object/apply:os.getcwd []", "could not determine a constructor for the tag"),
        ("{[1, 2]: 3}", "keys must be text, got [1, 2]"),
        ("{1: 2}", "keys must be text, got 1"),
        ("a: 1\n---\nb: 2\n", "expected a single document"),
        ("a: !!int x", "is not a usable int"),
        ("a: \x00", "not valid YAML"),
        ("a:\tb\n\tc: d", "not valid YAML"),
        ("<<: {a: 1}", "unknown key '<<'"),
        (f"a: {'9' * 5000}", "is not a usable int"),
    ],
)
def test_yaml_beyond_plain_data_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in refusal(written(tmp_path, text))


@given(st.text(alphabet="ab:-[]{}!&*#|>'\"%@,? \n\t0e.~<=\0é", max_size=40))
def test_any_text_is_read_or_refused_as_a_spec_error(text: str) -> None:
    message = "not valid YAML: "
    try:
        parse_yaml(text)
    except SpecError as error:
        message = str(error)
    assert message.startswith("not valid YAML: ")


@pytest.mark.parametrize(("text", "came"), [("- relu\n", "['relu']"), ("5", "5"), ("true", "true")])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str, came: str) -> None:
    assert f"expected a job description of keys and values, got {came}" in refusal(written(tmp_path, text))


@pytest.mark.parametrize("name", ["job.yaml", "job.json"])
@pytest.mark.parametrize("text", ["", "\n\n", " "])
def test_an_empty_file_is_refused(tmp_path: Path, text: str, name: str) -> None:
    assert "is empty: expected a job description" in refusal(written(tmp_path, text, name))


def test_a_file_that_is_not_utf8_is_refused_with_the_byte(tmp_path: Path) -> None:
    assert "is not UTF-8 text (byte 6)" in refusal(written(tmp_path, b"name: \xff\xfe"))


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    assert load_spec(written(tmp_path, b"\xef\xbb\xbf" + JOB.encode())).name == "small"


def test_a_200_mb_file_is_refused_by_its_size_without_reading_it(tmp_path: Path) -> None:
    path = written(tmp_path, JOB)
    os.truncate(path, 200_000_000)
    assert f"has 200,000,000 bytes, a job file at most {MAXIMUM_BYTES:,}" in refusal(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.yaml") == f"no job file at {tmp_path / 'no.yaml'}"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "is a folder: expected a job file" in refusal(tmp_path)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is not a regular file" in refusal(tmp_path / "pipe")


def test_a_path_that_no_system_takes_is_refused() -> None:
    with pytest.raises(SpecError, match="cannot read"):
        read_spec_file(Path("a\0b"))
