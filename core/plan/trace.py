"""Recording a step: what NumPy is asked to compute while it runs once, as a flat list of calls.

The step runs as ever, on arrays of a class of their own. NumPy hands every function that meets one of them to
that class, which computes what was asked and writes it down. Views need no call: an array is known by the
memory that it lies in. What Python code does with the values themselves cannot be written down; it raises
Unplannable.
"""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from operator import itemgetter
from typing import Any
from weakref import ref

import numpy as np
from numpy import ndarray

from .. import native
from ..nn.context import ForwardContext
from ..nn.layer_path import layer_path
from ..tensor import next_order


class Unplannable(Exception):
    """The step does something that a list of calls cannot repeat; the text says what."""


class Origin(Enum):
    """Where the memory of a root comes from."""

    VALUE = "value"  # made by the step
    GIVEN = "given"  # the caller's, another one at each replay: inputs and parameters
    HELD = "held"  # any other array, the same at each replay


@dataclass(eq=False)
class Root:
    """One piece of memory. array: GIVEN and HELD ones', at recording. index: which GIVEN one."""

    origin: Origin
    nbytes: int
    array: ndarray | None = None
    index: int = 0
    written: bool = False


@dataclass(frozen=True)
class Reference:
    """An array as a part of a root: offset and strides in bytes."""

    root: Root
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype

    def on(self, memory: Any) -> ndarray:
        """This array in the memory that a replay gives the root."""
        return ndarray(self.shape, self.dtype, memory, self.offset, self.strides)


@dataclass
class Call:
    """One thing that was computed.

    function: computes it again: function(arrays, context) for the arrays of `operands`. writes: how many of
    them, the first, it writes to. formula: the NumPy function or kernel behind it. arguments: of a ufunc, the
    positions of its operands among `operands`. integers, numbers: of a kernel.
    """

    name: str
    function: Callable[[Sequence[ndarray], ForwardContext], Any]
    operands: tuple[Reference, ...]
    writes: int
    formula: Any = None
    integers: tuple[int, ...] = ()
    numbers: tuple[float, ...] = ()
    layer: str = ""
    phase: str = "forward"


@dataclass(frozen=True)
class _Place:
    """Stands in a call's arguments for the operand at this position."""

    position: int


_SHAPES_ONLY = {np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.min_scalar_type}
_OF_DATA = {
    np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.extract, np.compress, np.array_equal, np.allclose,
    np.count_nonzero, np.trim_zeros, np.histogram,
}  # fmt: skip
_IN_PLACE = {np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis}
_HAS_OUT = {np.concatenate, np.stack, np.take, np.dot, np.einsum, np.cumsum, np.cumprod, np.argmax, np.argmin}


