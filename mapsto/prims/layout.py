"""Layout: the same elements in another arrangement. All are linear, and their transposes are layouts too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import ShapeError
from mapsto.core.spec import Shape, Spec
from mapsto.ir.formula import Formula, Literal, Load, as_index, both, within, word
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, prim
from mapsto.prims.kinds import SHARED, Multilinear, case
from mapsto.prims.literal import const


class Layout(Multilinear):
    """One array in, one out."""

    def to(self, shape: Shape) -> Shape:
        """The shape of the output, given that of the input."""
        raise NotImplementedError

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        return (Spec(inputs[0].dtype, self.to(inputs[0].shape), inputs[0].weak),)


@prim
class Broadcast(Layout):
    """Repeat along new or extended axes: axis `i` of the input is axis `axes[i]` of `shape`, of that extent or 1.

    The axes keep their order."""

    shape: tuple[int, ...]
    axes: tuple[int, ...]

    def to(self, shape: Shape) -> Shape:
        ascending = sorted(set(self.axes) & set(range(len(self.shape)))) == list(self.axes)
        if (
            not ascending
            or len(self.axes) != len(shape)
            or any(extent not in (1, self.shape[axis]) for extent, axis in zip(shape, self.axes, strict=True))
        ):
            raise ShapeError("PRIM-01", shape=shape, wanted=self.shape, fix="every axis has its own extent, or 1")
        return self.shape

    def eval(self, *inputs: Any) -> Any:
        (x,) = inputs
        aligned = [1] * len(self.shape)
        for extent, axis in zip(x.shape, self.axes, strict=True):
            aligned[axis] = extent
        return np.broadcast_to(x.reshape(aligned), self.shape)

    def transpose(self, i: int, g: Var, *inputs: Var) -> Var:
        shape = inputs[0].spec.shape
        new = tuple(axis for axis in range(len(self.shape)) if axis not in self.axes)
        stretched = tuple(a for e, a in zip(shape, self.axes, strict=True) if e == 1 and self.shape[a] != 1)
        g = SHARED["sum"](g, tuple(sorted(new + stretched)))
        return g if g.spec.shape == shape else bind(Reshape(shape), g)

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        axes = (0, *(axis + 1 for axis in self.axes))
        return (bind(Broadcast((extent, *self.shape), axes), *inputs),), True

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        index = tuple(as_index(0) if e == 1 else o[a] for e, a in zip(inputs[0].shape, self.axes, strict=True))
        return Load(0, index)

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls((2, 3), ()), "f64[]"),
            case(cls((2, 3), (1,)), "f64[3]"),
            case(cls((2, 3), (0, 1)), "f64[2,1]"),
            case(cls((4, 2, 3), (1, 2)), "f64[1,3]"),
            case(cls((0, 3), (1,)), "f32[3]"),
            case(cls((1, 3), (0, 1)), "i64[1,3]"),
        ]


def blocks(old: Shape, new: Shape) -> list[tuple[list[int], list[int]]]:
    """The axes of two shapes of one size, in the smallest runs that hold as many elements in both.

    >>> blocks((2, 6, 5), (2, 3, 2, 1, 5))
    [([0], [0]), ([1], [1, 2]), ([2], [3, 4])]
    """
    if 0 in old:
        return [(list(range(len(old))), list(range(len(new))))]
    found: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        left, right = list(old[i : i + 1]), list(new[j : j + 1])
        while math.prod(left) != math.prod(right):
            if (math.prod(left) < math.prod(right) and i + len(left) < len(old)) or j + len(right) == len(new):
                left.append(old[i + len(left)])
            else:
                right.append(new[j + len(right)])
        found.append((list(range(i, i + len(left))), list(range(j, j + len(right)))))
        i, j = i + len(left), j + len(right)
    return found


def unravelled(places: Sequence[Formula], extents: Sequence[int], wanted: Sequence[int]) -> list[Formula]:
    """Places along some axes ↦ the places along other axes of as many elements in all."""
    pairs = [(place, extent) for place, extent in zip(places, extents, strict=True) if extent != 1]
    if [extent for _, extent in pairs] == [extent for extent in wanted if extent != 1]:
        kept = iter(pairs)
        return [as_index(0) if extent == 1 else next(kept)[0] for extent in wanted]
    flat: Formula = as_index(0)
    for place, extent in pairs:
        flat = flat * extent + place
    index: list[Formula] = []
    for extent in reversed(wanted):
        index.append(flat % max(extent, 1))
        flat = flat // max(extent, 1)
    return index[::-1]


@prim
class Reshape(Layout):
    """The same elements in the same (row by row) order, in another shape."""

    shape: tuple[int, ...]

    def to(self, shape: Shape) -> Shape:
        if math.prod(shape) != math.prod(self.shape):
            raise ShapeError("SHAPE-04", function="reshape", old=math.prod(shape), shape=self.shape)
        return self.shape

    def eval(self, *inputs: Any) -> Any:
        return inputs[0].reshape(self.shape)

    def transpose(self, i: int, g: Var, *inputs: Var) -> Var:
        return bind(Reshape(inputs[0].spec.shape), g)

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        return (bind(Reshape((extent, *self.shape)), *inputs),), True

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        index: list[Formula] = []
        for old, new in blocks(inputs[0].shape, self.shape):
            index += unravelled(
                [o[axis] for axis in new], [self.shape[axis] for axis in new], [inputs[0].shape[axis] for axis in old]
            )
        return Load(0, tuple(index))

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls((3, 4)), "f64[2,6]"),
            case(cls(()), "f64[1,1]"),
            case(cls((1, 6, 1)), "i32[2,3]"),
            case(cls((0, 5)), "f32[2,0]"),
        ]


@prim
class Transpose(Layout):
    """Axes in another order: axis `i` of the output is axis `order[i]` of the input."""

    order: tuple[int, ...]

    def to(self, shape: Shape) -> Shape:
        if sorted(self.order) != list(range(len(shape))):
            raise ShapeError("PRIM-02", order=self.order, rank=len(shape), fix="name every axis once")
        return tuple(shape[axis] for axis in self.order)

    def eval(self, *inputs: Any) -> Any:
        return inputs[0].transpose(self.order)

    def transpose(self, i: int, g: Var, *inputs: Var) -> Var:
        return bind(Transpose(inverse(self.order)), g)

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        return (bind(Transpose((0, *(axis + 1 for axis in self.order))), *inputs),), True

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        return Load(0, tuple(o[axis] for axis in inverse(self.order)))

    @classmethod
    def cases(cls) -> list[Case]:
        return [case(cls((1, 0)), "f64[2,3]"), case(cls((2, 0, 1)), "f64[2,3,4]"), case(cls(()), "f32[]")]


def inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    """The order that undoes an order of axes."""
    back = [0] * len(order)
    for i, axis in enumerate(order):
        back[axis] = i
    return tuple(back)


@prim
class Slice(Layout):
    """Elements `start, start + step, …` below `stop` of every axis; steps are positive (`Flip` turns around)."""

    start: tuple[int, ...]
    stop: tuple[int, ...]
    step: tuple[int, ...]

    def to(self, shape: Shape) -> Shape:
        spans = list(zip(self.start, self.stop, self.step, shape, strict=True))
        if any(not 0 <= start <= stop <= extent or step < 1 for start, stop, step, extent in spans):
            raise ShapeError("PRIM-03", cut=self, shape=shape, fix="0 ≤ start ≤ stop ≤ extent, step ≥ 1")
        return tuple(-(-(stop - start) // step) for start, stop, step, _ in spans)

    def eval(self, *inputs: Any) -> Any:
        return inputs[0][tuple(map(slice, self.start, self.stop, self.step))]

    def transpose(self, i: int, g: Var, *inputs: Var) -> Var:
        gaps = tuple(step - 1 for step in self.step)
        spread = tuple(max(0, (n - 1) * step + 1) for n, step in zip(g.spec.shape, self.step, strict=True))
        shape = inputs[0].spec.shape
        after = tuple(n - start - used for n, start, used in zip(shape, self.start, spread, strict=True))
        return bind(Pad(self.start, after, gaps), g)

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        return (bind(Slice((0, *self.start), (extent, *self.stop), (1, *self.step)), *inputs),), True

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        return Load(0, tuple(i * step + start for i, start, step in zip(o, self.start, self.step, strict=True)))

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls((1, 0), (3, 4), (1, 1)), "f64[3,4]"),
            case(cls((0, 1), (5, 6), (2, 3)), "f64[5,7]"),
            case(cls((2,), (2,), (1,)), "f32[4]"),
        ]


@prim
class Pad(Layout):
    """Zeros before, after and between the elements of every axis."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    between: tuple[int, ...]

    def to(self, shape: Shape) -> Shape:
        least = min((*self.before, *self.after, *self.between, 0))
        if least < 0:
            raise ShapeError("ARRAY-17", function="pad", width=least, fix="slice instead")
        rows = zip(self.before, shape, self.between, self.after, strict=True)
        return tuple(lo + n + max(n - 1, 0) * gap + hi for lo, n, gap, hi in rows)

    def eval(self, *inputs: Any) -> Any:
        (x,) = inputs
        out = np.zeros(self.to(x.shape), x.dtype)
        rows = zip(self.before, x.shape, self.between, strict=True)
        out[tuple(slice(lo, lo + max(n + (n - 1) * gap, 0), gap + 1) for lo, n, gap in rows)] = x
        return out

    def transpose(self, i: int, g: Var, *inputs: Var) -> Var:
        rows = list(zip(self.before, inputs[0].spec.shape, self.between, strict=True))
        stop = tuple(lo + max(n + (n - 1) * gap, 0) for lo, n, gap in rows)
        return bind(Slice(self.before, stop, tuple(gap + 1 for gap in self.between)), g)

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        return (bind(Pad((0, *self.before), (0, *self.after), (0, *self.between)), *inputs),), True

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        guard: Formula | None = None
        index: list[Formula] = []
        for i, lo, gap, extent in zip(o, self.before, self.between, inputs[0].shape, strict=True):
            inner = i - lo
            on_element = word("equal", inner % (gap + 1), as_index(0))
            guard = both(guard, both(on_element, within(inner // (gap + 1), extent)))
            index.append(inner // (gap + 1))
        return Load(0, tuple(index), guard, Literal(0, ""))

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls((1, 0), (0, 2), (0, 0)), "f64[2,3]"),
            case(cls((1,), (2,), (2,)), "f64[3]"),
            case(cls((1,), (1,), (1,)), "f32[0]"),
        ]


@prim
class Flip(Layout):
    """The elements of some axes in opposite order."""

    axes: tuple[int, ...]

    def to(self, shape: Shape) -> Shape:
        if sorted(set(self.axes) & set(range(len(shape)))) != list(self.axes):
            raise ShapeError("SHAPE-05", function="flip", axis=self.axes, rank=len(shape))
        return shape

    def eval(self, *inputs: Any) -> Any:
        return np.flip(inputs[0], self.axes)

    def transpose(self, i: int, g: Var, *inputs: Var) -> Var:
        return bind(self, g)

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        return (bind(Flip(tuple(axis + 1 for axis in self.axes)), *inputs),), True

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        shape = inputs[0].shape
        return Load(0, tuple(shape[a] - 1 - i if a in self.axes else i for a, i in enumerate(o)))

    @classmethod
    def cases(cls) -> list[Case]:
        return [case(cls((0,)), "f64[3,2]"), case(cls((0, 1)), "f64[2,3]"), case(cls(()), "f32[2]")]


def zeros_like(x: Var) -> Var:
    """0 everywhere, shaped and typed like `x`."""
    return bind(Broadcast(x.spec.shape, ()), bind(const(0.0, x.spec.dtype)))


@prim
class Concat(Multilinear):
    """Arrays one after another along an axis."""

    arity: ClassVar[int | None] = None

    axis: int

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        first = inputs[0]
        if not 0 <= self.axis < first.rank:
            raise ShapeError("SHAPE-05", function="concat", axis=self.axis, rank=first.rank)
        for other in inputs[1:]:
            others = [
                (a, b) for axis, (a, b) in enumerate(zip(first.shape, other.shape, strict=False)) if axis != self.axis
            ]
            if other.rank != first.rank or other.dtype != first.dtype or any(a != b for a, b in others):
                rows = (("first", first, ""), ("other", other, ""))
                raise ShapeError("SHAPE-02", function="concat", operands=rows, fix="all but the joined axis must agree")
        extent = sum(spec.shape[self.axis] for spec in inputs)
        return (Spec(first.dtype, (*first.shape[: self.axis], extent, *first.shape[self.axis + 1 :])),)

    def eval(self, *inputs: Any) -> Any:
        return np.concatenate(inputs, self.axis)

    def wrt_of(self, count: int) -> tuple[int, ...]:
        return tuple(range(count))

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        if all(t is None for t in tangents):
            return [None]
        full = [zeros_like(x) if t is None else t for x, t in zip(inputs, tangents, strict=True)]
        return [bind(self, *full)]

    def transpose(self, i: int, g: Var, *inputs: Var) -> Var:
        begin = sum(x.spec.shape[self.axis] for x in inputs[:i])
        start = [0] * g.spec.rank
        stop = list(g.spec.shape)
        start[self.axis], stop[self.axis] = begin, begin + inputs[i].spec.shape[self.axis]
        return bind(Slice(tuple(start), tuple(stop), (1,) * g.spec.rank), g)

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        full = [x if has else SHARED["widen"](extent, x) for x, has in zip(inputs, batched, strict=True)]
        return (bind(Concat(self.axis + 1), *full),), True

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        value: Formula = Literal(0, "")
        begin = sum(spec.shape[self.axis] for spec in inputs)
        for i, spec in reversed(list(enumerate(inputs))):
            begin -= spec.shape[self.axis]
            index = (*o[: self.axis], o[self.axis] - begin, *o[self.axis + 1 :])
            value = Load(i, index, within(index[self.axis], spec.shape[self.axis]), value)
        return value

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls(0), "f64[2,3]", "f64[1,3]"),
            case(cls(1), "f64[2,3]", "f64[2,0]", "f64[2,1]"),
            case(cls(0), "i64[2]", "i64[3]"),
        ]
