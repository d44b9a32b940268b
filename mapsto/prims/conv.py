"""Convolution as one trilinear form: the forward pass, both gradients and everything above are the same primitive."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import DTypeError, ShapeError
from mapsto.core.spec import Shape, Spec
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, as_index, both, within, word
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, prim
from mapsto.prims.elementwise import numbers_only
from mapsto.prims.kinds import Multilinear, case, operands
from mapsto.prims.layout import Reshape, Transpose, inverse
from mapsto.prims.precision import rounded_term, wide_term, widened, working

ROLES = "xwy"
BEFORE_SPACE = {"x": "n", "w": "", "y": "n"}
AFTER_SPACE = {"x": "gc", "w": "gco", "y": "go"}
GATHERED = 2**19  # elements gathered at a time; 2 MiB of float32


class Sliding:
    """The geometry of windows: output place j and offset k meet input place i = stride·j + dilation·k - before.

    Every field has one entry per spatial axis. Places outside the input do not exist.
    """

    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]

    def check_geometry(self, function: str, **extents: Shape) -> None:
        rank = len(self.stride)
        fields = {"dilation": self.dilation, "before": self.before, **extents}
        wrong = [f"{name} {entries}" for name, entries in fields.items() if len(entries) != rank]
        if wrong:
            raise ShapeError(
                "PRIM-10",
                function=function,
                stride=self.stride,
                rank=rank,
                others=", ".join(wrong),
                fix="one number for every spatial axis",
            )
        if any(entry < 1 for entry in self.stride + self.dilation):
            raise ShapeError("PRIM-11", function=function, fix="a stride of 1 leaves nothing out")

    def meetings(self, x: Shape, k: Shape, y: Shape) -> Iterator[tuple[Shape, tuple[slice, ...], tuple[slice, ...]]]:
        """Every offset, with the slices of the input and of the output whose places meet there."""
        for offset in np.ndindex(*k):
            xs: list[slice] = []
            ys: list[slice] = []
            for at, s, d, p, x_extent, y_extent in zip(
                offset, self.stride, self.dilation, self.before, x, y, strict=True
            ):
                shift = d * at - p
                first = max(0, -(shift // s))
                stop = max(first, min(y_extent, (x_extent - 1 - shift) // s + 1))
                begin = s * first + shift if stop > first else 0
                xs.append(slice(begin, begin + s * (stop - first), s))
                ys.append(slice(first, stop))
            yield offset, tuple(xs), tuple(ys)

    def input_place(self, j: Sequence[Formula], k: Sequence[Formula], x: Shape) -> tuple[list[Formula], Formula | None]:
        """Output place and offset ↦ the input place, and a guard that it exists."""
        guard: Formula | None = None
        place: list[Formula] = []
        for out, at, s, d, p, extent in zip(j, k, self.stride, self.dilation, self.before, x, strict=True):
            place.append(out * s + at * d - p)
            guard = both(guard, within(place[-1], extent))
        return place, guard

    def output_place(
        self, i: Sequence[Formula], k: Sequence[Formula], y: Shape
    ) -> tuple[list[Formula], Formula | None]:
        """Input place and offset ↦ the output place that meets it there, and a guard that there is one."""
        guard: Formula | None = None
        place: list[Formula] = []
        for at_x, at, s, d, p, extent in zip(i, k, self.stride, self.dilation, self.before, y, strict=True):
            scaled = at_x + p - at * d
            place.append(scaled // s)
            if s > 1:
                guard = both(guard, word("equal", scaled % s, as_index(0)))
            guard = both(guard, within(place[-1], extent))
        return place, guard


@prim
class Conv(Sliding, Multilinear):
    """`T = Σ x[n,i,g,c] · w[k,g,c,o] · y[n,j,g,o]` over i = stride·j + dilation·k - before, without the factor `out`.

    The inputs are the other two of x, w and y, in this order. `out = "y"` is the forward pass, "w" and "x" are its
    gradients; "x" is also the transposed convolution. All spatial extents are given, so nothing is left to infer.
    Half floats are multiplied and summed in float32 and rounded once; integers wrap.
    """

    arity: ClassVar[int | None] = 2

    out: str
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    x_extent: tuple[int, ...]
    w_extent: tuple[int, ...]
    y_extent: tuple[int, ...]
    wrt: ClassVar[tuple[int, ...]] = (0, 1)

    @property
    def roles(self) -> tuple[str, str]:
        """Which of x, w and y the two inputs are."""
        first, second = ROLES.replace(self.out, "")
        return first, second

    def with_out(self, role: str) -> Conv:
        return Conv(role, self.stride, self.dilation, self.before, self.x_extent, self.w_extent, self.y_extent)

    def space(self, role: str) -> Shape:
        return {"x": self.x_extent, "w": self.w_extent, "y": self.y_extent}[role]

    def extents(self, inputs: Sequence[Spec]) -> dict[str, int]:
        """The extents of n, g, c and o."""
        self.check_geometry(self.name, x_extent=self.x_extent, w_extent=self.w_extent, y_extent=self.y_extent)
        rows = operands(inputs, self.roles)
        found: dict[str, int] = {}
        for role, spec in zip(self.roles, inputs, strict=True):
            lead, space, tail = len(BEFORE_SPACE[role]), self.space(role), AFTER_SPACE[role]
            if spec.rank != lead + len(space) + len(tail) or spec.shape[lead : lead + len(space)] != space:
                axes = ",".join([*BEFORE_SPACE[role], *map(str, space), *tail])
                raise ShapeError(
                    "PRIM-06",
                    function=self.name,
                    operand=role,
                    axes=f"[{axes}]",
                    operands=rows,
                    fix="channels stand last",
                )
            shape = spec.shape[:lead] + spec.shape[lead + len(space) :]
            for letter, extent in zip(BEFORE_SPACE[role] + tail, shape, strict=True):
                if found.setdefault(letter, extent) != extent:
                    left, right = self.roles
                    raise ShapeError("SHAPE-03", left=left, right=right, axis=letter, operands=rows)
        return found

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        if self.out not in ("x", "w", "y"):
            raise ShapeError(
                "PRIM-07", function=self.name, choices="x, w or y", out=self.out, fix='"y" is the forward pass'
            )
        numbers_only(self.name, inputs[0])
        if inputs[0].dtype != inputs[1].dtype:
            rows = operands(inputs, self.roles)
            raise DTypeError("DTYPE-03", function=self.name, operands=rows, fix="cast one of them")
        found = self.extents(inputs)
        lead, tail = ([found[letter] for letter in side[self.out]] for side in (BEFORE_SPACE, AFTER_SPACE))
        return (Spec(inputs[0].dtype, (*lead, *self.space(self.out), *tail)),)

    def eval(self, *inputs: Any) -> Any:
        """As matrix products or, where they would have one column, channel by channel."""
        found = self.extents([Spec(value.dtype, value.shape) for value in inputs])
        n, g, c, o = (found[letter] for letter in "ngco")
        dtype, k = working(inputs[0].dtype), math.prod(self.w_extent)
        shapes = {"x": (n, *self.x_extent, g, c), "w": (k, g, c, o), "y": (n, *self.y_extent, g, o)}
        arrays = {role: widened(value.reshape(shapes[role])) for role, value in zip(self.roles, inputs, strict=True)}
        out = arrays[self.out] = np.zeros(shapes[self.out], dtype)
        if c == o == 1:
            self.by_channel(arrays)
        else:
            self.by_group(arrays)
        out = out.astype(inputs[0].dtype, copy=False)
        return out.reshape(*self.w_extent, g, c, o) if self.out == "w" else out

    def by_channel(self, arrays: dict[str, Any]) -> None:
        """Add to the output, where every group has one channel: matrices of one column are two to ten times slower."""
        x, y = (arrays[role][..., 0] for role in "xy")
        w = arrays["w"][..., 0, 0]
        step = max(1, GATHERED // max(1, math.prod(y.shape[1:])))
        for start in range(0, len(x), step):
            part = slice(start, start + step)
            for i, (_, xs, ys) in enumerate(self.meetings(self.x_extent, self.w_extent, self.y_extent)):
                there, here = x[part, *xs], y[part, *ys]  # views
                if self.out == "x":
                    there += here * w[i]
                elif self.out == "y":
                    here += there * w[i]
                else:
                    w[i] += (there * here).sum(tuple(range(there.ndim - 1)))

    def by_group(self, arrays: dict[str, Any]) -> None:
        """Add to the output: what every window sees is a row of a matrix, gathered a few examples at a time."""
        x, w, y = (arrays[role] for role in ROLES)
        (n, *_, g, c), (k, *_, o), dtype = x.shape, w.shape, w.dtype
        matrix = w.transpose(1, 0, 2, 3).reshape(g, k * c, o)
        meetings = [
            (i, xs, ys) for i, (_, xs, ys) in enumerate(self.meetings(self.x_extent, self.w_extent, self.y_extent))
        ]
        places = math.prod(self.y_extent)
        step = max(1, GATHERED // max(1, places * g * k * c))
        for start in range(0, n, step):
            part = slice(start, min(start + step, n))
            count = part.stop - start
            rows = y[part].reshape(count * places, g, o).swapaxes(0, 1)  # [g, n·j, o], a view of the output
            if self.out == "x":
                columns = np.matmul(rows, matrix.swapaxes(1, 2)).reshape(g, count, *self.y_extent, k, c)
                for i, xs, ys in meetings:
                    x[part, *xs] += np.moveaxis(columns[:, :, *ys, i], 0, -2)
                continue
            columns = np.zeros((g, count, *self.y_extent, k, c), dtype)
            for i, xs, ys in meetings:
                columns[:, :, *ys, i] = np.moveaxis(x[part, *xs], -2, 0)
            columns = columns.reshape(g, count * places, k * c)
            if self.out == "y":
                rows[...] = np.matmul(columns, matrix)
            else:
                w += np.matmul(columns.swapaxes(1, 2), rows).reshape(g, k, c, o).swapaxes(0, 1)

    def transpose(self, i: int, g: Var, *inputs: Var) -> Var:
        known = dict(zip((*self.roles, self.out), (*inputs, g), strict=True))
        wanted = self.with_out(self.roles[i])
        return bind(wanted, *(known[role] for role in wanted.roles))

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        """The new axis joins the axis that just its operands share: n for x and y, c for x and w, o for w and y."""
        have = {self.out, *(role for role, has in zip(self.roles, batched, strict=True) if has)}
        letter = "g" if len(have) == 3 else {"w": "n", "y": "c", "x": "o"}[(set(ROLES) - have).pop()]
        full = [self.fold(letter, role, x) if role in have else x for role, x in zip(self.roles, inputs, strict=True)]
        own = next(
            x.spec.shape[self.place(letter, role) + 1]
            for role, x in zip(self.roles, inputs, strict=True)
            if role in have
        )
        return (self.unfold(letter, (extent, own), bind(self, *full)),), True

    def place(self, letter: str, role: str) -> int:
        """Which axis of an operand a letter names."""
        rank = len(self.stride)
        if letter == "n":
            return 0
        return len(BEFORE_SPACE[role]) + rank + AFTER_SPACE[role].index(letter)

    def fold(self, letter: str, role: str, x: Var) -> Var:
        """Merge a leading axis into the axis `letter`."""
        axis, shape = self.place(letter, role), x.spec.shape
        if axis:
            x = bind(Transpose((*range(1, axis + 1), 0, *range(axis + 1, len(shape)))), x)
        return bind(Reshape((*shape[1 : axis + 1], shape[0] * shape[axis + 1], *shape[axis + 2 :])), x)

    def unfold(self, letter: str, extents: tuple[int, int], out: Var) -> Var:
        """Undo `fold` on the result, given the extents of the leading axis and of the axis `letter`."""
        axis, shape = self.place(letter, self.out), out.spec.shape
        split = bind(Reshape((*shape[:axis], *extents, *shape[axis + 1 :])), out)
        order = (*range(1, axis + 1), 0, *range(axis + 1, len(shape) + 1))
        return bind(Transpose(inverse(order)), split) if axis else split

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        found = self.extents(inputs)
        lead, rank = len(BEFORE_SPACE[self.out]), len(self.stride)
        letters: dict[str, Formula] = dict(
            zip(BEFORE_SPACE[self.out] + AFTER_SPACE[self.out], (*o[:lead], *o[lead + rank :]), strict=True)
        )
        sums = {letter: Index(extent) for letter, extent in found.items() if letter not in letters}
        letters.update(sums)
        swept = "y" if self.out == "w" else "w"  # the operand whose places are summed over
        steps = [Index(extent) for extent in self.space(swept)]
        places: dict[str, Sequence[Formula]] = {self.out: o[lead : lead + rank], swept: steps}
        if self.out == "x":
            places["y"], guard = self.output_place(places["x"], places["w"], self.y_extent)
        else:
            places["x"], guard = self.input_place(places["y"], places["w"], self.x_extent)
        loads: list[Formula] = []
        for number, role in enumerate(self.roles):
            before, after = ([letters[letter] for letter in side[role]] for side in (BEFORE_SPACE, AFTER_SPACE))
            index = (*before, *places[role], *after)
            load = Load(number, index) if role in (swept, self.out) else Load(number, index, guard, Literal(0, ""))
            loads.append(wide_term(load, inputs[0].dtype))
        value: Formula = word("mul", *loads)
        for index in reversed([*sums.values(), *steps]):
            value = Reduce("add", index, Literal(0, ""), value)
        return rounded_term(value, inputs[0].dtype)

    def flops(self, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
        """Two for every product, those with the border included."""
        return 2 * math.prod((*self.extents(inputs).values(), *self.w_extent, *self.y_extent))

    @classmethod
    def cases(cls) -> list[Case]:
        return [*line_cases(), *plane_cases()]


def triple(geometry: tuple[tuple[int, ...], ...], dtype: str, n: int, g: int, c: int, o: int) -> list[Case]:
    """One geometry with each of the three as the output."""
    _, _, _, x, k, y = geometry
    shapes = {"x": (n, *x, g, c), "w": (*k, g, c, o), "y": (n, *y, g, o)}
    found: list[Case] = []
    for out in ROLES:
        specs = (f"{dtype}[{','.join(map(str, shapes[role]))}]" for role in ROLES if role != out)
        found.append(case(Conv(out, *geometry), *specs))
    return found


def line_cases() -> list[Case]:
    return [
        *triple(((1,), (1,), (0,), (5,), (3,), (3,)), "f64", 2, 1, 2, 3),
        *triple(((2,), (1,), (1,), (6,), (3,), (3,)), "f64", 1, 2, 1, 2),  # the last input place is never met
        *triple(((3,), (2,), (2,), (4,), (2,), (3,)), "f32", 1, 1, 2, 2),  # some windows see only the border
        *triple(((1,), (1,), (0,), (3,), (2,), (2,)), "f64", 0, 1, 1, 2),  # no examples
        *triple(((3,), (1,), (0,), (7,), (2,), (2,)), "f64", 1, 1, 1, 2),  # gaps between windows, an odd remainder
        *triple(((1,), (1,), (1,), (4,), (2,), (5,)), "f64", 2, 1, 2, 1),  # an even kernel
        *triple(((1,), (1,), (0,), (1,), (1,), (1,)), "f64", 1, 1, 1, 1),
        *triple(((2,), (1,), (1,), (5,), (3,), (3,)), "f64", 2, 3, 1, 1),  # every channel by itself
        *triple(((1,), (1,), (0,), (4,), (2,), (3,)), "f16", 1, 1, 40, 2),
        case(
            Conv("y", (1,), (1,), (1,), (3,), (2,), (3,)),
            "f32[1,3,1,2]",
            "f32[2,1,2,2]",
            special=([1, math.inf, math.nan, 0.0, -1e-40, 2], [1, 0.0, -1, 2, 0.5, -0.0, 3, 1]),
        ),
    ]


def plane_cases() -> list[Case]:
    return [
        *triple(((2, 1), (1, 2), (1, 0), (4, 5), (3, 2), (2, 3)), "f64", 2, 1, 2, 2),
        *triple(((1, 1), (1, 1), (1, 1), (3, 3), (3, 3), (3, 3)), "f32", 1, 3, 1, 1),
        *triple(((1, 2), (1, 1), (0, 0), (2, 4), (1, 2), (2, 2)), "i64", 1, 1, 2, 1),
        *triple(((1, 2, 1), (1, 1, 1), (0, 1, 0), (2, 3, 2), (2, 2, 1), (1, 2, 2)), "f64", 1, 1, 1, 2),
        *triple(((1, 1, 2), (1, 2, 1), (0, 1, 1), (2, 2, 3), (1, 2, 2), (2, 2, 2)), "f64", 1, 2, 1, 1),
    ]
