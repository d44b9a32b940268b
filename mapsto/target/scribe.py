"""The writing of LLVM IR: lines of a function, names of values, types and numbers as text."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.core.spec import DTYPES
from mapsto.ir.loops import Type, Value

Args = Sequence[Value]
FLOATS = {"f32": "float", "f64": "double"}
HALVES = ("f16", "bf16")  # known by their bits: they are moved and cast, and computed with as f32


def element(dtype: str, memory: bool = False) -> str:
    """An element type: truth values are bytes in memory, floats of 16 bits are integers.

    >>> element("f32"), element("u8"), element("bf16"), element("bool"), element("bool", memory=True)
    ('float', 'i8', 'i16', 'i1', 'i8')
    """
    if dtype == "bool":
        return "i8" if memory else "i1"
    return FLOATS.get(dtype) or ("i16" if dtype in HALVES else f"i{dtype[1:]}")


def text_of(type: Type, memory: bool = False) -> str:
    """A type: `<16 x float>`."""
    kind = element(type.dtype, memory)
    return kind if type.lanes == 1 else f"<{type.lanes} x {kind}>"


def number_text(number: Any, type: Type) -> str:
    """A constant, in every lane.

    >>> number_text(1.5, Type("f32", 4)), number_text(-1, Type("i8")), number_text(1.5, Type("bf16"))
    ('splat (float 0x3FF8000000000000)', '-1', '16320')
    """
    if type.dtype in FLOATS:
        one = "0x" + struct.pack(">d", number).hex().upper()
    elif type.dtype in HALVES:
        one = str(int(np.array(number, DTYPES[type.dtype]).view(np.uint16)))
    elif type.dtype == "bool":
        one = "true" if number else "false"
    else:
        one = str(int(number))
    return one if type.lanes == 1 else f"splat ({element(type.dtype)} {one})"


def mangled(type: Type) -> str:
    """A type within the name of an intrinsic: `v16f32`."""
    one = type.dtype if is_float(type) else element(type.dtype)
    return one if type.lanes == 1 else f"v{type.lanes}{one}"


def zero(type: Type) -> str:
    return number_text(0, type)


def is_float(type: Type) -> bool:
    """Whether LLVM is to compute with floats; those of 16 bits are not computed with."""
    return type.dtype in FLOATS


def signed(type: Type) -> bool:
    return type.dtype.startswith("i")


class Scribe:
    """Lines of a function, names of values, and what must be declared beside it.

    `fma`: whether the machine has a fused multiply-add; `half`: whether it casts between float16 and float32.
    """

    def __init__(self, fma: bool, half: bool = True) -> None:
        self.fma, self.half = fma, half
        self.lines: list[str] = []
        self.names: dict[Value, str] = {}
        self.numbers: dict[Value, Any] = {}  # of constants
        self.declared: dict[str, None] = {}
        self.count = 0

    def fresh(self) -> int:
        self.count += 1
        return self.count

    def say(self, line: str) -> None:
        self.lines.append(f"  {line}")

    def set(self, line: str) -> str:
        """Write a line that makes a value; its name."""
        name = f"%v{self.fresh()}"
        self.lines.append(f"  {name} = {line}")
        return name

    def declare(self, signature: str) -> None:
        self.declare_text(f"declare {signature}")

    def declare_text(self, text: str) -> None:
        self.declared[text] = None

    def intrinsic(self, name: str, type: Type, *args: str) -> str:
        """Call an intrinsic whose arguments and result have one type."""
        kind = text_of(type)
        full = f"llvm.{name}.{mangled(type)}"
        self.declare(f"{kind} @{full}({', '.join([kind] * len(args))})")
        return self.set(f"call {kind} @{full}({', '.join(f'{kind} {arg}' for arg in args)})")

    def choose(self, type: Type, condition: str, x: str, y: str) -> str:
        """x where the condition holds, which has as many lanes, else y."""
        return self.set(f"select {text_of(type.of('bool'))} {condition}, {text_of(type)} {x}, {text_of(type)} {y}")

    def compare(self, type: Type, floats: str, whole: str, x: str, y: str) -> str:
        """Words of LLVM for two of one type: of floats, and of integers, to which the sign is added."""
        if is_float(type):
            return self.set(f"fcmp {floats} {text_of(type)} {x}, {y}")
        sign = "" if whole in ("eq", "ne") else "s" if signed(type) else "u"
        return self.set(f"icmp {sign}{whole} {text_of(type)} {x}, {y}")

    def to_memory(self, value: Value) -> str:
        """Truth values as bytes; all others as they are."""
        if value.type.dtype != "bool":
            return self.names[value]
        return self.set(f"zext {text_of(value.type)} {self.names[value]} to {text_of(value.type, memory=True)}")

    def from_memory(self, name: str, type: Type) -> str:
        if type.dtype != "bool":
            return name
        return self.set(f"icmp ne {text_of(type, memory=True)} {name}, {zero(Type('u8', type.lanes))}")
