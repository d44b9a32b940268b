"""Kinds of primitives: each supplies every rule it can, so that a primitive states only what is its own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import DTypeError, ShapeError
from mapsto.core.spec import Spec, is_float, parse_spec
from mapsto.ir.formula import Formula, Load, Word, word
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, Primitive


def case(
    primitive: Primitive,
    *specs: str,
    special: tuple[Any, ...] | None = None,
    differentiate: bool = True,
    fitted: Callable[..., Any] | None = None,
) -> Case:
    """A case for the laws: `case(Exp(), "f32[3,4]", special=([0.0, -inf, nan],))`."""
    return Case(primitive, tuple(map(parse_spec, specs)), special, differentiate, fitted)


class Vocabulary:
    """Writes the words of the scalar vocabulary: `e.exp(x)` is the formula exp(x)."""

    def __getattr__(self, name: str) -> Callable[..., Word]:
        return functools.partial(word, name)

    def cast(self, term: Formula, dtype: str) -> Word:
        return word("cast", term, dtype=dtype)


WRITE = Vocabulary()


def add_cotangents(left: Var | None, right: Var | None, add: Primitive) -> Var | None:
    """The sum of two derivatives, either of which may be an unwritten zero."""
    if left is None or right is None:
        return left if right is None else right
    return bind(add, left, right)


class Elementwise(Primitive):
    """`out[i] = f(x[i], y[i], …)`: equal shapes, and equal dtypes unless `type` says otherwise.

    A subclass states `eval`, `scalar`, and, if it is differentiable, `partials`: the derivative of the output by each
    input, as variables (None where there is none). `poles` marks partials that can be infinite; they are multiplied by
    a zero-preserving product, which ends the NaN-through-`where` trap.
    """

    poles: ClassVar[bool] = False
    operations: ClassVar[int] = 1

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        first = inputs[0]
        for other in inputs[1:]:
            if other.shape != first.shape:
                raise ShapeError("SHAPE-02", function=self.name, operands=operands(inputs), fix="broadcast them first")
            if other.dtype != first.dtype:
                raise DTypeError("DTYPE-03", function=self.name, operands=operands(inputs), fix="cast one of them")
        return (Spec(self.result(first), first.shape, all(spec.weak for spec in inputs)),)

    def result(self, first: Spec) -> np.dtype[Any]:
        """The dtype of the output, given the first input."""
        return first.dtype

    def partials(self, y: Var, *inputs: Var) -> tuple[Var | None, ...]:
        return (None,) * len(inputs)

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        raise NotImplementedError

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula | None:
        return self.scalar(WRITE, *(Load(i, tuple(o)) for i in range(len(inputs))))

    def scale(self, tangent: Var, partial: Var) -> Var:
        return bind(SHARED["zero_mul" if self.poles else "mul"], tangent, partial)

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        total: Var | None = None
        for partial, tangent in zip(self.partials(outputs[0], *inputs), tangents, strict=True):
            if partial is not None and tangent is not None:
                total = add_cotangents(total, self.scale(tangent, partial), SHARED["add"])
        return [total]

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        g = cotangents[0]
        if g is None:
            return [None] * len(inputs)
        return [p if p is None else self.scale(g, p) for p in self.partials(outputs[0], *inputs)]

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        full = [x if has else SHARED["widen"](extent, x) for x, has in zip(inputs, batched, strict=True)]
        return (bind(self, *full),), True

    def flops(self, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
        return self.operations * outputs[0].size if is_float(outputs[0].dtype) else 0


class Multilinear(Primitive):
    """Linear in each of the inputs `wrt`, one at a time; `transpose` gives both modes of differentiation."""

    wrt: ClassVar[tuple[int, ...]] = (0,)

    def transpose(self, i: int, g: Var, *inputs: Var) -> Var:
        """The cotangent of input `i`, given that of the output."""
        raise NotImplementedError

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        total: Var | None = None
        for i in self.wrt_of(len(inputs)):
            tangent = tangents[i]
            if tangent is not None:
                term = bind(self, *inputs[:i], tangent, *inputs[i + 1 :])
                total = add_cotangents(total, term, SHARED["add"])
        return [total]

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        g = cotangents[0]
        if g is None:
            return [None] * len(inputs)
        wrt = self.wrt_of(len(inputs))
        return [
            self.transpose(i, g, *inputs) if i in wrt and is_float(x.spec.dtype) else None for i, x in enumerate(inputs)
        ]

    def wrt_of(self, count: int) -> tuple[int, ...]:
        return self.wrt


class Selection(Primitive):
    """The outputs are some of the inputs' elements: derivatives follow through an integer index and a linear take.

    A subclass states `chosen`: from (outputs, input) to an integer index of the input's elements in the arrangement
    that `gather` takes and `scatter` puts. Ties are decided by the index, so they never count twice.
    """

    def chosen(self, outputs: Sequence[Var], x: Var) -> Var:
        raise NotImplementedError

    def gather(self, x: Var, chosen: Var) -> Var:
        raise NotImplementedError

    def scatter(self, g: Var, chosen: Var, x: Var) -> Var:
        raise NotImplementedError

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        (x,), (t,) = inputs, tangents
        none: list[Var | None] = [None] * (len(outputs) - 1)
        return [None, *none] if t is None else [self.gather(t, self.chosen(outputs, x)), *none]

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        (x,), g = inputs, cotangents[0]
        return [None if g is None else self.scatter(g, self.chosen(outputs, x), x)]


class Constant(Primitive):
    """No derivative: integer results, or a deliberate stop."""

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        return [None] * len(outputs)

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        return [None] * len(inputs)


# The few primitives that the kinds' own rules apply; each enters itself where it is defined.
SHARED: dict[str, Any] = {}


def operands(specs: Sequence[Spec], names: Sequence[str] = ()) -> tuple[tuple[str, object, str], ...]:
    """Input specs as rows of an error."""
    return tuple((names[i] if i < len(names) else f"input {i}", spec, "") for i, spec in enumerate(specs))
