"""Casts in LLVM IR, as `core.numbers.converted` says.

Floats of 16 bits are written as steps on their bits where the machine has no instruction: LLVM would call functions of
a library (`__truncdfhf2`) that need not be there.
"""

from __future__ import annotations

from mapsto.ir.loops import Type
from mapsto.target.scribe import HALVES, Scribe, is_float, mangled, number_text, signed, text_of, zero


def cast_text(s: Scribe, old: Type, new: Type, x: str) -> str:
    """Write the cast of `x`; the name of the result."""
    if old.dtype == new.dtype:
        return x
    single = new.of("f32")
    if old.dtype in HALVES:
        wide = from_bfloat16(s, single, x) if old.dtype == "bf16" else from_float16(s, single, x)
        return cast_text(s, single, new, wide)
    if new.dtype in HALVES:
        x = odd_float32(s, old, x) if old.dtype == "f64" else cast_text(s, old, single, x)
        return to_bfloat16(s, single, x) if new.dtype == "bf16" else to_float16(s, single, x)
    if new.dtype == "bool":
        return s.compare(old, "une", "ne", x, zero(old))
    before, after = text_of(old), text_of(new)
    if is_float(old) and is_float(new):
        return s.set(f"{'fpext' if new.dtype == 'f64' else 'fptrunc'} {before} {x} to {after}")
    if is_float(old) and old.lanes > 1:
        return saturated(s, old, new, x)
    if is_float(old):
        name = f"llvm.fpto{'s' if signed(new) else 'u'}i.sat.{mangled(new)}.{mangled(old)}"
        s.declare(f"{after} @{name}({before})")
        return s.set(f"call {after} @{name}({before} {x})")
    if is_float(new):
        return s.set(f"{'sitofp' if signed(old) else 'uitofp'} {before} {x} to {after}")
    width, wanted = (1 if type.dtype == "bool" else int(type.dtype[1:]) for type in (old, new))
    if width == wanted:
        return x
    widen = "sext" if signed(old) else "zext"
    return s.set(f"{'trunc' if wanted < width else widen} {before} {x} to {after}")


def saturated(s: Scribe, old: Type, new: Type, x: str) -> str:
    """Vectors of floats ↦ integers: NaN becomes 0, and what is outside the nearest bound.

    LLVM's own word for it is taken apart lane by lane. Here everything is moved into the range first: a lowest integer
    is 0 or a power of two, hence a float; a largest may not be one, and is put in afterwards.
    """
    bits = int(new.dtype[1:])
    low, top = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed(new) else (0, 2**bits)
    kind, least = text_of(old), number_text(float(low), old)
    if signed(new):
        x = s.choose(old, s.set(f"fcmp ord {kind} {x}, {x}"), x, zero(old))
    x = s.choose(old, s.set(f"fcmp ogt {kind} {x}, {least}"), x, least)  # of NaN, the least
    fits = s.set(f"fcmp olt {kind} {x}, {number_text(float(top), old)}")
    x = s.choose(old, fits, x, least)
    middle = new if bits >= 32 else new.of("i32")
    word = "fptosi" if middle is not new or signed(new) else "fptoui"
    found = s.set(f"{word} {kind} {x} to {text_of(middle)}")
    if middle is not new:
        found = s.set(f"trunc {text_of(middle)} {found} to {text_of(new)}")
    return s.choose(new, fits, found, number_text(top - 1, new))


class Bits:
    """Steps on unsigned integers of one type, for short."""

    def __init__(self, s: Scribe, type: Type) -> None:
        self.s, self.type, self.kind = s, type, text_of(type)

    def step(self, op: str, x: str, y: str | int) -> str:
        return self.s.set(f"{op} {self.kind} {x}, {y if isinstance(y, str) else number_text(y, self.type)}")

    def below(self, x: str, bound: int) -> str:
        return self.s.set(f"icmp ult {self.kind} {x}, {number_text(bound, self.type)}")

    def choose(self, condition: str, x: str, y: str | int) -> str:
        return self.s.choose(self.type, condition, x, y if isinstance(y, str) else number_text(y, self.type))


def as_bits(s: Scribe, type: Type, x: str) -> str:
    return s.set(f"bitcast {text_of(type)} {x} to {text_of(type.of('u32'))}")


def as_float(s: Scribe, type: Type, bits: str) -> str:
    return s.set(f"bitcast {text_of(type.of('u32'))} {bits} to {text_of(type)}")


def widened(s: Scribe, type: Type, x: str) -> str:
    return s.set(f"zext {text_of(type.of('u16'))} {x} to {text_of(type.of('u32'))}")


def narrowed(s: Scribe, type: Type, bits: str) -> str:
    return s.set(f"trunc {text_of(type.of('u32'))} {bits} to {text_of(type.of('u16'))}")