class Recorder:
    """Writes down the calls of one run of a step."""

    def __init__(self, context: ForwardContext) -> None:
        self.calls: list[Call] = []
        self.orders: list[int] = []  # of the forward pass's calls: how far the graph had grown
        self.closed = False
        self._context = context
        self.phase = "forward"
        self.layer: str | None = None
        self.namespace = _Namespace(self)
        self._roots: dict[int, tuple[Any, Root]] = {}
        self._given: list[tuple[int, int, int, Root]] = []
        self._before: list[tuple[ndarray, ndarray]] = []

    def given(self, array: ndarray, index: int) -> Traced:
        """The traced form of an array that each replay gets anew from its caller."""
        start = array.__array_interface__["data"][0]
        insort(
            self._given, (start, start + array.nbytes, index, Root(Origin.GIVEN, array.nbytes, array, index))
        )
        return self._traced(array)

    def reference(self, array: Any, written: bool = False) -> Reference:
        """Where in which root an array lies; an array from elsewhere becomes a root of its own."""
        plain = _plain(array)
        if not plain.size:
            return Reference(Root(Origin.VALUE, 0), 0, plain.shape, plain.strides, plain.dtype)
        root = self._root(plain)
        if plain.dtype.hasobject:
            raise Unplannable("an array holds Python objects")
        if root is None:
            if not self.closed and array.__class__ is Traced:
                raise Unplannable("an array was made from a traced one in a way that could not be recorded")
            owner = _owner(plain)
            root = Root(Origin.HELD, owner.nbytes, owner)
            self._roots[id(owner)] = (ref(owner), root)
        if written and root.origin is not Origin.VALUE and not root.written:
            root.written = True
            assert root.array is not None
            self._before.append((root.array, root.array.copy()))
        start = root.array if root.origin is Origin.GIVEN else _owner(plain)
        assert start is not None
        offset = plain.__array_interface__["data"][0] - start.__array_interface__["data"][0]
        return Reference(root, offset, plain.shape, plain.strides, plain.dtype)

    def _root(self, array: ndarray) -> Root | None:
        if self._given:
            address = array.__array_interface__["data"][0]
            place = bisect(self._given, address, key=itemgetter(0)) - 1
            if place >= 0 and address < self._given[place][1]:
                return self._given[place][3]
        owner = _owner(array)
        found = self._roots.get(id(owner))
        return found[1] if found is not None and found[0]() is owner else None

    def close(self) -> None:
        """From now on traced arrays that are left somewhere are like any others, and keep nothing alive."""
        self.closed = True
        self.calls = []
        self._roots.clear()
        self._given.clear()
        self._before.clear()

    def written(self) -> list[Root]:
        """The roots from elsewhere that the step writes to."""
        roots = [root for _, root in self._roots.values()] + [root for *_, root in self._given]
        return [root for root in roots if root.written]

    def undo(self) -> None:
        """Give arrays from elsewhere that the step wrote to the values that they had before it."""
        for array, before in self._before:
            array[...] = before

    def made(self, array: ndarray) -> Traced:
        """The traced form of an array that the step has just made."""
        if self._root(array) is None:
            owner = _owner(array)
            self._roots[id(owner)] = (ref(owner), Root(Origin.VALUE, owner.nbytes))
        return self._traced(array)

    def _traced(self, array: ndarray, scalar: bool = False) -> Any:
        if self.closed:
            return array
        traced = array.view(Traced)
        traced.recorder, traced.scalar = self, scalar
        return traced

    def add(
        self,
        name: str,
        function: Callable[[Sequence[ndarray], ForwardContext], Any],
        outputs: Sequence[Any],
        inputs: Sequence[Any],
        **about: Any,
    ) -> None:
        """Write down that `function` computes the outputs from the inputs."""
        if self.closed:
            return
        operands = (
            *(self.reference(array, written=True) for array in outputs),
            *(self.reference(array) for array in inputs),
        )
        layer = layer_path() if self.layer is None else self.layer
        if self.phase == "forward":
            self.orders.append(-next_order())
        self.calls.append(
            Call(name, function, operands, len(outputs), layer=layer, phase=self.phase, **about)
        )

    def call(self, function: Any, arguments: tuple[Any, ...], options: dict[str, Any], name: str) -> Any:
        """Compute function(*arguments, **options), none of them traced, and write it down."""
        result = function(*arguments, **options)
        alone = not isinstance(result, tuple | list)
        if self.closed:
            return result
        results = [result] if alone else result
        if not all(isinstance(part, ndarray | np.generic) for part in results):
            raise Unplannable(f"{name} gives Python a value that depends on data")
        arrays = [np.asarray(part) for part in results]
        if any(self._root(array) is None for array in arrays):
            inputs, template, keywords = _placed(arguments, options, len(arrays))
            for array in arrays:
                self.made(array)
            self.add(
                name, _Repeat(function, template, keywords, len(arrays)), arrays, inputs, formula=function
            )
        traced = [
            self._traced(array, isinstance(part, np.generic))
            for array, part in zip(arrays, results, strict=True)
        ]
        return traced[0] if alone else getattr(type(result), "_make", type(result))(traced)

    def copied(self, array: ndarray) -> Traced:
        """A copy in memory of the step's own."""
        return self.call(ndarray.copy, (_plain(array),), {}, "copy")

    def write(
        self, function: Any, target: Any, arguments: tuple[Any, ...], options: dict[str, Any], name: str
    ) -> None:
        """Run function(target, *arguments, **options), which writes to its target, and write it down."""
        if self.closed:
            function(target, *arguments, **options)
            return
        inputs, template, keywords = _placed(arguments, options, 1)
        self.reference(target, written=True)
        function(target, *arguments, **options)
        self.add(
            name, _Repeat(function, (_Place(0), *template), keywords, 0), [target], inputs, formula=function
        )

    def drawn(self, draw: Callable[[ForwardContext], ndarray], context: ForwardContext) -> Traced | ndarray:
        """What is drawn from `context`; if that is the step's own, each replay draws from its own."""
        if context.step.__class__ is not Unread:
            return draw(context)
        array = draw(self._context)
        traced = self.made(array)
        self.add("draw", lambda arrays, context: np.copyto(arrays[0], draw(context)), [array], [])
        return traced

    def launched(
        self,
        symbol: str,
        outputs: Sequence[Any],
        inputs: Sequence[Any],
        integers: Sequence[int],
        numbers: Sequence[float],
    ) -> int:
        given = [_plain(array) for array in (*outputs, *inputs)]
        if self.closed:
            return native.launch(symbol, given[: len(outputs)], given[len(outputs) :], integers, numbers)
        there = [array for array in given if array is not None]
        for array in given[: len(outputs)]:
            if array is not None:
                self.reference(array, written=True)
        status = native.launch(symbol, given[: len(outputs)], given[len(outputs) :], integers, numbers)
        if status == 0:
            present = tuple(array is not None for array in given)
            writes = sum(present[: len(outputs)])
            launch = _Launch(symbol, present, tuple(integers), tuple(numbers))
            self.add(
                symbol, launch, there[:writes], there[writes:], formula=launch, integers=tuple(integers),
                numbers=tuple(numbers),
            )  # fmt: skip
        return status


