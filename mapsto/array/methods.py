"""The functions that read well after a dot: `x.sum(axis=0)` is `xp.sum(x, axis=0)`.

NumPy's functions call these when they are given an array, `np.mean(x)`, and pass `dtype=` and `out=` along.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mapsto.core.calls import explained
from mapsto.core.errors import UsageError
from mapsto.core.tree import Value

if TYPE_CHECKING:
    from mapsto.array.array import Array

# Operators and methods stand for functions of the modules beside this one, which enter themselves here by name.
FUNCTIONS: dict[str, Callable[..., Any]] = {}


def fold(name: str, x: Any, out: Any, dtype: Any = None, **settings: Any) -> Any:
    """A function that folds axes, applied to an array in the element type `dtype`, if one is given."""
    if out is not None:
        raise UsageError("ARRAY-31", function=name, fix=f"use what it returns: y = xp.{name}(x)")
    return FUNCTIONS[name](x if dtype is None else FUNCTIONS["astype"](x, dtype), **settings)


class Methods(Value):
    """What an array can be asked for besides its operators. Functions of the same name in `xp` explain themselves."""

    __slots__ = ()

    @property
    def T(self) -> Array:
        return FUNCTIONS["matrix_transpose"](self)

    @property
    def mT(self) -> Array:
        return FUNCTIONS["matrix_transpose"](self)

    def to_device(self, device: str, /, *, stream: None = None) -> Array:
        return FUNCTIONS["to_device"](self, device, stream=stream)

    def astype(self, dtype: Any) -> Array:
        return FUNCTIONS["astype"](self, dtype)

    def reshape(self, *shape: Any) -> Array:
        return FUNCTIONS["reshape"](self, shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)

    @explained("Array.sum", own=1)
    def sum(self, axis: Any = None, keepdims: bool = False, *, dtype: Any = None, out: None = None) -> Array:
        return fold("sum", self, out, dtype, axis=axis, keepdims=keepdims)

    @explained("Array.prod", own=1)
    def prod(self, axis: Any = None, keepdims: bool = False, *, dtype: Any = None, out: None = None) -> Array:
        return fold("prod", self, out, dtype, axis=axis, keepdims=keepdims)

    @explained("Array.mean", own=1)
    def mean(self, axis: Any = None, keepdims: bool = False, *, dtype: Any = None, out: None = None) -> Array:
        return fold("mean", self, out, dtype, axis=axis, keepdims=keepdims)

    @explained("Array.max", own=1)
    def max(self, axis: Any = None, keepdims: bool = False, *, out: None = None) -> Array:
        return fold("max", self, out, axis=axis, keepdims=keepdims)

    @explained("Array.min", own=1)
    def min(self, axis: Any = None, keepdims: bool = False, *, out: None = None) -> Array:
        return fold("min", self, out, axis=axis, keepdims=keepdims)

    @explained("Array.all", own=1)
    def all(self, axis: Any = None, keepdims: bool = False, *, out: None = None) -> Array:
        return fold("all", self, out, axis=axis, keepdims=keepdims)

    @explained("Array.any", own=1)
    def any(self, axis: Any = None, keepdims: bool = False, *, out: None = None) -> Array:
        return fold("any", self, out, axis=axis, keepdims=keepdims)

    @explained("Array.argmax", own=1)
    def argmax(self, axis: int | None = None, keepdims: bool = False, *, out: None = None) -> Array:
        return fold("argmax", self, out, axis=axis, keepdims=keepdims)

    @explained("Array.argmin", own=1)
    def argmin(self, axis: int | None = None, keepdims: bool = False, *, out: None = None) -> Array:
        return fold("argmin", self, out, axis=axis, keepdims=keepdims)

    @explained("Array.var", own=1)
    def var(
        self,
        axis: Any = None,
        correction: float = 0.0,
        keepdims: bool = False,
        *,
        dtype: Any = None,
        out: None = None,
        ddof: float | None = None,  # NumPy's word for the correction
    ) -> Array:
        freedom = correction if ddof is None else ddof
        return fold("var", self, out, dtype, axis=axis, correction=freedom, keepdims=keepdims)

    @explained("Array.std", own=1)
    def std(
        self,
        axis: Any = None,
        correction: float = 0.0,
        keepdims: bool = False,
        *,
        dtype: Any = None,
        out: None = None,
        ddof: float | None = None,
    ) -> Array:
        freedom = correction if ddof is None else ddof
        return fold("std", self, out, dtype, axis=axis, correction=freedom, keepdims=keepdims)