def odd_float32(s: Scribe, old: Type, x: str) -> str:
    """f64 ↦ f32, of which a further rounding to fewer bits is right: `core.numbers.odd_float32`, step by step.

    An infinity is itself again, so nothing is done to it; the last bit of NaN may be set.
    """
    single, u32 = old.of("f32"), Bits(s, old.of("u32"))
    near = s.set(f"fptrunc {text_of(old)} {x} to {text_of(single)}")
    back = s.set(f"fpext {text_of(single)} {near} to {text_of(old)}")
    larger = s.compare(old, "ogt", "", s.intrinsic("fabs", old, back), s.intrinsic("fabs", old, x))
    other = s.compare(old, "une", "", back, x)
    truth = text_of(old.of("bool"))
    above, inexact = (s.set(f"zext {truth} {name} to {u32.kind}") for name in (larger, other))
    return as_float(s, single, u32.step("or", u32.step("sub", as_bits(s, single, near), above), inexact))


def from_bfloat16(s: Scribe, type: Type, x: str) -> str:
    """The upper half of a float32's bits."""
    u32 = Bits(s, type.of("u32"))
    return as_float(s, type, u32.step("shl", widened(s, type, x), 16))


def to_bfloat16(s: Scribe, type: Type, x: str) -> str:
    """float32 ↦ the upper half of its bits, rounded to the nearest, halves to even; NaN stays NaN."""
    u32 = Bits(s, type.of("u32"))
    bits = as_bits(s, type, x)
    upper = u32.step("lshr", bits, 16)
    moved = u32.step("add", u32.step("add", bits, u32.step("and", upper, 1)), 0x7FFF)
    rounded = u32.step("lshr", moved, 16)
    nan = s.set(f"fcmp uno {text_of(type)} {x}, {x}")
    return narrowed(s, type, u32.choose(nan, u32.step("or", upper, 0x40), rounded))


def from_float16(s: Scribe, type: Type, x: str) -> str:
    """float16 has 5 bits of exponent, biased by 15, and 10 of the fraction; float32 has 8, by 127, and 23."""
    if s.half:
        half, bits = text_of(type).replace("float", "half"), text_of(type.of("u16"))
        return s.set(f"fpext {half} {s.set(f'bitcast {bits} {x} to {half}')} to {text_of(type)}")
    u32 = Bits(s, type.of("u32"))
    bits = widened(s, type, x)
    magnitude = u32.step("and", bits, 0x7FFF)
    moved = u32.step("shl", magnitude, 13)
    normal = u32.step("add", moved, 112 << 23)
    special = u32.step("add", moved, 224 << 23)  # the largest exponent stays the largest: infinities and NaN
    # Below the normal numbers: 2⁻¹⁴ · (1 + fraction) - 2⁻¹⁴, which is exact.
    raised = as_float(s, type, u32.step("add", moved, 113 << 23))
    small = as_bits(s, type, s.set(f"fsub {text_of(type)} {raised}, {number_text(2.0**-14, type)}"))
    found = u32.choose(u32.below(magnitude, 0x7C00), normal, special)
    found = u32.choose(u32.below(magnitude, 0x0400), small, found)
    sign = u32.step("shl", u32.step("and", bits, 0x8000), 16)
    return as_float(s, type, u32.step("or", found, sign))


def to_float16(s: Scribe, type: Type, x: str) -> str:
    """Rounded to the nearest, halves to even; NaN stays NaN."""
    if s.half:
        half, bits = text_of(type).replace("float", "half"), text_of(type.of("u16"))
        return s.set(f"bitcast {half} {s.set(f'fptrunc {text_of(type)} {x} to {half}')} to {bits}")
    u32 = Bits(s, type.of("u32"))
    bits = as_bits(s, type, x)
    magnitude = u32.step("and", bits, 0x7FFFFFFF)
    last = u32.step("and", u32.step("lshr", magnitude, 13), 1)
    moved = u32.step("sub", u32.step("add", u32.step("add", magnitude, 0x0FFF), last), 112 << 23)
    normal = u32.step("lshr", moved, 13)
    # The last bit of ½ + x is worth 2⁻²⁴, as is that of a float16 below the normal numbers: the sum rounds it.
    one = number_text(0.5, type)
    raised = s.set(f"fadd {text_of(type)} {as_float(s, type, magnitude)}, {one}")
    small = u32.step("sub", as_bits(s, type, raised), 126 << 23)
    found = u32.choose(u32.below(magnitude, 113 << 23), small, normal)
    found = u32.choose(u32.below(magnitude, 143 << 23), found, 0x7C00)  # from 2¹⁶ on infinite
    nan = s.set(f"fcmp uno {text_of(type)} {x}, {x}")
    found = u32.choose(nan, u32.step("or", u32.step("and", u32.step("lshr", magnitude, 13), 0x3FF), 0x7E00), found)
    sign = u32.step("and", u32.step("lshr", bits, 16), 0x8000)
    return narrowed(s, type, u32.step("or", found, sign))