@dataclass(frozen=True)
class _Repeat:
    """Calls a function again; of `results` that it returns each goes into its output."""

    function: Any
    template: tuple[Any, ...]
    keywords: dict[str, Any]
    results: int

    def __call__(self, arrays: Sequence[ndarray], context: ForwardContext) -> None:
        arguments = [_filled(part, arrays) for part in self.template]
        keywords = {name: _filled(part, arrays) for name, part in self.keywords.items()}
        if self.results == 1 and (
            isinstance(getattr(self.function, "__self__", self.function), np.ufunc)
            or self.function in _HAS_OUT
        ):
            self.function(*arguments, out=arrays[0], **keywords)
            return
        result = self.function(*arguments, **keywords)
        results = result if isinstance(result, tuple | list) else [result]
        for target, part in zip(arrays, results[: self.results], strict=False):
            if np.shape(part) != target.shape:
                raise Unplannable("a result changed its shape from one step to the next")
            np.copyto(target, part)


def repeated(name: str, function: Any, target: Reference, *arguments: Reference) -> Call:
    """The call function(target, *arguments), which writes to its target."""
    template = tuple(map(_Place, range(1 + len(arguments))))
    return Call(name, _Repeat(function, template, {}, 0), (target, *arguments), 1, formula=function)


@dataclass(frozen=True)
class _Launch:
    """Calls a kernel again. present: which of its arrays are not None."""

    symbol: str
    present: tuple[bool, ...]
    integers: tuple[int, ...]
    numbers: tuple[float, ...]

    def __call__(self, arrays: Sequence[ndarray], context: ForwardContext) -> None:
        rest = iter(arrays)
        given = [next(rest) if there else None for there in self.present]
        if native.launch(self.symbol, given, (), self.integers, self.numbers):
            raise Unplannable(f"{self.symbol} refused its values")


@dataclass(frozen=True)
class Guard:
    """Python asked whether a value is true: a replay holds only as long as the answer is the same."""

    expected: bool

    def __call__(self, arrays: Sequence[ndarray], context: ForwardContext) -> None:
        if bool(arrays[0]) != self.expected:
            raise Unplannable("a value that decides what is computed has changed")


