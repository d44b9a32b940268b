"""A random graph in the making: the variables so far, and choices from a seed.

Every array is kept near 1 in size, and whatever chooses (an index, a comparison) looks at inputs rather than at sums,
so that the order of an addition never decides anything. The same seed in float64 is the same graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mapsto.core.spec import BOOL, DTYPES, FLOAT32, INT64, DType, Shape, Spec, is_float
from mapsto.ir.graph import Builder, Var
from mapsto.ir.primitive import Primitive
from mapsto.prims.compare import Less, LessEqual
from mapsto.prims.hyperbolic import Tanh
from mapsto.prims.index import ArgMax
from mapsto.prims.layout import Broadcast, Reshape
from mapsto.prims.literal import const
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


Move = Callable[[Drawing], Var | None]  # something more in a graph; None if it did not fit
