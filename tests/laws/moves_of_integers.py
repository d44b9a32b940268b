"""Moves of random graphs: integers, truth values, random bits."""

from __future__ import annotations

from mapsto.core.spec import DTYPES, INT64, SHORT_NAMES, UINT32, Spec
from mapsto.ir.graph import Var
from mapsto.ir.primitive import Primitive
from mapsto.prims.bits import BitAnd, BitNot, BitOr, BitXor, ShiftRight
from mapsto.prims.cast import Cast
from mapsto.prims.compare import Equal, Less, Maximum, Minimum, Select
from mapsto.prims.elementwise import Add, FloorDivide, Mul, Remainder, Sub
from mapsto.prims.layout import Broadcast
from mapsto.prims.literal import Iota
from mapsto.prims.random import RandomBits
from mapsto.prims.reduce import Max, Min, Sum
from tests.laws.drawing import EXTENTS, Drawing

WITH_NUMBERS: tuple[Primitive, ...] = (
    *(Add(), Sub(), Mul(), FloorDivide(), Remainder(), Maximum(), Minimum(), BitAnd(), BitOr(), BitXor(), ShiftRight()),
)


def whole(d: Drawing) -> Var:
    """Integers that wrap in their type, and at last are brought below an extent, so that they can be indices."""
    x = d.some()
    dtype = d.choice(("i64", "i32", "i16", "u8", "u32"))
    found = d.input(x.spec.shape, DTYPES[dtype])
    d.ranges[found] = 100
    for _ in range(int(d.rng.integers(1, 4))):
        found = d.do(d.choice(WITH_NUMBERS), found, d.number(d.choice((1, 2, 3, 5, 7)), found))
    extent = d.choice(EXTENTS)
    found = d.do(Remainder(), found, d.number(extent, found))
    d.ranges[found] = extent
    if d.chance(0.3):
        axes = d.subset(x.spec.rank)
        found = d.do(d.choice((Sum(axes), Max(axes), Min(axes))), found)
    made = d.do(Cast(SHORT_NAMES[x.spec.dtype]), found)
    return d.do(Mul(), made, d.number(1 / 32, made))


def truths(d: Drawing) -> Var:
    """Whether something holds of all, or of any."""
    x = d.some()
    first, second = d.truth(x.spec.shape), d.truth(x.spec.shape)
    found = d.do(d.choice((BitAnd(), BitOr(), BitXor())), first, second)
    if d.chance(0.3):
        found = d.do(BitNot(), found)
    axes = d.subset(x.spec.rank)
    found = d.do(d.choice((Max(axes), Min(axes))), found)
    along = d.do(Broadcast(x.spec.shape, tuple(a for a in range(x.spec.rank) if a not in axes)), found)
    return d.do(Select(), along, x, d.number(0.25, x))


def dropped(d: Drawing) -> Var:
    """A part of the elements, chosen by a random generator."""
    x = d.some()
    key = d.input((2,), UINT32)
    d.ranges[key] = 2**32
    bits = d.do(RandomBits(x.spec.shape), key)
    return d.do(Select(), d.do(Less(), bits, d.number(3 * 2**30, bits)), x, d.number(0.0, x))


def one_hot(d: Drawing) -> Var | None:
    """Integers ↦ where they are, as numbers."""
    shape = d.some_shape()[:2]
    extent = d.choice(EXTENTS)
    if Spec(INT64, (*shape, extent)).size > d.most:
        return None
    index = d.index(extent, shape)
    wide = d.do(Broadcast((*shape, extent), tuple(range(len(shape)))), d.do(Cast("i64"), index))
    places = d.do(Iota((*shape, extent), len(shape), "i64"))
    return d.do(Cast(SHORT_NAMES[d.dtype]), d.do(Equal(), wide, places))