class Traced(ndarray):
    """An array of a step that is being recorded. scalar: eagerly it is a number, and shares no memory."""

    recorder: Recorder
    scalar = False

    def __array_finalize__(self, obj: Any) -> None:
        recorder = getattr(obj, "recorder", None)
        if recorder is not None:
            self.recorder = recorder

    @property
    def namespace(self) -> Any:
        return np if self.recorder.closed else self.recorder.namespace

    def launched(self, *launch: Any) -> int:
        return self.recorder.launched(*launch)

    def escape(self) -> None:
        """Told before Python looks at the values."""
        if not self.recorder.closed:
            raise Unplannable("Python computes with values that depend on data")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        recorder = self._recorder_of(inputs, options)
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        plain = tuple(map(_plain, inputs))
        if method == "at":
            recorder.write(function, plain[0], plain[1:], options, name)
            return None
        out = options.pop("out", None)
        keywords = {key: _plain(value) for key, value in options.items()}
        if out is None:
            return recorder.call(function, plain, keywords, name)
        if recorder.closed:
            function(*plain, out=_plain(out), **keywords)
            return out[0] if len(out) == 1 else out
        if len(out) > 1:
            raise Unplannable(f"{name} writes to several arrays")
        target = out[0]
        inputs_, template, keywords = _placed(plain, keywords, 1)
        recorder.reference(target, written=True)
        function(*plain, out=_plain(target), **{key: _plain(value) for key, value in options.items()})
        recorder.add(name, _Repeat(function, template, keywords, 1), [target], inputs_, formula=function)
        return target

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        recorder = self._recorder_of(args, kwargs)
        name = func.__name__
        arguments = tuple(map(_plain, args))
        options = {key: _plain(value) for key, value in kwargs.items()}
        if func in _SHAPES_ONLY:
            return func(*arguments, **options)
        if func in _OF_DATA and not recorder.closed:
            raise Unplannable(f"{name} depends on data")
        if func in _IN_PLACE:
            recorder.write(func, arguments[0], arguments[1:], options, name)
            return None
        if options.get("overwrite_input") or (func is np.nan_to_num and not options.get("copy", True)):
            raise Unplannable(f"{name} writes to its argument")
        target = options.pop("out", None)
        if target is None:
            return recorder.call(func, arguments, options, name)
        if recorder.closed:
            func(*arguments, out=target, **options)
            return kwargs["out"]
        inputs, template, keywords = _placed(arguments, options, 1)
        recorder.reference(target, written=True)
        func(*arguments, out=target, **options)
        recorder.add(name, _Repeat(func, template, keywords, 1), [target], inputs, formula=func)
        return kwargs["out"]

    def _recorder_of(self, *groups: Any) -> Recorder:
        if hasattr(self, "recorder"):
            return self.recorder
        raise Unplannable("an array was made from a traced one in a way that could not be recorded")

    def __getitem__(self, index: Any) -> Any:
        parts = index if isinstance(index, tuple) else (index,)
        if self.recorder.closed:
            return self.view(ndarray)[_plain(index)]
        if all(map(_is_basic, parts)):
            if len(parts) == self.ndim and all(isinstance(part, int | np.integer) for part in parts):
                return self.recorder.call(_take, (_plain(self), index), {}, "take")  # a number, not a view
            whole = parts if any(part is Ellipsis for part in parts) else (*parts, ...)
            return self.recorder._traced(self.view(ndarray)[whole])
        masks = any(isinstance(part, ndarray | list) and np.asarray(part).dtype == bool for part in parts)
        if masks:
            raise Unplannable("indexing by a mask depends on data")
        return self.recorder.call(_take, (_plain(self), _plain(index)), {}, "take")

    def __setitem__(self, index: Any, value: Any) -> None:
        parts = index if isinstance(index, tuple) else (index,)
        if all(map(_is_basic, parts)):
            whole = parts if any(part is Ellipsis for part in parts) else (*parts, ...)
            if self._is_itself(whole, value):
                return  # what `x[index] += y` does after its addition
            self.recorder.write(
                np.copyto, self.view(ndarray)[whole], (_plain(value),), {"casting": "unsafe"}, "copy"
            )
        else:
            self.recorder.write(_put, _plain(self), (_plain(index), _plain(value)), {}, "put")

    def _is_itself(self, index: tuple[Any, ...], value: Any) -> bool:
        if not isinstance(value, Traced):
            return False
        own, other = self.view(ndarray)[index], value.view(ndarray)
        return own.__array_interface__ == other.__array_interface__ and own.strides == other.strides

    def __iter__(self) -> Any:
        return (self[index] for index in range(len(self)))

    def __bool__(self) -> bool:
        answer = bool(self.view(ndarray))
        self.recorder.add("guard", Guard(answer), [], [self])
        return answer

    def reshape(self, *shape: Any, **options: Any) -> Any:
        return self._moved(ndarray.reshape, *shape, **options)

    def ravel(self, *order: Any, **options: Any) -> Any:
        return self._moved(ndarray.ravel, *order, **options)

    def flatten(self, *order: Any, **options: Any) -> Any:
        return self._moved(ndarray.flatten, *order, **options)

    def copy(self, *order: Any, **options: Any) -> Any:
        return self._moved(ndarray.copy, *order, **options)

    def astype(self, dtype: Any, *rest: Any, **options: Any) -> Any:
        if np.dtype(dtype) == self.dtype and options.get("copy") is False:
            return self
        options.pop("subok", None)
        options.pop("copy", None)
        return self._moved(ndarray.astype, dtype, *rest, **options)

    def _moved(self, method: Any, *arguments: Any, **options: Any) -> Any:
        plain = _plain(self)
        return self.recorder.call(method, (plain, *map(_plain, arguments)), options, method.__name__)

    def __pow__(self, other: Any, modulo: Any = None) -> Any:
        return self._power(self, other) if self.scalar else super().__pow__(other)

    def __rpow__(self, other: Any, modulo: Any = None) -> Any:
        return self._power(other, self) if self.scalar else super().__rpow__(other)

    def _power(self, base: Any, exponent: Any) -> Any:
        """NumPy rounds powers of its numbers in another way than those of arrays."""
        if not np.ndim(base) == np.ndim(exponent) == 0:
            return np.power(base, exponent)
        return self.recorder.call(_scalar_power, (_plain(base), _plain(exponent)), {}, "power")

    def mean(self, *arguments: Any, **options: Any) -> Any:
        if self.dtype == np.float16 and options.get("out") is None:  # rounded unseen
            return self._moved(ndarray.mean, *arguments, **options)
        return super().mean(*arguments, **options)

    def put(self, *arguments: Any, **options: Any) -> None:
        self.recorder.write(ndarray.put, _plain(self), tuple(map(_plain, arguments)), options, "put")

    def __reduce__(self) -> Any:
        return self.view(ndarray).__reduce__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.view(ndarray).__reduce_ex__(protocol)

    def fill(self, value: Any) -> None:
        self.recorder.write(np.copyto, _plain(self), (_plain(value),), {}, "fill")

    def sort(self, *arguments: Any, **options: Any) -> None:
        self.recorder.write(ndarray.sort, _plain(self), arguments, options, "sort")

    def partition(self, *arguments: Any, **options: Any) -> None:
        self.recorder.write(ndarray.partition, _plain(self), arguments, options, "partition")


