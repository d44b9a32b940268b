"""The scalar vocabulary in ops of the loops: every word of `ir.formula.VOCABULARY`, for any type and number of lanes.

The rules are those of docs/numbers.md. 16-bit floats are worked out in float32 and rounded once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mapsto.compiler import bits
from mapsto.compiler.vector_math import FUNCTIONS, power, remainder
from mapsto.compiler.vector_math.number import Number
from mapsto.ir.build import Builder
from mapsto.ir.loops import Value

HALVES = ("f16", "bf16")
Word = Callable[..., Number]


def apply(b: Builder, word: str, args: Sequence[Value], dtype: str = "") -> Value:
    """Values of equal lanes ↦ the word's value, lane by lane. `dtype` is the goal of `cast`, and of nothing else.

    >>> from mapsto.ir.loops_text import show
    >>> b = Builder("relu")
    >>> x, y = b.buffer("x", "f32", 64, "in"), b.buffer("y", "f32", 64, "out")
    >>> with b.loop(0, 64, 16) as turn:
    ...     rows = b.load(x, turn.index, 16)
    ...     b.store(y, turn.index, apply(b, "maximum", [b.const(0, rows.type), rows]))
    >>> print(show(b.kernel()))
    kernel relu(x: in f32[64], y: out f32[64]):
      for i in 0..64 step 16:
        v1: f32x16 = x[i]
        v2: f32x16 = maximum(0.0, v1)
        y[i] = v2
    """
    if word == "cast":
        return b.cast(args[0], dtype)
    numbers = [Number(b, value) for value in args]
    kept = numbers[-1].dtype
    if kept in HALVES and word not in BY_BITS:
        found = WORDS[word](*(number.to("f32") for number in numbers))
        return (found if found.dtype == "bool" else found.to(kept)).value
    return WORDS[word](*numbers).value


def op(name: str) -> Word:
    """A word that is an op of the loops."""
    return lambda x, *others: x.op(name, *others)


def of_kind(floats: Word, integers: Word) -> Word:
    """A word that is done in one way for floats, in another for integers."""
    return lambda *args: (floats if args[0].dtype.startswith("f") else integers)(*args)


def same(x: Number) -> Number:
    return x


BY_BITS = ("select", "sign_bit", "next_after")  # of 16-bit floats too
WORDS: dict[str, Word] = {
    **{name: op(name) for name in "add sub div neg abs maximum minimum equal less less_equal isnan".split()},
    **{name: op(name) for name in "bit_and bit_or bit_xor bit_not shift_left shift_right sqrt".split()},
    **{name: of_kind(op(name), same) for name in ("floor", "ceil", "round")},
    "mul": lambda x, y: x.op("bit_and" if x.dtype == "bool" else "mul", y),
    "sign": bits.sign,
    "sign_bit": bits.sign_bit,
    "next_after": bits.next_after,
    "floor_divide": of_kind(remainder.floor_divide, op("floor_divide")),
    "remainder": of_kind(remainder.remainder, op("remainder")),
    "pow": of_kind(power.pow_of, power.whole_pow),
    "select": lambda condition, yes, no: condition.choose(yes, no),
    **FUNCTIONS,
}
