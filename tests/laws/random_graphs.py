"""Random graphs: some primitives on one another, as programs have them and as no program would, from a seed.

Every array is kept near 1 in size, and whatever chooses (an index, a comparison) looks at inputs rather than at sums,
so that the order of an addition never decides anything. The same seed in float64 is the same graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mapsto.core.spec import BOOL, DTYPES, FLOAT32, INT64, SHORT_NAMES, DType, Shape, Spec, is_float
from mapsto.ir.graph import Builder, Graph, Var
from mapsto.ir.primitive import Primitive
from mapsto.prims.cast import Cast
from mapsto.prims.compare import Less, LessEqual, Maximum, Minimum, Select, Sign
from mapsto.prims.contract import Contract
from mapsto.prims.conv import Conv
from mapsto.prims.cumulative import CumSum
from mapsto.prims.elementary import Abs, Exp, Log1p, Sigmoid, Sqrt
from mapsto.prims.elementwise import Add, Div, Mul, Neg, Sub
from mapsto.prims.hyperbolic import Tanh
from mapsto.prims.index import ArgMax, PutAdd, Take
from mapsto.prims.layout import Broadcast, Concat, Flip, Pad, Reshape, Slice, Transpose
from mapsto.prims.literal import Iota, const
from mapsto.prims.reduce import Max, Min, Sum
from mapsto.prims.window import WindowPick, WindowSum
from mapsto.prims.window_max import WindowArgMax, WindowMax
from tests.laws.samples import Array

EXTENTS = (1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33)
MOST = 6000  # elements of an array, as a rule


class Drawing:
    """A graph in the making. `ranges` are the integer variables that can be indices, and below what they are."""

    def __init__(self, seed: int, dtype: DType = FLOAT32, large: bool = False) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype, self.most = dtype, 100 * MOST if large else MOST
        self.builder = Builder()
        self.inputs: list[Var] = []
        self.ranges: dict[Var, int] = {}
        self.pool: list[Var] = []
        for _ in range(int(self.rng.integers(1, 4))):
            self.pool.append(self.input(self.some_shape()))
        if large:
            self.pool.append(self.input((int(self.rng.integers(100, 3000)), int(self.choice(EXTENTS)))))

    # choices

    def choice(self, options: Sequence[Any]) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def some_shape(self) -> Shape:
        shape: list[int] = []
        for _ in range(int(self.choice((0, 1, 1, 2, 2, 2, 3, 3, 4)))):
            shape.append(self.choice(EXTENTS))
            if math.prod(shape) > self.most:
                shape[-1] = 1
        return tuple(shape)

    def some(self) -> Var:
        """A float variable; rather one of the last."""
        found = self.pool[-4:] if self.chance(0.6) else self.pool
        return self.choice(found)

    def factors(self, number: int) -> list[int]:
        return [n for n in range(1, number + 1) if number % n == 0]

    def subset(self, rank: int) -> tuple[int, ...]:
        return tuple(axis for axis in range(rank) if self.chance(0.5))

    # making

    def input(self, shape: Shape, dtype: DType | None = None) -> Var:
        self.inputs.append(var := Var(Spec(dtype or self.dtype, shape)))
        return var

    def do(self, primitive: Primitive, *inputs: Var) -> Var:
        return self.builder.add(primitive, inputs)[0]

    def number(self, value: float, like: Var) -> Var:
        return self.do(Broadcast(like.spec.shape, ()), self.do(const(value, like.spec.dtype)))

    def tamed(self, x: Var) -> Var:
        """The same, of a size near 1."""
        return self.do(Tanh(), x)

    def fitted(self, x: Var, shape: Shape) -> Var:
        """A variable brought to a shape: broadcast, where it can be, or cut and padded after a reshape."""
        if x.spec.shape == shape:
            return x
        if (axes := self.axes_in(x.spec.shape, shape)) is not None:
            return self.do(Broadcast(shape, axes), x)
        if x.spec.size == math.prod(shape):
            return self.do(Reshape(shape), x)
        axes = tuple(axis for axis in range(len(shape)) if self.chance(0.6))
        kept = tuple(shape[axis] if self.chance(0.8) else 1 for axis in axes)
        return self.do(Broadcast(shape, axes), self.input(kept))

    def axes_in(self, old: Shape, new: Shape) -> tuple[int, ...] | None:
        """Where the axes of a shape can go in another one."""
        axes: list[int] = []
        for extent in old:
            fits = [a for a in range((axes[-1] if axes else -1) + 1, len(new)) if extent in (1, new[a])]
            if not fits:
                return None
            axes.append(fits[0])
        return tuple(axes)

    def values(self, seed: int) -> list[Array]:
        """Numbers for the inputs."""
        rng = np.random.default_rng(seed)
        made: list[Array] = []
        for var in self.inputs:
            if is_float(var.spec.dtype):
                made.append(rng.standard_normal(var.spec.shape).astype(FLOAT32).astype(var.spec.dtype))
            else:
                extent = 2 if var.spec.dtype == BOOL else self.ranges[var]
                made.append(rng.integers(0, extent, var.spec.shape).astype(var.spec.dtype))
        return made

    def truth(self, shape: Shape) -> Var:
        """Truth values of a shape that do not hang by a thread."""
        if self.chance(0.3):
            return self.input(shape, BOOL)
        x = self.input(shape)
        return self.do(self.choice((Less(), LessEqual())), x, self.number(0.3, x))

    def index(self, extent: int, shape: Shape) -> Var:
        """Integers below an extent."""
        kind = self.choice((INT64, DTYPES["i32"], DTYPES["u8"]))
        known = [var for var, most in self.ranges.items() if most <= extent and var.spec.shape == shape]
        if known and self.chance(0.5):
            return self.choice(known)
        if self.chance(0.3):
            x = self.input((*shape, min(extent, 7)))
            return self.do(ArgMax(len(shape)), x)
        var = self.input(shape, kind if extent < 256 else INT64)
        self.ranges[var] = extent
        return var

    def graph(self, steps: int) -> Graph:
        """The graph of so many moves."""
        for _ in range(steps):
            made = self.choice(MOVES)(self)
            if made is not None and 0 < made.spec.size <= 4 * self.most:
                self.pool.append(made)
        used = {x for node in self.builder.nodes for x in node.inputs}
        ends = [var for var in self.pool if var not in used][:4] or [self.pool[-1]]
        outputs = [*ends, *(var for var in self.pool if self.chance(0.15))]
        guards = tuple((f"value {n}", var) for n, var in enumerate(self.pool) if self.chance(0.04))
        return Graph(tuple(self.inputs), tuple(self.builder.nodes), tuple(outputs), guards)


Move = Callable[[Drawing], Var | None]


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


def product(d: Drawing) -> Var | None:
    """A contraction of letters in any order; the other side is an input, another variable, or the same one."""
    x = d.some()
    if x.spec.rank > 4:
        return None
    letters = "abcd"[: x.spec.rank]
    shared = {letter for letter in letters if d.chance(0.6)}
    extents = dict(zip(letters, x.spec.shape, strict=True))
    other = [*sorted(shared), *(letter for letter in "xy" if d.chance(0.5))]
    extents.update((letter, d.choice(EXTENTS)) for letter in "xy")
    d.rng.shuffle(other)
    y = d.fitted(d.some(), tuple(extents[letter] for letter in other))
    out = [letter for letter in (*letters, *sorted(set(other) - set(letters))) if letter not in shared or d.chance(0.3)]
    d.rng.shuffle(out)
    if math.prod(extents[letter] for letter in {*letters, *other}) > 20 * d.most:
        return None
    size = math.prod(extents[letter] for letter in shared - set(out))
    sides = (x, "".join(letters)), (y, "".join(other))
    (left, first), (right, second) = sides if d.chance(0.5) else sides[::-1]
    made = d.do(Contract(first, second, "".join(out)), left, right)
    return d.do(Mul(), made, d.number(1 / math.sqrt(size), made))


def pictures(d: Drawing, groups: bool) -> Var | None:
    """A variable as [n, *space, c], or [n, *space, g, c]."""
    x = d.some()
    shape = [1, *x.spec.shape, 1] if x.spec.rank < 3 else list(x.spec.shape)
    while len(shape) > 4:
        shape[:2] = [shape[0] * shape[1]]
    if groups:
        c = shape.pop()
        g = d.choice(d.factors(c))
        shape += [g, c // g] if d.chance(0.5) else [1, c]
    return d.do(Reshape(tuple(shape)), x)


def geometry(d: Drawing, space: Shape) -> tuple[Shape, ...] | None:
    """size, stride, dilation, before and the extents of the output; every window meets the input."""
    fields: list[tuple[int, ...]] = []
    for extent in space:
        size, dilation = d.choice((1, 2, 3)), d.choice((1, 1, 1, 2))
        before = int(d.rng.integers(0, size)) if dilation == 1 else 0
        stride = d.choice((1, 1, 2, 3))
        reach = extent + 2 * before - (size - 1) * dilation
        if reach < 1:
            return None
        fields.append((size, stride, dilation, before, (reach - 1) // stride + 1))
    if not fields:
        return None
    size, stride, dilation, before, made = (tuple(field) for field in zip(*fields, strict=True))
    return size, stride, dilation, before, made


def convolved(d: Drawing) -> Var | None:
    x = pictures(d, True)
    assert x is not None
    n, *space, g, c = x.spec.shape
    fields = geometry(d, tuple(space))
    if fields is None:
        return None
    size, stride, dilation, before, made = fields
    o = d.choice((1, 2, 3, 8, 17))
    if math.prod((n, *made, *size, g, c, o)) > 40 * d.most:
        return None
    way = Conv("y", stride, dilation, before, tuple(space), size, made)
    weight, result = (*size, g, c, o), (n, *made, g, o)
    role = d.choice(("y", "y", "w", "x"))
    if role == "y":
        found = d.do(way, x, d.fitted(d.some(), weight))
    elif role == "w":
        found = d.do(way.with_out("w"), x, d.fitted(d.some(), result))
    else:
        found = d.do(way.with_out("x"), d.fitted(d.some(), weight), d.fitted(d.some(), result))
    if role == "y" and d.chance(0.5):
        found = d.do(Maximum(), d.number(0.0, found), found)
    return d.tamed(found)


def pooled(d: Drawing) -> Var | None:
    x = pictures(d, False)
    assert x is not None
    space = x.spec.shape[1:-1]
    fields = geometry(d, space)
    if fields is None or any(before * 2 > size for size, before in zip(fields[0], fields[3], strict=True)):
        return None
    size, stride, dilation, before, made = fields
    if d.chance(0.4):
        return d.tamed(d.do(WindowSum("y", size, stride, dilation, before, space, made), x))
    found = d.do(WindowMax(size, stride, dilation, before, made), x)
    if d.chance(0.5):
        where = d.do(WindowArgMax(size, stride, dilation, before, made), d.input(x.spec.shape))
        pick = WindowPick("y", size, stride, dilation, before, space, made)
        back = WindowPick("x", size, stride, dilation, before, space, made)
        d.pool.append(d.do(pick, x, where) if d.chance(0.5) else d.do(back, found, where))
    return found


def taken(d: Drawing) -> Var | None:
    x = d.some()
    if not x.spec.rank:
        return None
    batch = int(d.rng.integers(x.spec.rank))
    shape = (*x.spec.shape[:batch], *((d.choice(EXTENTS),) if d.chance(0.6) else ()))
    found = d.do(Take(batch), x, d.index(x.spec.shape[batch], shape))
    return found if found.spec.size <= 4 * d.most else None


def put(d: Drawing) -> Var | None:
    g = d.some()
    batch = int(d.rng.integers(g.spec.rank + 1))
    more = int(d.rng.integers(g.spec.rank - batch + 1))
    size = d.choice(EXTENTS)
    index = d.index(size, g.spec.shape[: batch + more])
    found = d.do(PutAdd(batch, size), g, index)
    return d.tamed(found) if found.spec.size <= 4 * d.most else None


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


MOVES: tuple[Move, ...] = (
    *(unary, binary, binary, scaled, chosen, broadcast, reshape, reshape, transposed, flipped, cut, padded, joined),
    *(folded, folded, softmax, normalised, product, product, convolved, pooled, taken, put, along, counted, narrowed),
)


def random_case(seed: int, dtype: DType = FLOAT32, large: bool = False) -> tuple[Graph, list[Array]]:
    """A seed ↦ a graph, and numbers for its inputs."""
    drawing = Drawing(seed, dtype, large)
    graph = drawing.graph(int(drawing.rng.integers(1, 20)))
    return graph, drawing.values(seed)
