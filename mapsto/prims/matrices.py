"""Matrices in the last two axes: what is asked of them, and how LAPACK, which NumPy calls, is asked.

Leading axes number the matrices. One that has a NaN or an infinity gives NaN, and leaves the others alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import ShapeError
from mapsto.core.spec import Spec
from mapsto.ir.graph import Var, bind_all
from mapsto.ir.primitive import Primitive
from mapsto.prims.differential import Differential
from mapsto.prims.elementwise import floats_only
from mapsto.prims.kinds import SHARED
from mapsto.prims.precision import widened

Numbers = np.ndarray[Any, Any]


def check_matrices(function: str, x: Spec, square: bool = False) -> None:
    """Raise for what is no float array of matrices, or of square ones."""
    floats_only(function, x)
    if x.rank < 2:
        raise ShapeError("ARRAY-02", function=function, x=x, least=2, fix="a matrix has rows and columns")
    if square:
        check_square(function, x)


def check_square(function: str, x: Spec) -> None:
    """Raise for matrices that are not square."""
    if x.shape[-2] != x.shape[-1]:
        fix = "give as many rows as columns; xp.linalg.pinv takes any"
        raise ShapeError("LINALG-01", function=function, x=x, fix=fix)


class OfMatrices(Differential):
    """A function of every matrix by itself, so mapping it over one more leading axis changes nothing.

    A subclass states the `shapes` of its outputs for one matrix, and `of_finite`, which LAPACK computes.
    """

    square: ClassVar[bool] = False

    def shapes(self, rows: int, columns: int) -> tuple[tuple[int, ...], ...]:
        raise NotImplementedError

    def of_finite(self, x: Numbers) -> tuple[Numbers, ...]:
        raise NotImplementedError

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        x = inputs[0]
        check_matrices(self.name, x, self.square)
        return tuple(Spec(x.dtype, (*x.shape[:-2], *shape)) for shape in self.shapes(*x.shape[-2:]))

    def eval(self, *inputs: Any) -> Any:
        return by_lapack(self.of_finite, inputs[0])

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        return mapped(self, extent, batched, inputs)

    def flops(self, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
        """About as many as a factorisation takes (Golub and Van Loan, Matrix Computations, 4th ed., 5.4 and 8.6)."""
        rows, columns = inputs[0].shape[-2:]
        return self.times * inputs[0].size * min(rows, columns)

    times: ClassVar[int] = 2  # operations for every element and every column


def mapped(
    primitive: Primitive, extent: int, batched: Sequence[bool], inputs: Sequence[Var]
) -> tuple[tuple[Var, ...], bool]:
    """The batch rule of a primitive whose inputs share their leading axes: one axis more."""
    full = [x if has else SHARED["widen"](extent, x) for x, has in zip(inputs, batched, strict=True)]
    return bind_all(primitive, *full), True


def by_lapack(function: Callable[[Numbers], tuple[Numbers, ...]], x: Numbers) -> tuple[Numbers, ...]:
    """A function of finite matrices, for all of them: 16-bit floats go by float32, what is not finite gives NaN."""
    wide = widened(x)
    finite: Numbers = np.asarray(np.isfinite(wide).all((-2, -1)))
    if finite.all():
        return tuple(made.astype(x.dtype, copy=False) for made in function(wide))
    harmless = np.eye(*x.shape[-2:], dtype=wide.dtype)
    made = function(np.where(finite[..., None, None], wide, harmless))
    return tuple(with_nan(one, finite).astype(x.dtype, copy=False) for one in made)


def with_nan(made: Numbers, valid: Numbers) -> Numbers:
    """Results for matrices ↦ the same where they are valid, NaN elsewhere."""
    return np.where(valid.reshape(valid.shape + (1,) * (made.ndim - valid.ndim)), made, np.nan).astype(made.dtype)


def iterated(function: Callable[[Numbers], tuple[Numbers, ...]], x: Numbers) -> tuple[Numbers, ...]:
    """What LAPACK finds by iteration; NaN for the matrices, if ever there are, for which that does not converge."""
    try:
        return function(x)
    except np.linalg.LinAlgError:
        if x.ndim == 2:
            return tuple(np.full_like(one, np.nan) for one in function(np.eye(*x.shape, dtype=x.dtype)))
        apart = [iterated(function, one) for one in x]
        return tuple(np.stack(one) for one in zip(*apart, strict=True))


def first_failing(attempt: Callable[..., Any], *arrays: Numbers) -> tuple[int, ...]:
    """Where the first matrix stands on which LAPACK refuses an attempt that it has refused."""
    for place in np.ndindex(arrays[0].shape[:-2]):
        try:
            attempt(*(array[place] for array in arrays))
        except np.linalg.LinAlgError:
            return place
    return (0,) * (arrays[0].ndim - 2)


def named(place: tuple[int, ...]) -> str:
    """A place among the leading axes, in words."""
    return f"the matrix at {list(place)}" if place else "the matrix"
