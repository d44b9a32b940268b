"""Values of a kernel that are written like numbers: `x * x + 1.0` makes the ops, lane by lane.

Every operator makes one op of the loops; a Python number stands for a constant of the other operand's type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mapsto.ir.build import Builder
from mapsto.ir.loops import Type, Value

WHOLE = {"f64": "i64", "f32": "i32", "f16": "i16", "bf16": "i16"}  # the integers of a float's width
MANTISSA = {"f64": 52, "f32": 23}  # bits after the point
BIAS = {"f64": 1023, "f32": 127}  # what is added to the exponent in the bit pattern


@dataclass(frozen=True, eq=False)
class Number:
    """A value, and the builder that writes what is done with it.

    >>> from mapsto.ir.loops_text import show
    >>> b = Builder("square")
    >>> x, y = b.buffer("x", "f32", 1, "in"), b.buffer("y", "f32", 1, "out")
    >>> number = Number(b, b.load(x, b.const(0)))
    >>> b.store(y, b.const(0), (number * number + 1.0).value)
    >>> print(show(b.kernel()))
    kernel square(x: in f32[1], y: out f32[1]):
      s1: f32 = x[0]
      s2: f32 = mul(s1, s1)
      s3: f32 = add(s2, 1.0)
      y[0] = s3
    """

    b: Builder
    value: Value

    @property
    def dtype(self) -> str:
        return self.value.type.dtype

    def op(self, name: str, *others: Operand, type: Type | None = None) -> Number:
        return Number(self.b, self.b.op(name, self.value, *(self.like(other).value for other in others), type=type))

    def like(self, other: Operand) -> Number:
        """A Python number as a constant of this type; a number as it is."""
        return other if isinstance(other, Number) else Number(self.b, self.b.const(other, self.value.type))

    # arithmetic

    def __add__(self, other: Operand) -> Number:
        return self.op("add", other)

    def __radd__(self, other: float) -> Number:
        return self.like(other).op("add", self)

    def __sub__(self, other: Operand) -> Number:
        return self.op("sub", other)

    def __rsub__(self, other: float) -> Number:
        return self.like(other).op("sub", self)

    def __mul__(self, other: Operand) -> Number:
        return self.op("mul", other)

    def __rmul__(self, other: float) -> Number:
        return self.like(other).op("mul", self)

    def __truediv__(self, other: Operand) -> Number:
        return self.op("div", other)

    def __rtruediv__(self, other: float) -> Number:
        return self.like(other).op("div", self)

    def __neg__(self) -> Number:
        return self.op("neg")

    def __abs__(self) -> Number:
        return self.op("abs")

    def times_plus(self, factor: Operand, term: Operand) -> Number:
        """self · factor + term, rounded once or twice, whichever is quicker."""
        return self.op("mul_add", factor, term)

    def sqrt(self) -> Number:
        return self.op("sqrt")

    def at_most(self, limit: Operand) -> Number:
        """The smaller; NaN stays NaN."""
        return self.like(limit).op("minimum", self)

    def at_least(self, limit: Operand) -> Number:
        """The larger; NaN stays NaN."""
        return self.like(limit).op("maximum", self)

    def signed_as(self, other: Number) -> Number:
        """The size of this with the sign of the other, also that of -0."""
        return self.op("copysign", other)

    # order: a truth value in every lane

    def __lt__(self, other: Operand) -> Number:
        return self.op("less", other)

    def __le__(self, other: Operand) -> Number:
        return self.op("less_equal", other)

    def __gt__(self, other: Operand) -> Number:
        return self.like(other).op("less", self)

    def __ge__(self, other: Operand) -> Number:
        return self.like(other).op("less_equal", self)

    def equals(self, other: Operand) -> Number:
        return self.op("equal", other)

    def is_nan(self) -> Number:
        return self.op("isnan")

    def choose(self, yes: Number, no: Operand) -> Number:
        """`yes` in the lanes where this truth value holds, `no` in the others."""
        return Number(self.b, self.b.op("select", self.value, yes.value, yes.like(no).value))

    # bits

    def __and__(self, other: Operand) -> Number:
        return self.op("bit_and", other)

    def __or__(self, other: Operand) -> Number:
        return self.op("bit_or", other)

    def __xor__(self, other: Operand) -> Number:
        return self.op("bit_xor", other)

    def __invert__(self) -> Number:
        return self.op("bit_not")

    def __lshift__(self, places: Operand) -> Number:
        return self.op("shift_left", places)

    def __rshift__(self, places: Operand) -> Number:
        return self.op("shift_right", places)

    def any(self) -> Number:
        """Whether this truth value holds in some lane, as one `bool`."""
        if self.value.type.lanes == 1:
            return self
        return self.op("fold_bit_or", type=Type("bool"))

    # other types

    def to(self, dtype: str) -> Number:
        """The same number in another element type, rounded if it must be."""
        return Number(self.b, self.b.cast(self.value, dtype))

    def bits(self) -> Number:
        """The bit pattern of a float, as a signed integer of its width."""
        return self.seen_as(WHOLE[self.dtype])

    def seen_as(self, dtype: str) -> Number:
        """The same bits as another type of this width."""
        return self.op("bitcast", type=self.value.type.of(dtype))


Operand = Number | float | int


def polynomial(x: Number, coefficients: Mapping[str, Sequence[float]]) -> Number:
    """Σ cₖ · xᵏ with the coefficients of x's type, by Horner's rule: one multiply-add for every degree."""
    *others, last = coefficients[x.dtype]
    total = x.like(last)
    for coefficient in reversed(others):
        total = x.times_plus(total, coefficient)
    return total


def where_needed(
    condition: Number, x: Number, usual: Sequence[Number], rare: Callable[[Number], Sequence[Number]]
) -> list[Number]:
    """`usual`, but `rare(x)` in the lanes where the condition holds; `rare` is worked out only if there is one.

    This is a loop of one turn or none that carries the values. x is carried too, or the builder would move what is
    done with it out of the loop.
    """
    b = x.b
    turns = condition.any().to("i64")
    with b.loop(0, turns.value, carried=[number.value for number in (x, *usual)]) as turn:
        inside, *before = (Number(b, value) for value in turn.carried)
        after = [condition.choose(new, old) for new, old in zip(rare(inside), before, strict=True)]
        turn.give(*(number.value for number in (inside, *after)))
    return [Number(b, value) for value in turn.results[1:]]


HALF_OF_DIGITS = {"f64": 27, "f32": 12}


def upper(x: Number) -> Number:
    """The first half of a float's digits, so that products of two are exact; the rest x - upper(x) is exact too."""
    return (x.bits() & -(1 << HALF_OF_DIGITS[x.dtype])).seen_as(x.dtype)
