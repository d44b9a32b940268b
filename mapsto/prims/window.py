"""Windows that slide over `x[n, *spatial, c]`: their sums, and the elements picked from them by number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import DTypeError, ShapeError
from mapsto.core.spec import DTYPES, SHORT_NAMES, DType, Shape, Spec, is_float
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, as_index, both, within, word
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, Primitive, fielded, prim
from mapsto.prims.conv import Sliding
from mapsto.prims.elementwise import numbers_only
from mapsto.prims.kinds import SHARED, Multilinear, case, operands
from mapsto.prims.layout import Reshape
from mapsto.prims.precision import rounded_term, wide_term, widened, working


class Window(Sliding, Primitive):
    """One array in, one array out; the axes n and c are the same in both."""

    size: tuple[int, ...]

    def plane(self, function: str, x: Spec) -> Shape:
        """The spatial extents of an array `[n, *spatial, c]`."""
        if x.rank != len(self.stride) + 2:
            axes = f"[n, {len(self.stride)} spatial, c]"
            raise ShapeError("PRIM-06", function=function, operand=x, axes=axes, fix="channels stand last")
        return x.shape[1:-1]

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        (x,) = inputs
        shape = x.spec.shape
        out = bind(self, bind(Reshape((extent * shape[1], *shape[2:])), x))
        return (bind(Reshape((extent, shape[1], *out.spec.shape[1:])), out),), True

    def flops(self, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
        return outputs[0].size * math.prod(self.size) if is_float(inputs[0].dtype) else 0


@fielded
class LinearWindow(Window, Multilinear):
    """A linear mapping of an array x to the sums y of its windows (`out = "y"`), or its transpose (`out = "x"`)."""

    out: str
    size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    x_extent: tuple[int, ...]
    y_extent: tuple[int, ...]

    @property
    def extents(self) -> tuple[Shape, Shape]:
        """The spatial extents of the input and of the output."""
        return (self.x_extent, self.y_extent) if self.out == "y" else (self.y_extent, self.x_extent)

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        x = inputs[0]
        numbers_only(self.name, x)
        self.check_geometry(self.name, size=self.size, x_extent=self.x_extent, y_extent=self.y_extent)
        if self.out not in ("x", "y"):
            raise ShapeError("PRIM-07", function=self.name, choices="x or y", out=self.out, fix='"y" is the sum')
        given, made = self.extents
        self.check_plane(x, given, inputs)
        return (Spec(x.dtype, (x.shape[0], *made, x.shape[-1])),)

    def rows(self, inputs: Sequence[Spec]) -> tuple[tuple[str, object, str], ...]:
        """Two inputs as rows of an error; one stands in its headline."""
        return operands(inputs, ("x" if self.out == "y" else "y", "chosen")) if len(inputs) > 1 else ()

    def check_plane(self, x: Spec, extents: Shape, inputs: Sequence[Spec]) -> None:
        if self.plane(self.name, x) != extents:
            facts: dict[str, Any] = {"function": self.name, "operand": x, "extents": extents}
            raise ShapeError("PRIM-08", **facts, operands=self.rows(inputs), fix="write its extents")

    def transpose(self, i: int, g: Var, *inputs: Var) -> Var:
        other = "x" if self.out == "y" else "y"
        fields = self.size, self.stride, self.dilation, self.before, self.x_extent, self.y_extent
        return bind(type(self)(other, *fields), g, *inputs[1:])


@prim
class WindowSum(LinearWindow):
    """`y[n,j,c] = Σ x[n,i,c]` over i = stride·j + dilation·k - before; `out = "x"` is the transpose, y ↦ x.

    Half floats are summed in float32 and rounded once.
    """

    def eval(self, *inputs: Any) -> Any:
        (x,) = inputs
        wide = widened(x)
        out = np.zeros((x.shape[0], *self.extents[1], x.shape[-1]), working(x.dtype))
        for _, xs, ys in self.meetings(self.x_extent, self.size, self.y_extent):
            source, target = (xs, ys) if self.out == "y" else (ys, xs)
            out[:, *target] += wide[:, *source]
        return out.astype(x.dtype, copy=False)

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        steps = [Index(extent) for extent in self.size]
        find, extent = (self.input_place, self.x_extent) if self.out == "y" else (self.output_place, self.y_extent)
        place, guard = find(o[1:-1], steps, extent)
        value = wide_term(Load(0, (o[0], *place, o[-1]), guard, Literal(0, "")), inputs[0].dtype)
        for index in reversed(steps):
            value = Reduce("add", index, Literal(0, ""), value)
        return rounded_term(value, inputs[0].dtype)

    def flops(self, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
        places = outputs[0].size if self.out == "y" else inputs[0].size
        return places * math.prod(self.size) if is_float(inputs[0].dtype) else 0

    @classmethod
    def cases(cls) -> list[Case]:
        plane = (3, 2), (2, 1), (1, 2), (1, 0), (4, 5), (2, 3)
        return [
            case(cls("y", *plane), "f64[2,4,5,2]"),
            case(cls("x", *plane), "f64[2,2,3,2]"),
            case(cls("y", (2,), (2,), (1,), (0,), (5,), (2,)), "f32[1,5,3]"),
            case(cls("x", (2,), (3,), (1,), (1,), (5,), (2,)), "f64[1,2,1]"),
            case(cls("y", (2,), (1,), (1,), (0,), (3,), (2,)), "i64[0,3,1]"),
            case(cls("y", (2,), (3,), (1,), (0,), (8,), (3,)), "f64[1,8,1]"),  # gaps between windows
            case(cls("y", (4,), (1,), (1,), (2,), (3,), (4,)), "f64[1,3,2]"),  # overlap, an even size, wide padding
            case(cls("y", (1,), (1,), (1,), (0,), (1,), (1,)), "f64[1,1,1]"),
            case(cls("y", (40,), (40,), (1,), (0,), (41,), (1,)), "f16[1,41,1]", special=([0.1] * 41,)),
            case(cls("y", (1, 2, 2), (1, 1, 2), (1, 1, 1), (0, 1, 0), (2, 2, 2), (2, 3, 1)), "f64[1,2,2,2,1]"),
            case(cls("y", (2,), (1,), (1,), (0,), (4,), (3,)), "f32[1,4,1]", special=([math.inf, 1, math.nan, -0.0],)),
        ]


def number_type(size: Shape) -> DType:
    """The smaller of u8 and i32 that holds the number of every offset of a window."""
    return DTYPES["u8" if math.prod(size) <= 256 else "i32"]


def row_by_row(offset: Sequence[Formula], size: Shape) -> Formula:
    """The number of an offset, as a formula of the type `number_type`."""
    number: Formula = as_index(0)
    for k, extent in zip(offset, size, strict=True):
        number = number * extent + k
    return word("cast", number, dtype=SHORT_NAMES[number_type(size)])


@prim
class WindowPick(LinearWindow):
    """x and the offset number that each window chose ↦ `y[n,j,c] = x[n, stride·j + dilation·k - before, c]`.

    Here k is `chosen[n,j,c]`, of type `number_type`, counted row by row; what lies outside of x counts 0. `out = "x"`
    is the transpose: y and the same numbers ↦ `x[n,i,c]`, the sum of y over the windows whose choice is place i. Half
    floats are summed in float32 and rounded once.
    """

    arity: ClassVar[int | None] = 2

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        x, chosen = inputs
        made, rows = super().type(*inputs), self.rows(inputs)
        wanted = number_type(self.size)
        if chosen.dtype != wanted:
            numbers = f"offset numbers of {SHORT_NAMES[wanted]}"
            raise DTypeError("DTYPE-04", function=self.name, wanted=numbers, found=chosen, operands=rows)
        self.check_plane(chosen, self.y_extent, inputs)
        for axis, letter in ((0, "n"), (-1, "c")):
            if x.shape[axis] != chosen.shape[axis]:
                raise ShapeError("SHAPE-03", left=rows[0][0], right="chosen", axis=letter, operands=rows)
        return made

    @property
    def is_apart(self) -> bool:
        """Whether every place of x lies in at most one window, so that nothing is added up, whatever is chosen."""
        return all(k == 1 or (d == 1 and k <= s) for k, s, d in zip(self.size, self.stride, self.dilation, strict=True))

    def eval(self, *inputs: Any) -> Any:
        """What is not chosen is multiplied away as an integer: exact, also for NaN, and five times as fast as masks."""
        given, chosen = inputs
        wide = widened(given)
        bits = wide.view(f"u{wide.dtype.itemsize}")
        out = np.zeros((given.shape[0], *self.extents[1], given.shape[-1]), wide.dtype)
        for number, (_, xs, ys) in enumerate(self.meetings(self.x_extent, self.size, self.y_extent)):
            source, target = (xs, ys) if self.out == "y" else (ys, xs)
            picked = (bits[:, *source] * (chosen[:, *ys] == number)).view(wide.dtype)
            if self.out == "x" and self.is_apart:
                out[:, *target] = picked
            else:
                out[:, *target] += picked
        return out.astype(given.dtype, copy=False)

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        full = [x if has else SHARED["widen"](extent, x) for x, has in zip(inputs, batched, strict=True)]
        merged = [bind(Reshape((extent * x.spec.shape[1], *x.spec.shape[2:])), x) for x in full]
        out = bind(self, *merged)
        return (bind(Reshape((extent, full[0].spec.shape[1], *out.spec.shape[1:])), out),), True

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        if self.out == "y":
            steps = [Index(extent) for extent in self.size]
            place, guard = self.input_place(o[1:-1], steps, self.x_extent)
            choice, offset = Load(1, tuple(o)), steps
        else:
            steps, offset, place, guard = self.windows_of(o[1:-1])
            choice = Load(1, (o[0], *place, o[-1]), guard, Literal(0, ""))
        load = wide_term(Load(0, (o[0], *place, o[-1]), guard, Literal(0, "")), inputs[0].dtype)
        value: Formula = word("select", word("equal", choice, row_by_row(offset, self.size)), load, Literal(0, ""))
        for index in reversed(steps):
            value = Reduce("add", index, Literal(0, ""), value)
        return rounded_term(value, inputs[0].dtype)

    def windows_of(self, i: Sequence[Formula]) -> tuple[list[Index], list[Formula], list[Formula], Formula | None]:
        """Input place ↦ what to sum over, and in terms of it the offset and the window that meet there, with a guard.

        Without dilation, window j and offset k meet i where stride·j + k = i + before: k is the remainder by the stride
        and some whole strides, so that nothing is tried in vain; and nothing summed, where windows do not overlap.
        """
        steps: list[Index] = []
        offset: list[Formula] = []
        place: list[Formula] = []
        guard: Formula | None = None
        axes = zip(i, self.size, self.stride, self.dilation, self.before, self.y_extent, strict=True)
        for at_x, size, stride, dilation, before, extent in axes:
            shifted = at_x + before
            if size > 1 and dilation > 1:
                k = step = Index(size)
                rest = shifted - k * dilation
                j = rest // stride
                steps.append(step)
                guard = both(guard, word("equal", rest % stride, as_index(0)))
            else:
                k, j = shifted % stride, shifted // stride
                if size > stride:
                    step = Index(-(-size // stride))
                    k, j = k + step * stride, j - step
                    steps.append(step)
                if size < stride or size % stride:
                    guard = both(guard, word("less", k, as_index(size)))
            offset.append(k)
            place.append(j)
            guard = both(guard, within(j, extent))
        return steps, offset, place, guard

    def flops(self, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
        """One addition for every window, where windows overlap; picking counts 0."""
        added = self.out == "x" and not self.is_apart and is_float(inputs[0].dtype)
        return inputs[0].size if added else 0

    @classmethod
    def cases(cls) -> list[Case]:
        """Beside drawn numbers, some that no offset has (nothing is picked) and some that point outside of x."""
        geometries = [
            (((3, 2), (2, 1), (1, 2), (1, 0), (4, 5), (2, 3)), "f64"),
            (((2, 2), (2, 2), (1, 1), (0, 0), (5, 4), (2, 2)), "f32"),
            (((2,), (3,), (1,), (1,), (8,), (3,)), "f64"),  # gaps between windows
            (((4,), (1,), (1,), (2,), (3,), (4,)), "f64"),  # overlap, an even size, wide padding
            (((5,), (2,), (1,), (0,), (9,), (3,)), "f64"),  # up to three windows over a place
            (((2,), (3,), (2,), (1,), (7,), (3,)), "f64"),  # dilated, with strides
            (((1, 3), (2, 3), (3, 1), (0, 1), (2, 4), (1, 2)), "f64"),
        ]
        line, wide = ((2,), (2,), (1,), (1,), (6,), (4,)), ((257,), (200,), (1,), (0,), (457,), (2,))
        nan, inf = math.nan, math.inf
        forty = (40,), (1,), (1,), (39,), (1,), (40,)
        return [
            *(pick(cls(out, *geometry), dtype) for geometry, dtype in geometries for out in "yx"),
            pick(cls("x", *line), "f32", n=0),
            pick(cls("y", *line), "f32", [1, -0.0, nan, -inf, 5, 6], [0, 1, 0, 0], n=1),
            pick(cls("x", *line), "f32", [-0.0, -inf, nan, 3], [1, 0, 1, 255], n=1),
            pick(cls("y", *wide), "f64", range(457), [256, 3], n=1),
            pick(cls("x", *wide), "f64", [1.0, -2.0], [200, 0], n=1),
            pick(cls("x", *wide), "f64", [1.0, -2.0], [-1, 457], n=1),
            pick(cls("x", *forty), "f16", [0.1] * 40, range(39, -1, -1), n=1),
        ]


def pick(primitive: WindowPick, dtype: str, given: Any = None, chosen: Any = None, n: int = 2) -> Case:
    """A case with n examples, of two channels if no numbers are given."""
    c = 2 if given is None else 1
    shapes = (n, *primitive.extents[0], c), (n, *primitive.y_extent, c)
    types = dtype, SHORT_NAMES[number_type(primitive.size)]
    specs = [f"{kind}[{','.join(map(str, shape))}]" for kind, shape in zip(types, shapes, strict=True)]
    special = None if given is None else (np.reshape(given, shapes[0]), np.reshape(chosen, shapes[1]))
    return case(primitive, *specs, special=special)
