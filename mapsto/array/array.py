"""The array: numbers in a shape, with Python's operators. Immutable; NumPy and DLPack read it without a copy."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mapsto.array.methods import FUNCTIONS, Methods
from mapsto.core.errors import DonatedError, DTypeError, ShapeError, TraceError, UsageError
from mapsto.core.names import missing
from mapsto.core.spec import BFLOAT16, FLOAT32, DType, Shape, Spec, is_float
from mapsto.core.tree import is_number

ArrayLike = Any  # an Array, a NumPy array, or a Python number

# The versions of the array API standard whose names and arguments `xp` has.
API_VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")

# NumPy's functions of two arrays that stand for an operator, and where names differ, ours.
OPERATORS = """add subtract multiply divide floor_divide remainder power matmul bitwise_and bitwise_or bitwise_xor
left_shift right_shift equal not_equal less less_equal greater greater_equal""".split()
OUR_NAMES = {
    "power": "pow",
    "absolute": "abs",
    "invert": "bitwise_invert",
    "left_shift": "bitwise_left_shift",
    "right_shift": "bitwise_right_shift",
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "tan2")},
}


def operand(value: Any) -> bool:
    """Whether an operator takes `value`; anything else may have an operator of its own."""
    return isinstance(value, (Array, np.ndarray)) or is_number(value)


class Array(Methods):
    """index ↦ number: an immutable array of one element type.

    Made by `xp.asarray` and the other creation functions, not by calling this class.

    >>> from mapsto import xp
    >>> x = xp.asarray([[1.0, 2.0], [3.0, 4.0]])
    >>> x.shape, x.dtype, float(x[1, 0])
    ((2, 2), dtype('float32'), 3.0)
    >>> x @ x - 1
    array([[ 6.,  9.],
           [14., 21.]], f32[2,2])
    """

    __slots__ = ("_held", "_spec", "_weak")
    __hash__ = object.__hash__
    _traced = False  # whether it stands for a value of a trace, then in `value`

    def __init__(
        self, data: np.ndarray[Any, Any], weak: bool = False, address: int = 0, spec: Spec | None = None
    ) -> None:
        # The numbers and where they lie, 0 if nobody asked; None once they are given away.
        self._held: tuple[np.ndarray[Any, Any], int] | None = (data, address)
        self._weak = weak
        self._spec = spec  # None if nobody asked

    # what it is

    @property
    def data(self) -> np.ndarray[Any, Any]:
        """The numbers, as a NumPy array that must not be written."""
        held = self._held
        if held is None:
            raise DonatedError("USE-03", fix="use the result of the compiled function, or drop it from donate=")
        return held[0]

    @property
    def spec(self) -> Spec:
        data = self.data
        if self._spec is None:
            self._spec = Spec(data.dtype, data.shape, self._weak)
        return self._spec

    @property
    def dtype(self) -> DType:
        """The element type. A traced Python number is float32 or int64 to whoever asks; within, it is more exact."""
        spec = self.spec
        return FLOAT32 if spec.weak and is_float(spec.dtype) else spec.dtype

    @property
    def shape(self) -> Shape:
        return self.spec.shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self.spec.size

    @property
    def device(self) -> str:
        return "cpu"

    def __repr__(self) -> str:
        return f"array({np.array2string(self.data, separator=', ', prefix='array(')}, {self.spec})"

    # Python's protocols

    def __reduce__(self) -> Any:
        return Array, (self.data, self._weak)  # not the address: pickles go to other processes

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return missing(self, "Array", name)

    def __len__(self) -> int:
        if not self.shape:
            raise UsageError("ARRAY-26", fix="x[None] gives it an axis; x.size counts elements")
        return self.shape[0]

    def __iter__(self) -> Iterator[Array]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(single(self, "if, while, and, or, not"))

    def __int__(self) -> int:
        return int(single(self, "int()"))

    def __float__(self) -> float:
        return float(single(self, "float()"))

    def __index__(self) -> int:
        return cast(int, concrete(self, "as an index").__index__())

    def __complex__(self) -> complex:
        return complex(float(self))

    def __format__(self, spec: str) -> str:
        return format(single(self, "format()"), spec) if spec else str(self)

    def item(self) -> Any:
        """The number of an array with one element, as a Python number."""
        return single(self, ".item()")

    def tolist(self) -> Any:
        return concrete(self, ".tolist()").tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        data = exported(self, "as a NumPy array")
        if copy or (dtype is not None and np.dtype(dtype) != data.dtype):
            return np.array(data, dtype)
        view = data.view()
        view.flags.writeable = False
        return view

    def __dlpack__(
        self,
        *,
        stream: None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        options: dict[str, Any] = {"stream": stream, "max_version": max_version, "dl_device": dl_device, "copy": copy}
        if self.dtype == BFLOAT16:  # which NumPy does not write into the protocol
            fix = "give it another type first: xp.astype(x, xp.float32)"
            raise DTypeError("DTYPE-04", function="DLPack", wanted="a type that NumPy has", found=self.spec, fix=fix)
        # Since version 1.0 the protocol can say that memory must not be written; before it, only a copy is safe.
        if (max_version or (0, 0)) >= (1, 0):
            return self.__array__().__dlpack__(**options)
        return exported(self, "by DLPack").copy().__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return (1, 0)  # the processor's memory

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        if api_version not in (None, *API_VERSIONS):
            fix = "leave it out, or say " + ", ".join(map(repr, API_VERSIONS))
            raise UsageError("ARRAY-27", version=repr(api_version), fix=fix)
        return FUNCTIONS["namespace"]()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """`ndarray + array` is ours; any other function of NumPy would leave the trace, and is an error."""
        theirs: str = ufunc.__name__
        name = OUR_NAMES.get(theirs, theirs)
        if method == "__call__" and theirs in OPERATORS and set(options) <= {"out"} and all(map(operand, inputs)):
            made = FUNCTIONS[name](*inputs)
            for into in options.get("out", ()):  # ndarray += array
                np.copyto(into, exported(made, "to write into a NumPy array"))
                return into
            return made
        known_here = method == "__call__" and hasattr(FUNCTIONS["namespace"](), name)
        fix = f"use xp.{name}" if known_here else "np.asarray(x) gives NumPy a copy, outside of every trace"
        raise UsageError("ARRAY-28", name=theirs, fix=fix)

    # operators

    def __add__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["add"](self, other) if operand(other) else NotImplemented

    def __radd__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["add"](other, self) if operand(other) else NotImplemented

    def __sub__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["subtract"](self, other) if operand(other) else NotImplemented

    def __rsub__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["subtract"](other, self) if operand(other) else NotImplemented

    def __mul__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["multiply"](self, other) if operand(other) else NotImplemented

    def __rmul__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["multiply"](other, self) if operand(other) else NotImplemented

    def __truediv__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["divide"](self, other) if operand(other) else NotImplemented

    def __rtruediv__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["divide"](other, self) if operand(other) else NotImplemented

    def __floordiv__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["floor_divide"](self, other) if operand(other) else NotImplemented

    def __rfloordiv__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["floor_divide"](other, self) if operand(other) else NotImplemented

    def __mod__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["remainder"](self, other) if operand(other) else NotImplemented

    def __rmod__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["remainder"](other, self) if operand(other) else NotImplemented

    def __pow__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["pow"](self, other) if operand(other) else NotImplemented

    def __rpow__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["pow"](other, self) if operand(other) else NotImplemented

    def __matmul__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["matmul"](self, other) if operand(other) else NotImplemented

    def __rmatmul__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["matmul"](other, self) if operand(other) else NotImplemented

    def __and__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["bitwise_and"](self, other) if operand(other) else NotImplemented

    def __rand__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["bitwise_and"](other, self) if operand(other) else NotImplemented

    def __or__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["bitwise_or"](self, other) if operand(other) else NotImplemented

    def __ror__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["bitwise_or"](other, self) if operand(other) else NotImplemented

    def __xor__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["bitwise_xor"](self, other) if operand(other) else NotImplemented

    def __rxor__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["bitwise_xor"](other, self) if operand(other) else NotImplemented

    def __lshift__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["bitwise_left_shift"](self, other) if operand(other) else NotImplemented

    def __rlshift__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["bitwise_left_shift"](other, self) if operand(other) else NotImplemented

    def __rshift__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["bitwise_right_shift"](self, other) if operand(other) else NotImplemented

    def __rrshift__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["bitwise_right_shift"](other, self) if operand(other) else NotImplemented

    def __invert__(self) -> Array:
        return FUNCTIONS["bitwise_invert"](self)

    def __neg__(self) -> Array:
        return FUNCTIONS["negative"](self)

    def __pos__(self) -> Array:
        return self

    def __abs__(self) -> Array:
        return FUNCTIONS["abs"](self)

    def __eq__(self, other: object) -> Array:  # type: ignore[override]
        return FUNCTIONS["equal"](self, other) if operand(other) else NotImplemented

    def __ne__(self, other: object) -> Array:  # type: ignore[override]
        return FUNCTIONS["not_equal"](self, other) if operand(other) else NotImplemented

    def __lt__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["less"](self, other) if operand(other) else NotImplemented

    def __le__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["less_equal"](self, other) if operand(other) else NotImplemented

    def __gt__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["greater"](self, other) if operand(other) else NotImplemented

    def __ge__(self, other: ArrayLike) -> Array:
        return FUNCTIONS["greater_equal"](self, other) if operand(other) else NotImplemented

    def __getitem__(self, key: Any) -> Array:
        return FUNCTIONS["getitem"](self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        fix = "make a new one: xp.put(x, i, v), xp.put_add(x, i, v), xp.where(c, v, x); or write to y = xp.writable(x)"
        raise UsageError("ARRAY-29", fix=fix)


def known(array: Array) -> np.ndarray[Any, Any] | None:
    """The numbers behind an array, also behind a traced one; None if it was traced without values."""
    while array._traced:  # pyright: ignore[reportPrivateUsage]
        array = cast(Any, array).value
        if array is None:
            return None
    return array.data


class Moves:
    """The last time that numbers were given away or moved: while it is the same object, all are where they were."""

    last = object()


moves = Moves()


def donate(arrays: Iterable[Array]) -> None:
    """Give arrays' numbers away; using one of them afterwards is a DonatedError.

    An interrupt falls before it or after it: between instructions of Python's there would be some arrays left.
    """
    moves.last = object()  # before and after: in between, another thread may look, or an interrupt come
    deque(map(_let_go, arrays, repeat(None)), maxlen=0)
    moves.last = object()


_let_go: Any = Array._held.__set__  # pyright: ignore


def concrete(array: Array, what: str) -> np.ndarray[Any, Any]:
    """The same; a TraceError if there are none."""
    data = known(array)
    if data is None:
        if not cast(Any, array).frame.open:  # only a traced array has no numbers
            raise TraceError("TRACE-02", fix="return it from the traced function instead of storing it elsewhere")
        fix = "xp.where chooses by element, mt.cond runs one of two functions; or decide outside"
        raise TraceError("TRACE-01", what=f"{array.spec} used in {what}", fix=fix)
    return data


def exported(array: Array, what: str) -> np.ndarray[Any, Any]:
    """The same, for another library. Not of traced floats: what is computed from them there has no derivative."""
    data = concrete(array, what)
    if array._traced and is_float(data.dtype):  # pyright: ignore[reportPrivateUsage]
        fix = "compute with the functions of xp; float(x) and x.item() give a number to print"
        raise TraceError("TRACE-06", x=array.spec, place=what, fix=fix)
    return data


def single(array: Array, what: str) -> Any:
    """The number of an array that has one element."""
    data = concrete(array, what)
    if data.size != 1:
        fix = "index one, fold them (.sum(), .mean(), xp.all, xp.any), or choose element by element with xp.where"
        raise ShapeError("ARRAY-30", function=what, x=array.spec, fix=fix)
    return data.item()
