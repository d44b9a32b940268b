"""Arrays that can be written, for libraries whose functions write `x[key] = value` into what they compute.

The arrays themselves stay immutable: a `Writable` is a name for one, and writing gives the name another array. So what
such a library computes can be differentiated, batched and compiled like everything else. Note 0027.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import wraps
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import where
from mapsto.array.convert import asarray, astype, broadcast_shape, cast, is_number, spread, strong, weak
from mapsto.array.indexing import getitem
from mapsto.array.manipulate import arange, reshape
from mapsto.array.scatter import put
from mapsto.core.spec import BOOL, is_float

IN_PLACE = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split()
COMPARISONS = "eq ne lt le gt ge".split()
ONE = "neg pos abs invert".split()


# Operators are added below, in loops; to type checkers they are those of arrays.
if TYPE_CHECKING:
    Operators = Array
else:
    Operators = object


class Writable(Operators):
    """A name for an array, which `x[key] = value` and `x += y` replace; made by `xp.writable`.

    Whatever is computed from it is writable too. `x.value` is the array as it is now. Parts of it, `x[0]`, have names
    of their own: writing to them leaves x as it was. It has all operators, methods and attributes of an array.
    """

    __slots__ = ("value",)
    __hash__ = object.__hash__
    if not TYPE_CHECKING:
        __array_ufunc__ = None  # NumPy's arrays leave their operators to this class

    def __init__(self, value: Array) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"writable({self.value!r})"

    def __getattr__(self, name: str) -> Any:
        if name == "value" or (name.startswith("__") and name != "__dlpack__"):  # asked before there is a value
            raise AttributeError(name)
        return lifted(getattr(self.value, name))

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return Namespace(self.value.__array_namespace__(api_version=api_version))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.value.__array__(dtype, copy)

    def __dlpack_device__(self) -> Any:
        return self.value.__dlpack_device__()

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Writable]:
        return map(Writable, self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __index__(self) -> int:
        return self.value.__index__()

    def __float__(self) -> float:
        return float(self.value)

    def __complex__(self) -> complex:
        return complex(self.value)

    def __getitem__(self, key: Any) -> Writable:
        return Writable(self.value[bare(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.value = written(self.value, bare(key), bare(value))


def writable(x: ArrayLike, /) -> Writable:
    """An array ↦ a name for it that can be written: `x[key] = value` gives the name another array.

    For functions of SciPy and scikit-learn that write into what they compute. The array x itself stays as it is.

    >>> from mapsto import xp
    >>> y = xp.writable([1.0, 2.0, 3.0])
    >>> y[1:] = 0
    >>> y += 1
    >>> y.value
    array([2., 1., 1.], f32[3])
    """
    return Writable(strong(bare(x)))


def written(x: Array, key: Any, value: ArrayLike) -> Array:
    """`x[key] = value` ↦ the array x would be then, of x's type and shape.

    The values broadcast to the shape of `x[key]`. A mask of x's shape may be traced if there is only one value.
    """
    precise = is_number(value) and is_float(x.dtype)  # by way of float32 it would be rounded twice
    given = cast(weak(value) if precise else asarray(value), x.dtype)
    if isinstance(key, Array) and key.dtype == BOOL and key.shape == x.shape and given.ndim == 0:
        return where(key, given, x)
    places = getitem(reshape(arange(x.size), x.shape), key)
    lead = max(given.ndim - places.ndim, 0)
    if math.prod(given.shape[:lead]) == 1:  # as in NumPy, axes of extent 1 in front do not count
        given = reshape(given, given.shape[lead:])
    broadcast_shape("x[key] = value", places, given)
    flat = put(reshape(x, (-1,)), reshape(places, (-1,)), reshape(spread(given, places.shape), (-1,)))
    return reshape(flat, x.shape)


def bare(value: Any) -> Any:
    """Lists, tuples and dicts with the arrays themselves in place of their names."""
    if isinstance(value, Writable):
        return value.value
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(map(bare, value))
    if isinstance(value, dict):
        return {key: bare(one) for key, one in value.items()}
    return value


def named(value: Any) -> Any:
    """What a function returned with names for all arrays."""
    if isinstance(value, Array):
        return Writable(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(named, value))
    return type(value)(map(named, value)) if isinstance(value, (list, tuple)) else value


def lifted(value: Any) -> Any:
    """A function of arrays ↦ the same of names for them; an array ↦ a name; everything else stays."""
    if isinstance(value, type) or not callable(value):
        return named(value)

    @wraps(value)
    def call(*args: Any, **kwargs: Any) -> Any:
        return named(value(*bare(args), **bare(kwargs)))

    return call


class Namespace:
    """`xp`, or one of its extensions, as functions of names for arrays."""

    def __init__(self, functions: ModuleType) -> None:
        self.functions = functions
        self.__name__ = f"{functions.__name__}.writable"

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.functions, name)
        return Namespace(found) if isinstance(found, ModuleType) else lifted(found)

    def __dir__(self) -> list[str]:
        return dir(self.functions)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Namespace) and other.functions is self.functions

    def __hash__(self) -> int:
        return hash(self.functions)

    def asarray(
        self, obj: Any, /, *, dtype: Any = None, device: str | None = None, copy: bool | None = None
    ) -> Writable:
        """`xp.asarray`; a name stays the same name unless its array changes type, or `copy` says otherwise."""
        return same_or_new(obj, asarray(bare(obj), dtype=dtype, device=device, copy=copy), copy)

    def astype(self, x: Any, dtype: Any, /, *, copy: bool = True, device: str | None = None) -> Writable:
        """`xp.astype`; without `copy`, a name stays the same name unless its array changes type."""
        return same_or_new(x, astype(bare(x), dtype, device=device), copy)


def same_or_new(x: Any, made: Array, copy: bool | None) -> Writable:
    """The name x if an array is still the one it stands for and need not be copied; else a new name for the array."""
    same = isinstance(x, Writable) and x.value is made and not copy
    return x if same else Writable(made)


def operator(name: str) -> Callable[..., Any]:
    """An operator of arrays ↦ that of names for them."""
    of_arrays = getattr(Array, name)

    def call(self: Writable, *others: Any) -> Any:
        return named(of_arrays(self.value, *bare(others)))

    return call


def in_place(name: str) -> Callable[..., Any]:
    """An operator of two arrays ↦ the one that gives the name on the left another array, of the same type."""
    of_arrays = getattr(Array, name)

    def call(self: Writable, other: Any) -> Any:
        made = of_arrays(self.value, bare(other))
        if made is NotImplemented:
            return made
        self.value = written(self.value, ..., made)
        return self

    return call


for word in IN_PLACE:
    setattr(Writable, f"__{word}__", operator(f"__{word}__"))
    setattr(Writable, f"__r{word}__", operator(f"__r{word}__"))
    setattr(Writable, f"__i{word}__", in_place(f"__{word}__"))
for word in (*COMPARISONS, *ONE):
    setattr(Writable, f"__{word}__", operator(f"__{word}__"))
