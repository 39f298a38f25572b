"""The examples do what they say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[3] / "examples"


def printed(name: str) -> list[str]:
    """The lines that an example of the core prints."""
    command = [sys.executable, EXAMPLES / "core" / f"{name}.py"]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=100
    ).stdout.splitlines()


def test_a_neuron_learns_or_with_the_gradient_worked_out_by_hand() -> None:
    *steps, none, first, second, both = printed("neuron_by_hand")
    assert all(float(line.split()[-1]) < 1e-6 for line in steps)
    assert float(none.split()[-1]) < 0.1
    assert min(float(line.split()[-1]) for line in (first, second, both)) > 0.9


def test_two_layers_learn_xor() -> None:
    chances = [float(line.split()[3]) for line in printed("xor")[-4:]]
    assert [round(chance) for chance in chances] == [0, 1, 1, 0]
    assert all(abs(chance - round(chance)) < 0.05 for chance in chances)


def test_a_convolutional_network_reads_digits() -> None:
    assert float(printed("cnn")[-1].split()[-1]) >= 0.95


def test_a_recurrent_network_learns_to_spell() -> None:
    first, *_, last, written = printed("char_rnn")
    assert float(first.split()[2]) > 5 > 2.2 > float(last.split()[2])
    assert written.startswith(("'the ", '"the '))


def test_a_generator_finds_all_clusters() -> None:
    last = printed("gan")[-1].split()
    assert int(last[5]) == 8
    assert float(last[-1]) < 0.25


def test_each_example_of_the_core_is_short_and_run_here() -> None:
    examples = sorted((EXAMPLES / "core").glob("*.py"))
    tests = Path(__file__).read_text()
    assert len(examples) == 5
    for example in examples:
        assert f'printed("{example.stem}")' in tests
        assert len(example.read_text().splitlines()) < 60


def test_the_throws_come_from_their_script(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "make_regression.py", tmp_path)
    subprocess.run([sys.executable, tmp_path / "make_regression.py"], check=True, timeout=60)
    assert (tmp_path / "regression.csv").read_bytes() == (EXAMPLES / "regression.csv").read_bytes()
