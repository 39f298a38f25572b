"""Arrays of a step that is being recorded: what NumPy computes with them, the recorder writes down.

NumPy hands every function that meets such an array to its class. What Python code does with the values
themselves cannot be written down; it raises Unplannable. What reads them unasked, as `np.asarray` does, finds
no numbers: only Python is told the real dtype, and NumPy sees one that nothing can be computed with.
"""

from __future__ import annotations

from operator import getitem, setitem
from types import EllipsisType
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from numpy import ndarray

from ..errors import Unplannable
from .calls import Guard

if TYPE_CHECKING:
    from .recorder import Recorder

_SHAPES_ONLY = {np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.min_scalar_type}
_WRITING = {np.place, np.putmask, np.put, np.fill_diagonal, np.put_along_axis}


class Traced(ndarray):
    """An array of a step that is being recorded. scalar: eagerly it is a number, and shares no memory."""

    recorder: Recorder
    numbers: np.dtype
    scalar = False

    def __array_finalize__(self, obj: Any) -> None:
        if hasattr(obj, "recorder"):
            self.recorder, self.numbers = obj.recorder, obj.numbers
            self.recorder.living.append(ref(self))

    @property
    def dtype(self) -> np.dtype:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.numbers

    @property
    def namespace(self) -> Any:
        return np if self.recorder.closed else self.recorder.namespace

    def escape(self) -> None:
        """Told before Python looks at the values."""
        if not self.recorder.closed:
            raise Unplannable("Python computes with values that depend on data")

    def _computed(self, name: str, function: Any, arguments: Any, options: Any, written: int = 0) -> Any:
        """What function(*arguments, **options) gives. written: how many of the arguments, the first, it
        writes to, besides `out`."""
        given, keywords = plain(tuple(arguments)), {key: plain(value) for key, value in options.items()}
        out, target = options.get("out"), keywords.get("out")
        if out is None:
            return self.recorder.call(name, function, given, keywords, given[:written])
        targets: Any = target if isinstance(target, tuple) else (target,)
        if not all(isinstance(part, ndarray) for part in targets):
            raise Unplannable(f"{name} makes only some of its outputs")
        self.recorder.call(name, function, given, keywords, targets)
        return out[0] if isinstance(out, tuple) and len(out) == 1 else out

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        return self._computed(name, function, inputs, options, written=int(method == "at"))

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func in _SHAPES_ONLY:
            return func(*plain(args), **kwargs)
        if (func in _WRITING or {"overwrite_input", "copy"} & kwargs.keys()) and not self.recorder.closed:
            raise Unplannable(f"{func.__name__} writes to its argument")
        return self._computed(func.__name__, func, args, kwargs, written=int(func is np.copyto))

    def __getitem__(self, index: Any) -> Any:
        own = plain(self)
        if self.recorder.closed:
            return own[plain(index)]
        parts = index if isinstance(index, tuple) else (index,)
        is_one = len(parts) == self.ndim and all(isinstance(part, int | np.integer) for part in parts)
        if is_one or not all(map(_is_basic, parts)):
            return self._computed("take", getitem, (self, index), {})
        return self.recorder.traced(own[_as_view(parts)])

    def __setitem__(self, index: Any, value: Any) -> None:
        parts = index if isinstance(index, tuple) else (index,)
        if not all(map(_is_basic, parts)):
            self._computed("put", setitem, (self, index, value), {}, written=1)
            return
        part = plain(self)[_as_view(parts)]
        itself = isinstance(value, Traced) and plain(value).__array_interface__ == part.__array_interface__
        if not itself:  # what `x[index] += y` does after its addition
            self._computed("copy", np.copyto, (part, value), {"casting": "unsafe"}, written=1)

    def fill(self, value: Any) -> None:
        self[...] = value

    def __bool__(self) -> bool:
        answer = bool(plain(self))
        if not self.recorder.closed:
            self.recorder.add("guard", Guard(answer), [], [self])
        return answer

    def astype(self, dtype: Any, *rest: Any, **options: Any) -> Any:
        if not options.pop("copy", True) and np.dtype(dtype) == self.dtype:
            return self
        options.pop("subok", None)
        return self._computed("astype", ndarray.astype, (self, dtype, *rest), options)

    def __pow__(self, other: Any, modulo: Any = None) -> Any:
        return self._power(self, other) if self.scalar else self._shown("__pow__", other)

    def __rpow__(self, other: Any, modulo: Any = None) -> Any:
        return self._power(other, self) if self.scalar else self._shown("__rpow__", other)

    def _shown(self, name: str, other: Any) -> Any:
        """What an operator gives that first looks at the dtype: at the real one."""
        own = plain(self).view(Traced)
        own.recorder, own.numbers = self.recorder, self.numbers
        result = getattr(ndarray, name)(own, other)
        return self if result is own else result

    def _power(self, base: Any, exponent: Any) -> Any:
        """NumPy rounds powers of its numbers in another way than those of arrays."""
        return self._computed("power", _scalar_power, (base, exponent), {})

    def view(self, dtype: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        if isinstance(dtype, type) and issubclass(dtype, ndarray):
            return super().view(dtype)
        return self.recorder.traced(plain(self).view(dtype))

    def __reduce_ex__(self, protocol: Any) -> Any:
        return plain(self).__reduce_ex__(protocol)


def _method(name: str, written: int) -> Any:
    function = getattr(ndarray, name)

    def method(self: Traced, *arguments: Any, **options: Any) -> Any:
        return self._computed(name, function, (self, *arguments), options, written)

    return method


def _in_place(name: str) -> Any:
    return lambda self, other: NotImplemented if self.scalar else self._shown(name, other)  # another number


def _refused(name: str) -> Any:
    def method(self: Traced, *arguments: Any, **options: Any) -> Any:
        if self.recorder.closed:
            return getattr(ndarray, name)(self, *arguments, **options)
        raise Unplannable(f"{name} gives Python a value that depends on data")

    return method


_COMPUTING = """argmax argmin argpartition argsort choose compress copy cumprod cumsum diagonal dot flatten
mean nonzero ravel repeat reshape round searchsorted swapaxes take trace"""
_ESCAPING = "__complex__ __float__ __index__ __int__ item tobytes tofile tolist dump dumps"
for _name in _COMPUTING.split():
    setattr(Traced, _name, _method(_name, 0))
for _name in ("partition", "put", "sort"):
    setattr(Traced, _name, _method(_name, 1))
for _name in "add sub mul truediv floordiv mod pow and or xor lshift rshift matmul".split():
    setattr(Traced, f"__i{_name}__", _in_place(f"__i{_name}__"))
for _name in ("__eq__", "__ne__"):
    setattr(Traced, _name, lambda self, other, name=_name: self._shown(name, other))
for _name in ("real", "imag"):
    setattr(
        Traced, _name, property(lambda self, name=_name: self.recorder.traced(getattr(plain(self), name)))
    )
for _name in _ESCAPING.split():
    setattr(Traced, _name, _refused(_name))


class Namespace:
    """NumPy for formulas whose arrays are traced: what it makes is traced too."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def asarray(self, array: Any, dtype: Any = None) -> Any:
        if not isinstance(array, Traced):
            return np.asarray(array, dtype)
        array = array.copy() if array.scalar else array
        return array if dtype is None else array.astype(dtype, copy=False)

    def ascontiguousarray(self, array: Any, dtype: Any = None) -> Any:
        array = self.asarray(array, dtype)
        if not isinstance(array, Traced):
            return np.ascontiguousarray(array)
        array = array if array.ndim else array.reshape(1)
        return array if array.flags.c_contiguous else array.copy()


def _creating(name: str, value: Any = None) -> Any:
    """The function of this name in a namespace. value: what the array is filled with, but for `full`'s."""
    create = getattr(np, name)

    def created(self: Namespace, like: Any, *arguments: Any, **options: Any) -> Any:
        array = self._recorder.made(create(plain(like), *map(plain, arguments), **options))
        if not name.startswith("empty"):
            array.fill(arguments[0] if name.startswith("full") else value)
        return array

    return created


for _name, _value in {"empty": None, "zeros": 0, "ones": 1, "full": None}.items():
    setattr(Namespace, _name, _creating(_name, _value))
    setattr(Namespace, f"{_name}_like", _creating(f"{_name}_like", _value))


def plain(value: Any) -> Any:
    """The value with plain arrays in place of traced ones."""
    if isinstance(value, Traced):
        return ndarray.view(value, value.dtype, ndarray)
    if isinstance(value, tuple | list) and any(isinstance(part, ndarray | tuple | list) for part in value):
        parts = [plain(part) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    return value


def _is_basic(part: Any) -> bool:
    """Whether this part of an index picks a view."""
    is_basic = isinstance(part, slice | int | np.integer | EllipsisType | None)
    return is_basic and not isinstance(part, bool)


def _as_view(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """The index so that it gives an array even of one element."""
    return parts if any(part is Ellipsis for part in parts) else (*parts, ...)


def _scalar_power(base: Any, exponent: Any) -> Any:
    """The power of two numbers, of which NumPy's own may have come as arrays."""
    return _number(base) ** _number(exponent)


def _number(value: Any) -> Any:
    return value[()] if isinstance(value, ndarray) else value
