"""Compiles the kernels when chainrule is installed: by the machine's C compiler, or by Zig's, which pip brings.

As a PEP 517 backend it asks for Zig only where there is no other compiler. Run as a program it compiles into this
folder, for work on the kernels.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403

FLAGS = (
    "-O3 -std=gnu11 -shared -fPIC -fvisibility=hidden -fno-math-errno -fno-trapping-math -ffp-contract=off -Wall -Wextra"
).split()
X86_LEVELS = {"v3": "x86-64-v3", "v4": "x86-64-v4"}


def compiler() -> list[str]:
    """The command that compiles C: $CC, else what is there; empty where there is none."""
    if os.environ.get("CC"):
        return shlex.split(os.environ["CC"])
    found = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    if found:
        return [found]
    try:
        import ziglang  # noqa: F401  # pyright: ignore
    except ImportError:
        return []
    return [sys.executable, "-m", "ziglang", "cc"]


def compile_kernels(target: Path) -> None:
    """Write kernels_*.so, one for each level of the machine's kind of processor, into the folder `target`."""
    folder = Path(__file__).parent
    sources = sorted(map(str, folder.glob("*.c")))
    command = compiler()
    if not command:
        raise SystemExit(
            "chainrule: no C compiler: install gcc or clang, or `pip install ziglang`, or set CC"
        )
    x86 = platform.machine() in ("x86_64", "AMD64")
    processes = []
    for name, level in X86_LEVELS.items() if x86 else [("generic", "")]:
        march = [f"-march={level}"] if level else []
        output = str(target / f"kernels_{name}.so")
        processes.append(
            subprocess.Popen([*command, *FLAGS, *march, *sources, "-o", output, "-lm", "-lpthread"])
        )
    if any([process.wait() for process in processes]):
        raise SystemExit(
            "chainrule: the kernels in core/native could not be compiled; the compiler says why above"
        )


def _zig() -> list[str]:
    return [] if compiler() else ["ziglang>=0.13"]


def get_requires_for_build_wheel(config_settings=None):
    return build_meta.get_requires_for_build_wheel(config_settings) + _zig()


def get_requires_for_build_editable(config_settings=None):
    return build_meta.get_requires_for_build_editable(config_settings) + _zig()


if __name__ == "__main__":
    compile_kernels(Path(__file__).parent)
