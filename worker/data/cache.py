"""The folder of what was fetched and converted: made once, then mapped by everybody who needs it.

CHAINRULE_CACHE_DIR names the folder (default: chainrule in the user's cache folder), CHAINRULE_CACHE_GB how
much it may hold (default 50). An entry is a folder named by the SHA-256 of its key. It is made under another
name and renamed when it is whole, so that a conversion that is killed leaves nothing that looks finished.
When the folder grows too large, the entries that were not used for longest go, but none that is mapped.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..durable import sync_file
from .errors import DataError

FORMAT = 1
"""Part of every key: raise it when what is written to an entry changes."""
log = logging.getLogger(__name__)

_DEFAULT_GIGABYTES = 50.0
_ENTRY = "entry.json"
_PARTIAL = ".partial-"


def cache_folder() -> Path:
    """Where the entries lie."""
    named = os.environ.get("CHAINRULE_CACHE_DIR")
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "chainrule"


@contextmanager
def cached(key: Mapping[str, Any], make: Callable[[Path], None]) -> Iterator[Path]:
    """The folder of an entry, filled by `make` if there is none; no one removes it within the context.

    Whoever goes on using its files maps them within the context: see `FileArray.open`. Several processes may
    ask for the same entry; one makes it, the others wait.
    """
    text = json.dumps({"format": FORMAT, **key}, sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()
    folder = cache_folder()
    lock = FileLock(folder / "locks" / name, mode=0o600)
    with _cache_errors(folder):
        (folder / "locks").mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        entry = folder / name
        if not (entry / _ENTRY).is_file():
            start = time.monotonic()
            _fill(entry, make)
            log.info("cached %s: %s bytes in %.1f s", entry, f"{_size(entry):,}", time.monotonic() - start)
            _make_room(folder, name)
        with suppress(OSError):
            os.utime(entry / _ENTRY)
        yield entry
    finally:
        lock.release()


@contextmanager
def _cache_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        message = f"the cache in {folder} cannot be used: {why}; CHAINRULE_CACHE_DIR names another folder"
        raise DataError("dataset", message) from error


def _fill(entry: Path, make: Callable[[Path], None]) -> None:
    # Whoever holds the lock may clear away what a process that was killed left behind.
    for left in entry.parent.glob(f"{_PARTIAL}{entry.name}-*"):
        shutil.rmtree(left, ignore_errors=True)
    partial = entry.parent / f"{_PARTIAL}{entry.name}-{uuid.uuid4().hex[:8]}"
    with _cache_errors(entry.parent):
        partial.mkdir(mode=0o700)
    try:
        try:
            make(partial)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            with _cache_errors(entry.parent):
                raise
        with _cache_errors(entry.parent):
            (partial / _ENTRY).touch()
            for path in partial.iterdir():
                sync_file(path)
            partial.rename(entry)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _make_room(folder: Path, newest: str) -> None:
    """Remove entries, those used longest ago first, until the rest fits; the newest stays."""
    limit = _limit_bytes()
    entries = [path.parent for path in folder.glob(f"*/{_ENTRY}")]
    sizes = {entry: _size(entry) for entry in entries}
    total = sum(sizes.values())
    for entry in sorted(entries, key=_last_used):
        if total <= limit:
            return
        if entry.name != newest and _remove(entry):
            total -= sizes[entry]


def _remove(entry: Path) -> bool:
    """Remove an entry that nobody reads; whether it is gone."""
    lock = FileLock(entry.parent / "locks" / entry.name, mode=0o600)
    try:
        with lock.acquire(timeout=0), ExitStack() as held:
            for path in entry.iterdir():
                file = held.enter_context(path.open("rb"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (entry / _ENTRY).unlink()
            shutil.rmtree(entry, ignore_errors=True)
    except (Timeout, OSError):
        return False
    return True


def _limit_bytes() -> float:
    text = os.environ.get("CHAINRULE_CACHE_GB") or str(_DEFAULT_GIGABYTES)
    try:
        limit = float(text)
    except ValueError:
        limit = -1.0
    if not limit >= 0:
        raise DataError(
            "dataset", f"CHAINRULE_CACHE_GB must be a number of gigabytes, such as 50, got '{text}'"
        )
    return limit * 1e9


def _size(entry: Path) -> int:
    with suppress(OSError):
        return sum(path.stat().st_size for path in entry.iterdir())
    return 0


def _last_used(entry: Path) -> float:
    with suppress(OSError):
        return (entry / _ENTRY).stat().st_mtime
    return 0.0
