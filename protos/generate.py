"""Makes the Python code of the protobuf messages and services from the .proto files beside it."""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

SOURCES = Path(__file__).resolve().parent


def generate(destination: Path) -> None:
    """Writes *_pb2.py, *_pb2.pyi and *_pb2_grpc.py of all .proto files below `destination`.

    Raises RuntimeError when the compiler refuses a file (it prints why on stderr).
    """
    import google.api
    from grpc_tools import protoc

    well_known = resources.files("grpc_tools") / "_proto"
    annotations = Path(next(iter(google.api.__path__))).parents[1]
    files = [str(path.relative_to(SOURCES)) for path in sorted(SOURCES.glob("chainrule/v1/*.proto"))]
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={SOURCES}",
            f"--proto_path={well_known}",
            f"--proto_path={annotations}",
            f"--python_out={destination}",
            f"--pyi_out={destination}",
            f"--grpc_python_out={destination}",
            *files,
        ]
    )
    if status != 0:
        raise RuntimeError(f"protoc ended with status {status}")


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCES)
