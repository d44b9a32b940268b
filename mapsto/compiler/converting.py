"""From one element type to another, by the rules of `core.numbers`, in ops of the loops.

The op `cast` is taken only where every machine rounds it as the rules say; 16-bit floats go by way of float32.
"""

from __future__ import annotations

from math import inf

from mapsto.compiler.vector_math.number import Number

HALVES = ("f16", "bf16")


def converted(x: Number, dtype: str) -> Number:
    """The number in another element type."""
    if x.dtype == dtype:
        return x
    if x.dtype in HALVES and dtype != "f32":
        return converted(x.to("f32"), dtype)
    if dtype in HALVES:
        return (odd_float32(x) if x.dtype == "f64" else x.to("f32")).to(dtype)
    return x.to(dtype)


def odd_float32(x: Number) -> Number:
    """float64 ↦ float32, of which a further rounding to fewer bits is right.

    The number next towards 0, with its last bit set if anything was cut off ("rounding to odd"): rounded twice to the
    nearest, 1 + 2⁻⁸ + 2⁻⁴⁰ would become 1 in bfloat16.
    """
    near = x.to("f32")
    back = near.to("f64")
    bits = near.bits()
    bits = bits - (abs(back) > abs(x)).choose(bits.like(1), 0)
    cut = ~back.equals(x)
    odd = (bits | cut.choose(bits.like(1), 0)).seen_as("f32")
    return (abs(x) < inf).choose(odd, near)
