"""Types that do not fit are refused, and the message names both operands."""

import pytest

from mapsto.core.errors import DTypeError, MapstoError, ShapeError
from mapsto.core.spec import parse_spec
from mapsto.ir.primitive import Primitive
from mapsto.prims.conv import Conv
from mapsto.prims.random import FoldKey, RandomBits
from mapsto.prims.sort import Sort
from mapsto.prims.window import WindowArgMax, WindowMax, WindowSum

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
]


@pytest.mark.parametrize(("primitive", "specs", "error", "says"), REFUSED)
def test_refusal(primitive: Primitive, specs: str, error: type[MapstoError], says: str) -> None:
    inputs = [parse_spec(text) for text in specs.split()]
    with pytest.raises(error) as caught:
        primitive.type(*inputs)
    text = str(caught.value)
    assert says in text
    if len(inputs) == 2 and "at least 1" not in text and "out is" not in text and "no array" not in text:
        assert all(str(spec) in text for spec in inputs) or "spatial axes" in text
