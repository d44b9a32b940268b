"""Moves of random graphs: functions of single elements, arrangements, folds."""

from __future__ import annotations

import math

from mapsto.core.spec import SHORT_NAMES
from mapsto.ir.graph import Var
from mapsto.prims.cast import Cast
from mapsto.prims.compare import Maximum, Minimum, Select, Sign
from mapsto.prims.cumulative import CumSum
from mapsto.prims.elementary import Abs, Exp, Log1p, Sigmoid, Sqrt
from mapsto.prims.elementwise import Add, Div, Mul, Neg, Sub
from mapsto.prims.hyperbolic import Tanh
from mapsto.prims.layout import Broadcast, Concat, Flip, Pad, Reshape, Slice, Transpose
from mapsto.prims.literal import Iota
from mapsto.prims.reduce import Max, Min, Sum
from tests.laws.drawing import EXTENTS, Drawing


def unary(d: Drawing) -> Var:
    x = d.some()
    way = int(d.rng.integers(7))
    if way == 0:
        return d.do(Exp(), d.do(Neg(), d.do(Abs(), x)))
    if way == 1:
        return d.do(Sqrt(), d.do(Add(), d.do(Abs(), x), d.number(0.5, x)))
    if way == 2:
        return d.do(Log1p(), d.do(Mul(), x, x))
    return d.do((Tanh(), Sigmoid(), Neg(), Abs())[way - 3], x)


def binary(d: Drawing) -> Var:
    x = d.some()
    y = d.fitted(d.some(), x.spec.shape)
    if d.chance(0.1):
        return d.do(Div(), x, d.do(Add(), d.number(1.0, x), d.do(Mul(), y, y)))
    made = d.do(d.choice((Add(), Sub(), Mul(), Maximum(), Minimum())), x, y)
    return d.tamed(made) if d.chance(0.3) else made


def scaled(d: Drawing) -> Var:
    x = d.some()
    return d.do(d.choice((Add(), Mul())), x, d.number(d.choice((0.5, -1.0, 0.25)), x))


def chosen(d: Drawing) -> Var:
    x = d.some()
    condition = d.truth(x.spec.shape)
    if d.chance(0.3):
        return d.do(Mul(), x, d.do(Cast(SHORT_NAMES[x.spec.dtype]), condition))
    return d.do(Select(), condition, x, d.fitted(d.some(), x.spec.shape))


def broadcast(d: Drawing) -> Var | None:
    x = d.some()
    shape, axes = [], []
    for extent in x.spec.shape:
        if d.chance(0.2):
            shape.append(d.choice(EXTENTS))
        axes.append(len(shape))
        shape.append(d.choice(EXTENTS) if extent == 1 else extent)
    if d.chance(0.4):
        shape.append(d.choice(EXTENTS))
    return d.do(Broadcast(tuple(shape), tuple(axes)), x) if math.prod(shape) <= 4 * d.most else None