def _method(name: str) -> Any:
    function = getattr(ndarray, name)

    def method(self: Traced, *arguments: Any, **options: Any) -> Any:
        return self._moved(function, *arguments, **options)

    return method


def _in_place(name: str) -> Any:
    """`x += y`: of a number, Python makes another one."""
    within, beside = getattr(ndarray, f"__i{name}__"), f"__{name}__"

    def method(self: Traced, other: Any) -> Any:
        return getattr(self, beside)(other) if self.scalar else within(self, other)

    return method


def _refused(name: str) -> Any:
    def method(self: Traced, *arguments: Any, **options: Any) -> Any:
        if self.recorder.closed:
            return getattr(self.view(ndarray), name)(*arguments, **options)
        raise Unplannable(f"{name} gives Python a value that depends on data")

    return method


_COMPUTING = """argmax argmin argsort argpartition choose cumprod cumsum diagonal dot repeat round
searchsorted swapaxes take trace"""
_ESCAPING = "__complex__ __float__ __index__ __int__ compress item nonzero tobytes tofile tolist dump dumps"
for _name in _COMPUTING.split():
    setattr(Traced, _name, _method(_name))
for _name in "add sub mul truediv floordiv mod pow and or xor lshift rshift matmul".split():
    setattr(Traced, f"__i{_name}__", _in_place(_name))
for _name in _ESCAPING.split():
    setattr(Traced, _name, _refused(_name))


