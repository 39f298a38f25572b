"""Files behind a URL: fetched once into the cache, checked, and from then on files like any other."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import fsspec

from ..spec import DatasetSpec
from .cache import cached
from .errors import DataError
from .http_file import open_http, shown_url

_BLOCK = 1 << 20


@contextmanager
def local_files(spec: DatasetSpec) -> Iterator[DatasetSpec]:
    """The same dataset with files of this machine in place of URLs; they stay there within the context."""
    with ExitStack() as held:
        paths = {
            name: str(held.enter_context(_local(url, f"dataset.{name}", spec.checksums.get(name))))
            for name, url in spec.urls().items()
        }
        yield spec.model_copy(update=paths) if paths else spec


@contextmanager
def _local(url: str, field: str, checksum: str | None) -> Iterator[Path]:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme == "file":
        path = Path(url2pathname(parts.path))
        if checksum is not None and path.is_file():
            with path.open("rb") as file:
                _copy(file, None, url, field, checksum)
        yield path
        return
    name = Path(unquote(parts.path)).name or "file"
    key = {"url": hashlib.sha256(url.encode()).hexdigest(), "checksum": checksum}
    with ExitStack() as opened:
        if checksum is None:
            stream, same = _open(url, field, opened)
            key |= {"same": same}
        else:
            stream = None  # only asked for where the cache does not have it

        def fetch(folder: Path) -> None:
            source = stream if stream is not None else _open(url, field, opened, needs_validator=False)[0]
            with (folder / name).open("wb") as target:
                _copy(source, target, url, field, checksum)

        with cached(key, fetch) as folder:
            # Held until all is read, so that nobody clears it away.
            file = opened.enter_context((folder / name).open("rb"))
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield folder / name


def _copy(source: Any, target: BinaryIO | None, url: str, field: str, checksum: str | None) -> None:
    total = hashlib.sha256()
    while True:
        try:
            block = source.read(_BLOCK)
        except DataError:
            raise
        except Exception as error:  # whatever a driver raises when a connection breaks
            raise _unreachable(url, field, error) from None
        if not block:
            break
        total.update(block)
        if target is not None:
            target.write(block)
    came = f"sha256:{total.hexdigest()}"
    if checksum is not None and came != checksum:
        raise DataError(
            f"dataset.checksums.{field.rpartition('.')[2]}",
            f"{shown_url(url)} has the checksum {came}, expected {checksum}: it is another file than the one "
            "that was meant; check it, then set the new checksum",
        )


def _open(
    url: str, field: str, opened: ExitStack, needs_validator: bool = True
) -> tuple[Any, Mapping[str, Any]]:
    """A stream of the file, and what tells whether it is still the same."""
    if urlsplit(url).scheme.lower() in ("http", "https"):
        stream, same = open_http(url, field)
        opened.callback(stream.close)
    else:
        stream, same = _open_by_driver(url, field, opened)
    if not same and needs_validator:
        raise DataError(
            field,
            f"the server of {shown_url(url)} does not say whether the file has changed (it sends neither "
            f"ETag nor Last-Modified): state its SHA-256 under dataset.checksums.{field.rpartition('.')[2]}",
        )
    return stream, same


def _open_by_driver(url: str, field: str, opened: ExitStack) -> tuple[Any, Mapping[str, Any]]:
    scheme = urlsplit(url).scheme.lower()
    try:
        system, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise DataError(field, f"{scheme}:// needs another package: {error}") from None
    except ValueError:
        known = "http, https, file, s3, gs, and all others that fsspec has"
        raise DataError(field, f"unknown kind of URL '{scheme}://', known: {known}") from None
    try:
        same = {"key": system.ukey(path)}
        return opened.enter_context(system.open(path, "rb")), same
    except FileNotFoundError:
        raise DataError(field, f"there is nothing at {shown_url(url)}") from None
    except Exception as error:  # whatever a driver raises
        raise _unreachable(url, field, error) from None


def _unreachable(url: str, field: str, error: Exception) -> DataError:
    return DataError(
        field, f"cannot read {shown_url(url)}: {str(error) or type(error).__name__}; try again later"
    )
