"""The layout: what is packaged is what is on disk, imports go down only, each library has its place."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS: dict[str, Any] = PROJECT["tool"]["setuptools"]
FOLDERS: dict[str, str] = SETUPTOOLS["package-dir"]

LAYERS = ("core", "drawing", "worker", "service")
"""From the bottom up: each may import itself and those before it."""

CLIENT = ("service/client.py", "service/client_errors.py", "service/model_download.py")


def _speaks_protobuf(path: PurePosixPath) -> bool:
    return path.parts[:2] == ("service", "api") or path.as_posix() in CLIENT


CONFINED: dict[str, Callable[[PurePosixPath], bool]] = {
    "chainrule.v1": _speaks_protobuf,
    "google": _speaks_protobuf,
    "grpc": _speaks_protobuf,
    "grpc_health": _speaks_protobuf,
    "grpc_reflection": _speaks_protobuf,
    "grpc_status": _speaks_protobuf,
    "cupy": lambda path: path == PurePosixPath("core/array.py"),
    "nvmath": lambda path: path == PurePosixPath("core/cuda/matmul.py"),
    "ml_dtypes": lambda path: path == PurePosixPath("core/array.py"),
    "ray": lambda path: path.parts[:2] == ("worker", "runtime") and path.name.startswith("ray"),
    "pydantic": lambda path: path.parts[0] not in ("core", "drawing"),
    "sqlalchemy": lambda path: path.parts[:2] == ("service", "jobs"),
    "typer": lambda path: path.parts[:2] == ("service", "cli"),
    "rich": lambda path: path.parts[:2] == ("service", "cli"),
    "onnx": lambda path: path == PurePosixPath("worker/onnx_export/graph.py"),
    "onnxruntime": lambda path: path == PurePosixPath("worker/onnx_export/check.py"),
    "torch": lambda path: False,
}
"""Which files may import a library (or the generated code) that not every file may import."""


@dataclass(frozen=True)
class Import:
    """One module named by an import, absolute and with its line."""

    module: str
    line: int

    def is_within(self, package: str) -> bool:
        return self.module == package or self.module.startswith(package + ".")


def _imports(source: str, package: str) -> Iterator[Import]:
    """Every import of a module of `package`, in functions and by `import_module("x")` too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                parents = package.split(".")
                kept = parents[: len(parents) - node.level + 1]
                origin = ".".join([*kept, origin] if origin else kept)
            yield from (Import(f"{origin}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                yield Import(str(node.args[0].value), node.lineno)


def _violations(source: str, path: PurePosixPath) -> list[str]:
    """What the file at `path` (relative to the repository) imports but must not."""
    layer = LAYERS.index(path.parts[0])
    package = ".".join(("chainrule", *path.parts[:-1]))
    found = []
    for imported in _imports(source, package):
        where = f"{path}:{imported.line} imports {imported.module}"
        if any(imported.is_within(f"chainrule.{above}") for above in LAYERS[layer + 1 :]):
            found.append(f"{where}, which is above {path.parts[0]}")
        found += [
            f"{where}, which is not for this file"
            for library, is_allowed in CONFINED.items()
            if imported.is_within(library) and not is_allowed(path)
        ]
    return found


def _sources(folder: str) -> list[Path]:
    return sorted((REPOSITORY / folder).rglob("*.py"))


def test_the_packages_named_in_pyproject_are_the_folders_on_disk() -> None:
    on_disk = {
        ".".join((package, *initial.parent.relative_to(REPOSITORY / folder).parts))
        for package, folder in FOLDERS.items()
        for initial in (REPOSITORY / folder).rglob("__init__.py")
    }
    assert sorted(SETUPTOOLS["packages"]) == sorted(on_disk)


def test_every_folder_with_python_files_is_a_package() -> None:
    bare = {
        source.parent.relative_to(REPOSITORY).as_posix()
        for folder in FOLDERS.values()
        for source in _sources(folder)
        if not (source.parent / "__init__.py").is_file()
    }
    assert bare == set()


def test_every_file_beside_the_python_files_is_package_data() -> None:
    patterns: dict[str, list[str]] = SETUPTOOLS["package-data"]
    left_out = []
    for package, folder in FOLDERS.items():
        for path in sorted((REPOSITORY / folder).rglob("*")):
            if not path.is_file() or path.suffix in (".py", ".pyc", ".so"):
                continue
            owner = ".".join((package, *path.parent.relative_to(REPOSITORY / folder).parts))
            if not any(
                fnmatch(path.name, pattern) for key in ("*", owner) for pattern in patterns.get(key, [])
            ):
                left_out.append(path.relative_to(REPOSITORY).as_posix())
    assert left_out == []


def test_the_built_in_data_set_travels_with_its_notice() -> None:
    assert {"*.npz", "NOTICE"} <= set(SETUPTOOLS["package-data"]["chainrule.worker.data"])
    assert (REPOSITORY / "worker/data/digits.npz").is_file()
    assert "worker/data/NOTICE" in PROJECT["project"]["license-files"]
    assert "CC BY 4.0" in (REPOSITORY / "worker/data/NOTICE").read_text(encoding="utf-8")


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_go_down_and_outside_libraries_stay_in_their_place(layer: str) -> None:
    sources = _sources(layer)
    assert sources
    found = [
        violation
        for source in sources
        for violation in _violations(
            source.read_text(encoding="utf-8"), PurePosixPath(source.relative_to(REPOSITORY).as_posix())
        )
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("core/tracing.py", "from ..drawing import to_svg"),
        ("core/nn/linear.py", "from ...worker.spec import JobSpec"),
        ("worker/spec.py", "from .. import service"),
        ("worker/spec.py", "import chainrule.service.client"),
        ("worker/coordinator.py", "import ray"),
        ("worker/coordinator.py", "def start():\n    from ray.util import placement_group"),
        ("worker/runtime/inprocess.py", "import importlib\nimportlib.import_module('ray')"),
        ("core/tensor.py", "import cupy as cp"),
        ("core/optim/adam.py", "import ml_dtypes"),
        ("service/jobs/store.py", "from google.protobuf import message"),
        ("service/cli/app.py", "from chainrule.v1 import job_pb2"),
        ("service/jobs/queue.py", "from ...v1 import job_pb2"),
        ("core/array.py", "from pydantic import BaseModel"),
        ("worker/onnx_export/dense.py", "from onnx import helper"),
    ],
)
def test_an_import_that_breaks_the_layers_is_found(path: str, source: str) -> None:
    (violation,) = _violations(source, PurePosixPath(path))
    assert violation.startswith(f"{path}:{source.count(chr(10)) + 1} imports ")


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("core/nn/linear.py", "from ..tensor import Tensor"),
        ("worker/coordinator.py", "from ..core.tensor import Tensor\nfrom .runtime import Runtime"),
        ("worker/runtime/ray_actors.py", "import ray"),
        (
            "service/api/server.py",
            "import grpc\nfrom chainrule.v1 import job_pb2\nfrom ...worker.spec import JobSpec",
        ),
        ("service/client.py", "from google.rpc import error_details_pb2"),
        ("core/array.py", "import cupy"),
        ("core/array.py", "import ml_dtypes"),
    ],
)
def test_an_import_that_keeps_the_layers_passes(path: str, source: str) -> None:
    assert _violations(source, PurePosixPath(path)) == []
