"""Adds the compiled kernels of core/native to what pyproject.toml says; see core/native/compile.py."""

import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).parent / "core" / "native"))
from compile import SUFFIX, compile_kernels


class BuildWithKernels(build_py):
    """Compiles into what is built, or beside the sources for an editable install."""

    def run(self) -> None:
        super().run()
        folder = Path(__file__).parent / "core" / "native"
        target = folder if self.editable_mode else Path(self.build_lib) / "chainrule" / "core" / "native"
        target.mkdir(parents=True, exist_ok=True)
        compile_kernels(target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        built = Path(self.build_lib) / "chainrule" / "core" / "native"
        return [*super().get_outputs(include_bytecode), *map(str, built.glob(f"*{SUFFIX}"))]


class PlatformWheel(bdist_wheel):
    """For any Python on this platform: the kernels are called through ctypes, and know nothing of Python."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


class PlatformDistribution(Distribution):
    """One that is not for every platform."""

    def has_ext_modules(self) -> bool:
        return True


setup(
    distclass=PlatformDistribution,
    cmdclass={"build_py": BuildWithKernels, "bdist_wheel": PlatformWheel},
)
