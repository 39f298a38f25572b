"""Compiles the kernels when chainrule is installed: by the machine's C compiler, or by Zig's, from PyPI.

As the PEP 517 backend of pyproject.toml it asks for Zig where there is no other compiler. Run as a program it
compiles into this folder, for work on the kernels.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (
    build_editable,
    build_sdist,
    build_wheel,
    get_requires_for_build_sdist,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable", "build_sdist", "build_wheel", "get_requires_for_build_editable",
    "get_requires_for_build_sdist", "get_requires_for_build_wheel", "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]  # fmt: skip

FLAGS = (
    "-O3 -std=gnu11 -shared -fPIC -fvisibility=hidden -fno-math-errno -fno-trapping-math "
    "-ffp-contract=off -Wall -Wextra"
).split()
LEVELS = {"v3": "x86-64-v3", "v4": "x86-64-v4"}
"""The builds for x86: AVX2 and AVX-512. `variant` in __init__.py picks one."""
SUFFIX = ".so"
LIBRARIES = "-lm", "-lpthread"


def compiler() -> list[str]:
    """The command that compiles C: $CC, else what is there; empty where there is none."""
    if os.environ.get("CC"):
        return shlex.split(os.environ["CC"])
    found = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    if found:
        return [found]
    return [sys.executable, "-m", "ziglang", "cc"] if find_spec("ziglang") else []


def compile_kernels(target: Path, flags: Sequence[str] = ()) -> None:
    """Write kernels_*.so, one for each level of the machine's kind of processor, into the folder `target`.

    Raises SystemExit with advice where that is not possible.
    """
    sources = sorted(map(str, Path(__file__).parent.glob("*.c")))
    command = compiler()
    if not command:
        raise SystemExit("chainrule: no C compiler. Install gcc or clang, or `pip install ziglang`.")
    x86 = platform.machine() in ("x86_64", "AMD64")
    processes = [
        subprocess.Popen(
            [*command, *FLAGS, *march, *flags, *sources, "-o", target / f"kernels_{name}{SUFFIX}", *LIBRARIES]
        )
        for name, march in (
            [(name, [_march(level, command)]) for name, level in LEVELS.items()] if x86 else [("generic", [])]
        )
    ]
    if any([process.wait() for process in processes]):  # noqa: C419  each has to be waited for
        raise SystemExit("chainrule: the kernels in core/native do not compile; the compiler says why above.")


def _march(level: str, command: list[str]) -> str:
    return f"-march={level.replace('-', '_', 2) if 'ziglang' in command else level}"


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """What building takes: Zig as well where there is no other compiler."""
    return build_meta.get_requires_for_build_wheel(config_settings) + _zig()


def get_requires_for_build_editable(config_settings: Any = None) -> list[str]:
    """As for a wheel."""
    return build_meta.get_requires_for_build_editable(config_settings) + _zig()


def _zig() -> list[str]:
    return [] if compiler() else ["ziglang>=0.13"]


if __name__ == "__main__":
    compile_kernels(Path(__file__).parent)