def reshape(d: Drawing) -> Var:
    x = d.some()
    shape, rest = [], x.spec.size
    for _ in range(int(d.rng.integers(0, 4))):
        shape.append(d.choice(d.factors(rest) if rest < 10**5 else (1, rest)))
        rest //= shape[-1]
    shape.insert(int(d.rng.integers(len(shape) + 1)), rest)
    if d.chance(0.3):  # split one axis, or run two together
        shape = list(x.spec.shape)
        if len(shape) >= 2 and d.chance(0.6):
            axis = int(d.rng.integers(len(shape) - 1))
            shape[axis : axis + 2] = [shape[axis] * shape[axis + 1]]
        elif shape:
            axis = int(d.rng.integers(len(shape)))
            one = d.choice(d.factors(shape[axis]))
            shape[axis : axis + 1] = [one, shape[axis] // one]
    return d.do(Reshape(tuple(shape)), x)


def transposed(d: Drawing) -> Var:
    x = d.some()
    return d.do(Transpose(tuple(int(n) for n in d.rng.permutation(x.spec.rank))), x)


def flipped(d: Drawing) -> Var:
    x = d.some()
    return d.do(Flip(d.subset(x.spec.rank)), x)


def cut(d: Drawing) -> Var:
    x = d.some()
    start, stop, step = [], [], []
    for extent in x.spec.shape:
        first = int(d.rng.integers(0, extent)) if d.chance(0.5) else 0
        last = int(d.rng.integers(first, extent)) + 1 if d.chance(0.5) else extent
        start.append(first)
        stop.append(last)
        step.append(d.choice((1, 1, 2, 3)))
    return d.do(Slice(tuple(start), tuple(stop), tuple(step)), x)


def padded(d: Drawing) -> Var:
    x = d.some()
    sides = [[d.choice((0, 0, 1, 2)) for _ in x.spec.shape] for _ in range(2)]
    between = [d.choice((0, 0, 0, 1, 2)) for _ in x.spec.shape]
    return d.do(Pad(tuple(sides[0]), tuple(sides[1]), tuple(between)), x)


def joined(d: Drawing) -> Var | None:
    x = d.some()
    if not x.spec.rank:
        return None
    axis = int(d.rng.integers(x.spec.rank))
    shape = list(x.spec.shape)
    shape[axis] = d.choice(EXTENTS)
    parts = [x, d.fitted(d.some(), tuple(shape))] + ([x] if d.chance(0.2) else [])
    return d.do(Concat(axis), *(parts if d.chance(0.5) else parts[::-1]))


def folded(d: Drawing) -> Var:
    x = d.some()
    axes = d.subset(x.spec.rank)
    if d.chance(0.4):
        return d.do(d.choice((Max(axes), Min(axes))), x)
    size = math.prod(x.spec.shape[axis] for axis in axes)
    made = d.do(Sum(axes), x)
    return d.do(Mul(), made, d.number(1 / math.sqrt(size), made))


def spread(d: Drawing, x: Var, like: Var, axes: tuple[int, ...]) -> Var:
    """What was folded over axes, along them again."""
    return d.do(Broadcast(like.spec.shape, tuple(a for a in range(like.spec.rank) if a not in axes)), x)


def softmax(d: Drawing) -> Var:
    x = d.some()
    axes = d.subset(x.spec.rank)
    powers = d.do(Exp(), d.do(Sub(), x, spread(d, d.do(Max(axes), x), x, axes)))
    total = d.do(Sum(axes), powers)
    if d.chance(0.3):
        d.pool.append(total)
    return d.do(Div(), powers, spread(d, total, x, axes))


def normalised(d: Drawing) -> Var:
    x = d.some()
    axes = d.subset(x.spec.rank)
    size = math.prod(x.spec.shape[axis] for axis in axes)

    def mean(y: Var) -> Var:
        total = d.do(Sum(axes), y)
        return spread(d, d.do(Mul(), total, d.number(1 / size, total)), x, axes)

    centred = d.do(Sub(), x, mean(x))
    spreads = mean(d.do(Mul(), centred, centred))
    return d.do(Div(), centred, d.do(Sqrt(), d.do(Add(), spreads, d.number(0.1, x))))


def along(d: Drawing) -> Var | None:
    x = d.some()
    return d.tamed(d.do(CumSum(int(d.rng.integers(x.spec.rank)), d.chance(0.5)), x)) if x.spec.rank else None


def counted(d: Drawing) -> Var:
    x = d.some()
    if not x.spec.rank:
        return x
    axis = int(d.rng.integers(x.spec.rank))
    places = d.do(Cast(SHORT_NAMES[x.spec.dtype]), d.do(Iota((x.spec.shape[axis],), 0, "i64")))
    row = d.do(Mul(), places, d.number(1 / x.spec.shape[axis], places))
    return d.do(Mul(), x, d.do(Broadcast(x.spec.shape, (axis,)), row))


def narrowed(d: Drawing) -> Var:
    """By way of another type and back."""
    x = d.some()
    if d.chance(0.5):
        return d.do(Cast(SHORT_NAMES[x.spec.dtype]), d.do(Cast("f64"), x))
    signs = d.do(Cast(d.choice(("i32", "i64", "i8"))), d.do(Sign(), d.input(x.spec.shape)))
    return d.do(Mul(), x, d.do(Cast(SHORT_NAMES[x.spec.dtype]), signs))
