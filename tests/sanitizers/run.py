"""Runs the tests of the kernels under AddressSanitizer and UBSan, and their threads under ThreadSanitizer.

`make sanitize` calls it. It takes gcc and its sanitizers. Arguments are pytest's: which tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "core" / "native"
TARGET = ROOT / "build" / "sanitized"
TESTS = ["tests/unit/core/native", "tests/unit/core/plan"]

sys.path.insert(0, str(NATIVE))
from compile import compile_kernels  # noqa: E402  # pyright: ignore[reportMissingImports]


def main(tests: list[str]) -> int:
    """Everything; the exit status."""
    if not shutil.which("gcc"):
        raise SystemExit(
            "sanitize: needs gcc with its sanitizers: install it (on Debian: gcc), and try again."
        )
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    return _threads() or _memory(tests)


def _memory(tests: list[str]) -> int:
    print("sanitize: compiling the kernels for AddressSanitizer and UBSan", flush=True)
    os.environ["CC"] = "gcc"
    flags = "-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"
    compile_kernels(TARGET, flags.split())
    environment = {
        **os.environ,
        "CHAINRULE_KERNELS": str(TARGET),
        "LD_PRELOAD": f"{_library('libasan.so')} {_library('libubsan.so')}",
        "ASAN_OPTIONS": "detect_leaks=0",  # Python frees little at its end
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
    }
    command = [sys.executable, "-m", "pytest", "-q", "--capture=sys", "--timeout", "1200", *(tests or TESTS)]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


def _threads() -> int:
    print("sanitize: the threads under ThreadSanitizer", flush=True)
    program = TARGET / "threads"
    sources = [Path(__file__).with_name("threads.c"), NATIVE / "pool.c"]
    flags = f"-O1 -g -std=gnu11 -fsanitize=thread -I{NATIVE}".split()
    compiled = subprocess.run(["gcc", *flags, *sources, "-o", program, "-lpthread"])
    if compiled.returncode:
        return compiled.returncode
    return subprocess.run([program], env={**os.environ, "TSAN_OPTIONS": "halt_on_error=1"}).returncode


def _library(name: str) -> str:
    """Where gcc has it."""
    found = subprocess.run(
        ["gcc", f"-print-file-name={name}"], check=True, capture_output=True, text=True
    ).stdout.strip()
    if not Path(found).is_absolute():
        raise SystemExit(f"sanitize: gcc has no {name}: install its sanitizers (on Debian: libgcc-dev).")
    return str(Path(found).resolve())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
