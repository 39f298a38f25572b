"""NumPy with CuPy's manners: where there is no GPU, it shows which code would not work on one.

Its arrays are no NumPy arrays: they refuse to become one unasked, and to be computed with one, as CuPy's do.
Each copy to the host that is asked for, by `get` or as a Python number, is counted.
"""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

to_host: list[int] = []
"""The sizes of what was copied to the host."""

_REFUSED = frozenset({"where", "initial", "subok", "order", "casting"})
"""Arguments of ufuncs and reductions that CuPy has not, or not in all of them."""


class StrictArray(NDArrayOperatorsMixin):
    """An array on the device that is none."""

    def __init__(self, host: np.ndarray) -> None:
        self._host = host

    @property
    def data(self) -> Any:
        return SimpleNamespace(ptr=self._host.__array_interface__["data"][0])

    def set(self, host: np.ndarray) -> None:
        self._host[...] = host

    def get(self) -> np.ndarray:
        to_host.append(self._host.size)
        return self._host.copy()

    def item(self) -> Any:
        to_host.append(1)
        return self._host.item()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`.")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        known = StrictArray | np.ndarray | np.generic | int | float | complex
        if not all(isinstance(x, known) for x in inputs):
            return NotImplemented
        return _call(getattr(ufunc, method), inputs, options)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        return _call(function, inputs, options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self._host, name)
        if callable(found) and not isinstance(found, np.dtype):
            return lambda *inputs, **options: _call(found, inputs, options)
        return _on_device(found)

    def __getitem__(self, index: Any) -> Any:
        return _on_device(self._host[_index(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._host[_index(index)] = _unwrapped(value)

    def __len__(self) -> int:
        return len(self._host)

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return int(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec)


def _call(function: Any, inputs: Any, options: dict[str, Any]) -> Any:
    refused = _REFUSED & options.keys()
    if refused:
        raise TypeError(f"{function}: CuPy takes no {', '.join(refused)}")
    y = function(*_unwrapped(inputs), **_unwrapped(options))
    out = options.get("out")
    return (out[0] if isinstance(out, tuple) else out) if out is not None else _on_device(y)


def _unwrapped(value: Any) -> Any:
    """On the host for NumPy to compute with; refused is what CuPy refuses, arrays that are there already."""
    if isinstance(value, StrictArray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, tuple | list):
        return type(value)(map(_unwrapped, value))
    return {name: _unwrapped(part) for name, part in value.items()} if isinstance(value, dict) else value


def _index(index: Any) -> Any:
    """CuPy moves indices from the host by itself."""
    if isinstance(index, tuple):
        return tuple(map(_index, index))
    return index if isinstance(index, np.ndarray) else _unwrapped(index)


def _on_device(value: Any) -> Any:
    """Arrays and NumPy's numbers as arrays of the device; tuples of them too, but not a shape."""
    if isinstance(value, np.ndarray | np.generic):
        return StrictArray(np.asarray(value))
    if isinstance(value, tuple | list) and any(isinstance(part, np.ndarray) for part in value):
        return type(value)(map(_on_device, value))
    return value


class _Grid:
    def __getitem__(self, index: Any) -> Any:
        return _on_device(np.ogrid[index])


class _Ufunc:
    """A ufunc of the device, and its `at`."""

    def __init__(self, ufunc: Any) -> None:
        self._ufunc = ufunc

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        return _call(self._ufunc, inputs, options)

    def at(self, array: StrictArray, index: Any, values: Any) -> None:
        self._ufunc.at(array._host, _index(index), _unwrapped(values))


class StrictModule(ModuleType):
    """What stands for the module `cupy`."""

    ndarray = StrictArray
    ogrid = _Grid()
    __version__ = "14.0"

    def __init__(self, host: Any = np) -> None:
        super().__init__("cupy")
        self._host = host

    def asarray(self, value: Any, dtype: Any = None) -> StrictArray:
        """From the host to the device, which is asked for by calling this."""
        host = value._host if isinstance(value, StrictArray) else np.array(value)
        return StrictArray(host if dtype is None else host.astype(dtype, copy=False))

    array = asarray

    def __getattr__(self, name: str) -> Any:
        if name == "cuda":
            runtime = type("runtime", (), {"getDeviceCount": lambda: 1, "CUDARuntimeError": RuntimeError})
            return type("cuda", (), {"runtime": runtime})
        found = getattr(self._host, name)
        if isinstance(found, ModuleType):
            return StrictModule(found)
        if isinstance(found, np.ufunc):
            return _Ufunc(found)
        if isinstance(found, type) or not callable(found):
            return found
        return lambda *inputs, **options: _call(found, inputs, options)
