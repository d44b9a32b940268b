"""What derivatives of matrix functions are written in: products, transposes, diagonals and triangles of variables.

All are linear in each of their operands, as rules run backwards must be.
"""

from __future__ import annotations

from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Primitive
from mapsto.prims.compare import Equal, Less, Select
from mapsto.prims.contract import LETTERS, Contract
from mapsto.prims.elementwise import Sub, constant_like
from mapsto.prims.layout import Broadcast, Slice, Transpose
from mapsto.prims.literal import Iota
from mapsto.prims.reduce import Sum

BELOW, DIAGONAL = Less(), Equal()  # said of (column, row)


def product(x: Var, y: Var) -> Var:
    """`[…, i, k], […, k, j] ↦ […, i, j]`: equal leading axes."""
    lead = LETTERS[26 : 26 + x.spec.rank - 2]
    return bind(Contract(lead + "ik", lead + "kj", lead + "ij"), x, y)


def turned(x: Var) -> Var:
    """Every matrix transposed."""
    rank = x.spec.rank
    return bind(Transpose((*range(rank - 2), rank - 1, rank - 2)), x)


def first_columns(x: Var, count: int) -> Var:
    """`[…, m, n] ↦ […, m, count]`."""
    shape = x.spec.shape
    return bind(Slice((0,) * len(shape), (*shape[:-1], count), (1,) * len(shape)), x)


def less(x: Var, y: Var) -> Var:
    """x - y."""
    return bind(Sub(), x, y)


def rows_of(v: Var, like: Var) -> Var:
    """`[…, n] ↦ […, m, n]`: every row is v."""
    rank = like.spec.rank
    return bind(Broadcast(like.spec.shape, (*range(rank - 2), rank - 1)), v)


def columns_of(v: Var, like: Var) -> Var:
    """`[…, m] ↦ […, m, n]`: every column is v."""
    return bind(Broadcast(like.spec.shape, tuple(range(like.spec.rank - 1))), v)


def everywhere(v: Var, like: Var) -> Var:
    """`[…] ↦ […, m, n]`: one number for each matrix."""
    return bind(Broadcast(like.spec.shape, tuple(range(like.spec.rank - 2))), v)


def where_it_is(test: Primitive, x: Var) -> Var:
    """Whether an element stands below the diagonal, or on it."""
    shape = x.spec.shape
    row, column = (bind(Iota(shape[-2:], axis, "i64")) for axis in (0, 1))
    return bind(Broadcast(shape, (len(shape) - 2, len(shape) - 1)), bind(test, column, row))


def kept(test: Primitive, x: Var) -> Var:
    """The elements below the diagonal, or on it; 0 elsewhere."""
    return bind(Select(), where_it_is(test, x), x, constant_like(x, 0.0))


def dropped(test: Primitive, x: Var) -> Var:
    """All the others."""
    return bind(Select(), where_it_is(test, x), constant_like(x, 0.0), x)


def identity(like: Var) -> Var:
    """1 on the diagonal of every matrix, 0 elsewhere."""
    return kept(DIAGONAL, constant_like(like, 1.0))


def diagonal(x: Var) -> Var:
    """`[…, n, n] ↦ […, n]`."""
    return bind(Sum((x.spec.rank - 1,)), kept(DIAGONAL, x))


def inner(x: Var, y: Var) -> Var:
    """`Σ x · y` over rows and columns: `2 × […, m, n] ↦ […]`."""
    letters = LETTERS[: x.spec.rank]
    return bind(Contract(letters, letters, letters[:-2]), x, y)
