"""Types that do not fit are refused, and the message names both operands."""

import numpy as np
import pytest

from mapsto.core.errors import DTypeError, FormatError, MapstoError, ShapeError
from mapsto.core.spec import parse_spec
from mapsto.ir.parse import parse
from mapsto.ir.primitive import Primitive
from mapsto.prims.compare import Sign
from mapsto.prims.conv import Conv
from mapsto.prims.elementary import Abs
from mapsto.prims.elementwise import Add, FloorDivide, Mul, Neg, Remainder, Sub
from mapsto.prims.index import Take
from mapsto.prims.layout import Broadcast, Concat, Flip
from mapsto.prims.literal import Iota
from mapsto.prims.power import IntegerPow, Pow
from mapsto.prims.random import FoldKey, RandomBits
from mapsto.prims.rounding import Floor, Round
from mapsto.prims.sort import Sort
from mapsto.prims.window import WindowPick, WindowSum
from mapsto.prims.window_max import WindowArgMax, WindowMax

LINE = (2,), (1,), (0,)  # stride, dilation, before
FORWARD = Conv("y", *LINE, (5,), (3,), (2,))

REFUSED: list[tuple[Primitive, str, type[MapstoError], str]] = [
    (FORWARD, "f32[2,5,1,3] f32[3,1,4,6]", ShapeError, "x and w disagree on axis 'c'"),
    (FORWARD, "f32[2,5,2,3] f32[3,1,3,6]", ShapeError, "x and w disagree on axis 'g'"),
    (FORWARD, "f32[2,6,1,3] f32[3,1,3,6]", ShapeError, "[n,5,g,c]"),
    (FORWARD, "f32[2,5,3] f32[3,1,3,6]", ShapeError, "[n,5,g,c]"),
    (FORWARD, "f32[2,5,1,3] f64[3,1,3,6]", DTypeError, "f64[3,1,3,6]"),
    (Conv("x", *LINE, (5,), (3,), (2,)), "f32[3,1,3,6] f32[2,2,1,7]", ShapeError, "w and y disagree on axis 'o'"),
    (Conv("w", *LINE, (5,), (3,), (2,)), "f32[2,5,1,3] f32[4,2,1,7]", ShapeError, "x and y disagree on axis 'n'"),
    (Conv("z", *LINE, (5,), (3,), (2,)), "f32[2,5,1,3] f32[3,1,3,6]", ShapeError, "out is x, w or y"),
    (Conv("y", (0,), (1,), (0,), (5,), (3,), (2,)), "f32[2,5,1,3] f32[3,1,3,6]", ShapeError, "at least 1"),
    (Conv("y", (1, 1), (1,), (0,), (5,), (3,), (2,)), "f32[2,5,1,3] f32[3,1,3,6]", ShapeError, "dilation (1,)"),
    (WindowSum("y", (2,), *LINE, (5,), (2,)), "f32[2,6,1]", ShapeError, "spatial extents (5,)"),
    (WindowSum("z", (2,), *LINE, (5,), (2,)), "f32[2,5,1]", ShapeError, "out is x or y"),
    (WindowPick("y", (2,), *LINE, (5,), (2,)), "f32[2,5,1] i64[2,2,1]", DTypeError, "offset numbers of u8, not i64"),
    (WindowPick("x", (257,), *LINE, (5,), (2,)), "f32[2,2,1] u8[2,2,1]", DTypeError, "offset numbers of i32, not u8"),
    (WindowPick("y", (2,), *LINE, (5,), (2,)), "f32[2,5,1] u8[2,5,1]", ShapeError, "spatial extents (2,)"),
    (WindowPick("x", (2,), *LINE, (5,), (2,)), "f32[2,5,1] u8[2,2,1]", ShapeError, "spatial extents (2,)"),
    (WindowPick("y", (2,), *LINE, (5,), (2,)), "f32[2,5,1] u8[2,2,3]", ShapeError, "x and chosen disagree on axis 'c'"),
    (WindowPick("x", (2,), *LINE, (5,), (2,)), "f32[2,2,1] u8[3,2,1]", ShapeError, "y and chosen disagree on axis 'n'"),
    (WindowPick("y", (2,), *LINE, (5,), (2,)), "bool[2,5,1] u8[2,2,1]", DTypeError, "cast it first"),
    (WindowMax((2,), *LINE, (3,)), "f32[2,4,1]", ShapeError, "window 2 along spatial axis 0"),
    (WindowMax((2,), (1,), (1,), (2,), (3,)), "f32[2,4,1]", ShapeError, "window 0 along spatial axis 0"),
    (WindowMax((2,), (2,), (3,), (2,), (1,)), "f32[2,1,1]", ShapeError, "window 0 along spatial axis 0"),
    (WindowArgMax((2,), *LINE, (1,)), "f32[2,0,1]", ShapeError, "window 0 along spatial axis 0"),
    (WindowMax((2,), *LINE, (2,)), "f32[2,4]", ShapeError, "1 spatial"),
    (Sort(2), "f32[2,3]", ShapeError, "axis 2"),
    (RandomBits((3,)), "i64[2]", DTypeError, "u32"),
    (RandomBits((3,)), "u32[3]", ShapeError, "no array of keys"),
    (RandomBits((3,)), "u32[4,2]", ShapeError, "2 axes"),
    (FoldKey(), "u32[2] i32[3]", DTypeError, "data of i64"),
    (FoldKey(1), "u32[3,2] i64[4]", ShapeError, "i64[4]"),
    (FoldKey(1), "u32[2] i64[4]", ShapeError, "no array of keys"),
    *((primitive, "bool[2]", DTypeError, "cast it first") for primitive in (Neg(), Abs(), Sign(), Floor(), Round())),
    *(
        (primitive, "bool[2] bool[2]", DTypeError, "cast it first")
        for primitive in (Add(), Sub(), Mul(), FloorDivide(), Remainder(), Pow())
    ),
    (IntegerPow(2), "bool[2]", DTypeError, "cast it first"),
    (IntegerPow(200), "i8[2]", DTypeError, "an exponent that fits i8, not 200"),
    (IntegerPow(2**24 + 1), "f32[2]", DTypeError, "an exponent that fits f32"),
    (IntegerPow(-1), "i64[2]", DTypeError, "a negative power needs floats"),
    (Broadcast((3,), (-1, 0)), "f32[3,3]", ShapeError, "(3, 3) does not repeat into (3,)"),
    (Broadcast((3,), (-1, 0)), "f32[1,3]", ShapeError, "(1, 3) does not repeat into (3,)"),
    (Broadcast((3, 3), (0, 0)), "f32[3,3]", ShapeError, "does not repeat"),
    (Broadcast((3, 3), (1, 0)), "f32[3,3]", ShapeError, "does not repeat"),
    (Broadcast((3,), (1,)), "f32[3]", ShapeError, "does not repeat"),
    (Broadcast((2, 3), (1,)), "f32[1,3]", ShapeError, "does not repeat"),
    (Flip((0, 0)), "f32[3]", ShapeError, "axis (0, 0)"),
    (Flip((1,)), "f32[3]", ShapeError, "axis (1,)"),
    (Concat(-1), "f32[3] f32[3]", ShapeError, "axis -1"),
    (Take(-1), "f32[3] i64[3]", ShapeError, "axes must agree"),
    (Iota((3,), 0, "bool"), "", DTypeError, "numbers"),
    (Iota((3,), 1, "i64"), "", ShapeError, "axis 1"),
]


@pytest.mark.parametrize(("primitive", "specs", "error", "says"), REFUSED)
def test_refusal(primitive: Primitive, specs: str, error: type[MapstoError], says: str) -> None:
    inputs = [parse_spec(text) for text in specs.split()]
    with pytest.raises(error) as caught:
        primitive.type(*inputs)
    text = str(caught.value)
    assert says in text
    told = ("at least 1", "out is", "no array", "cast it first", "axis -1")  # what needs no operands to be understood
    if len(inputs) == 2 and not any(words in text for words in told):
        assert all(str(spec) in text for spec in inputs) or "spatial axes" in text


def test_text_with_impossible_axes_does_not_read() -> None:
    for axes in ("[-1, 0]", "[0, 0]", "[1, 0]", "[0, 9]"):
        text = f"graph(a: f32[3,3]):\n  b: f32[3,3] = broadcast(a; shape=[3, 3], axes={axes})\n  return b"
        with pytest.raises(FormatError, match="does not repeat"):
            parse(text)


def test_negative_powers_of_integers_are_refused_when_they_are_known() -> None:
    with pytest.raises(DTypeError, match="a negative power needs floats"):
        Pow().eval(np.array([1, 2]), np.array([1, -1]))