class _Namespace:
    """NumPy for formulas whose arrays are traced: what it makes is traced too."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def empty(self, shape: Any, dtype: Any = float, **options: Any) -> Any:
        return self._recorder.made(np.empty(shape, dtype, **options))

    def zeros(self, shape: Any, dtype: Any = float, **options: Any) -> Any:
        return self._full(np.zeros(shape, dtype, **options), 0)

    def ones(self, shape: Any, dtype: Any = float, **options: Any) -> Any:
        return self._full(np.ones(shape, dtype, **options), 1)

    def full(self, shape: Any, value: Any, dtype: Any = None, **options: Any) -> Any:
        return self._full(np.full(shape, _plain(value), dtype, **options), value)

    def _full(self, array: ndarray, value: Any) -> Any:
        traced = self._recorder.made(array)
        self._recorder.write(np.copyto, array, (_plain(value),), {"casting": "unsafe"}, "fill")
        return traced

    def empty_like(self, array: Any, dtype: Any = None, **options: Any) -> Any:
        return self._recorder.made(np.empty_like(_plain(array), dtype, **options))

    def zeros_like(self, array: Any, dtype: Any = None, **options: Any) -> Any:
        return self._full(np.zeros_like(_plain(array), dtype, **options), 0)

    def ones_like(self, array: Any, dtype: Any = None, **options: Any) -> Any:
        return self._full(np.ones_like(_plain(array), dtype, **options), 1)

    def full_like(self, array: Any, value: Any, dtype: Any = None, **options: Any) -> Any:
        return self._full(np.full_like(_plain(array), _plain(value), dtype, **options), value)

    def asarray(self, array: Any, dtype: Any = None) -> Any:
        if isinstance(array, Traced) and array.scalar:
            array = self._recorder.copied(array)
        return (
            (array if dtype is None else array.astype(dtype, copy=False))
            if isinstance(array, Traced)
            else (np.asarray(array, dtype))
        )

    def ascontiguousarray(self, array: Any, dtype: Any = None) -> Any:
        array = self.asarray(array, dtype)
        if not isinstance(array, Traced):
            return np.ascontiguousarray(array)
        array = self.asarray(array) if array.ndim else self.asarray(array).reshape(1)
        return array if array.flags.c_contiguous else array.copy()


def _owner(array: ndarray) -> ndarray:
    while True:
        base: Any = array.base
        if not isinstance(base, ndarray):
            base = getattr(base, "base", None)  # what `as_strided` puts between an array and its view
        if not isinstance(base, ndarray):
            return array
        array = base


def _plain(value: Any) -> Any:
    """The value with plain arrays in place of traced ones."""
    if isinstance(value, Traced):
        return value.view(ndarray)
    if isinstance(value, tuple | list) and any(isinstance(part, ndarray | tuple | list) for part in value):
        parts = [_plain(part) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    return value


def _placed(
    arguments: tuple[Any, ...], options: dict[str, Any], first: int
) -> tuple[list[ndarray], tuple[Any, ...], dict[str, Any]]:
    """The arrays among arguments and options, and those with places, counted from `first`, for the arrays."""
    arrays: list[ndarray] = []

    def placed(value: Any) -> Any:
        if isinstance(value, ndarray):
            arrays.append(value)
            return _Place(first + len(arrays) - 1)
        if isinstance(value, tuple | list):
            return type(value)(map(placed, value))
        return value

    return arrays, tuple(map(placed, arguments)), {key: placed(value) for key, value in options.items()}


def _filled(part: Any, arrays: Sequence[ndarray]) -> Any:
    if isinstance(part, _Place):
        return arrays[part.position]
    if isinstance(part, tuple | list):
        return type(part)(_filled(item, arrays) for item in part)
    return part


def _is_basic(part: Any) -> bool:
    """Whether this part of an index picks a view."""
    if part is None or part is Ellipsis:
        return True
    return isinstance(part, slice | int | np.integer) and not isinstance(part, bool)


def _take(array: ndarray, index: Any) -> Any:
    return array[index]


def _scalar_power(base: Any, exponent: Any) -> Any:
    """The power of two numbers, of which NumPy's own may have come as arrays."""
    return _number(base) ** _number(exponent)


def _number(value: Any) -> Any:
    return value[()] if isinstance(value, ndarray) else value


def _put(array: ndarray, index: Any, value: Any) -> None:
    array[index] = value


class Unread:
    """In a context while a step is recorded: what may be drawn from, and not be looked at."""

    def __getattr__(self, name: str) -> Any:
        raise Unplannable("the forward pass reads the step, the seed or the sample of its context")


def _unread(self: Unread, *others: Any) -> Any:
    raise Unplannable("the forward pass reads the step, the seed or the sample of its context")


for _name in """add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow and
or xor lshift rshift lt le gt ge eq ne neg abs int index float bool hash str repr format""".split():
    setattr(Unread, f"__{_name}__", _unread)


def keys_only(context: ForwardContext) -> ForwardContext:
    """The context with numbers that only `ForwardContext.uniform` may use."""
    unread: Any = Unread()
    return ForwardContext(context.training, unread, unread, unread, context.present)
