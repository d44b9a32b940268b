"""A kernel as text that a person reads, and back. The grammar is `docs/loops.md`.

    kernel scale(x: in f32[100], y: out f32[100]):
      for i in 0..96 step 16:
        v1: f32x16 = x[i]
        v2: f32x16 = mul(v1, 1.5)
        y[i] = v2

Names tell what a value is: v a vector of floats, s one float, n integers, m truth values; i, j, k the loops' indices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.ir.loops import INDEX, Buffer, Kernel, Let, Load, Loop, Statement, Store, Type, Value, When
from mapsto.ir.loops_check import BOOL, INTEGERS, RULES, in_place, subject_of
from mapsto.ir.loops_parse import parse

__all__ = ["parse", "show"]


def show(kernel: Kernel) -> str:
    """A kernel ↦ its text, which `parse` reads.

    >>> from mapsto.ir.build import Builder
    >>> build = Builder("one")
    >>> y = build.buffer("y", "f32", 1, "out")
    >>> build.store(y, build.const(0), build.const(1.5, Type("f32")))
    >>> print(show(build.kernel()))
    kernel one(y: out f32[1]):
      y[0] = 1.5
    """
    printer = Printer(kernel)
    printer.block(kernel.body, 0)
    return "\n".join(printer.lines)


class Printer:
    """Lines, and the names of values."""

    def __init__(self, kernel: Kernel) -> None:
        self.names: dict[Value, str] = {kernel.chunk: "chunk"}
        self.numbers: dict[Value, str] = {}  # constants: they stand where they are used
        self.counts: Counter[str] = Counter()
        self.taken = {buffer.name for buffer in kernel.buffers}
        parts = [buffer_text(buffer) for buffer in kernel.buffers]
        parts += [f"{self.fresh(size)}: size" for size in kernel.sizes]
        self.lines = [f"kernel {kernel.name}({', '.join(parts)}):"]

    def fresh(self, value: Value) -> str:
        """A name for a value, by what it is."""
        letter = "m" if value.type.dtype == "bool" else "s" if value.type.lanes == 1 else "v"
        letter = "n" if value.type.dtype in INTEGERS else letter
        self.counts[letter] += 1
        name = f"{letter}{self.counts[letter]}"
        if name in self.taken:
            return self.fresh(value)
        self.names[value] = name
        return name

    def declared(self, value: Value) -> str:
        return f"{self.fresh(value)}: {value.type}"

    def use(self, value: Value, expected: Type | None) -> str:
        """A value's name; of a constant the number, with its type if the place does not tell it."""
        number = self.numbers.get(value)
        if number is None:
            return self.names[value]
        return number if value.type == expected else f"{value.type}({number})"

    def block(self, body: Sequence[Statement], depth: int, loops: int = 0) -> None:
        for statement in body:
            match statement:
                case Let(value, "const", _, number):
                    self.numbers[value] = number_text(number, value.type)
                case When(condition, inner):
                    self.say(depth, f"when {self.use(condition, BOOL)}:")
                    self.block(inner, depth + 1, loops)
                case Loop():
                    self.loop(statement, depth, loops)
                case _:
                    self.say(depth, self.line(statement))

    def say(self, depth: int, line: str) -> None:
        self.lines.append("  " * (depth + 1) + line)

    def line(self, statement: Let | Load | Store) -> str:
        match statement:
            case Let():
                right = self.word(statement)
                return f"{self.declared(statement.value)} = {right}"
            case Load(value, buffer, offset, shift, mask, fill):
                right = self.place(buffer, offset, shift) + self.where(mask, value.type)
                if fill is not None:
                    right += f" else {self.use(fill, value.type)}"
                return f"{self.declared(value)} = {right}"
            case Store(buffer, offset, value, shift, mask):
                number = self.use(value, Type(buffer.dtype))
                return f"{self.place(buffer, offset, shift)} = {number}{self.where(mask, value.type)}"

    def word(self, let: Let) -> str:
        rule = RULES[let.op]
        given = [None if arg in self.numbers else arg.type for arg in let.args]
        subject = subject_of(rule, let.value.type, given)
        places = [in_place(letter, subject) if subject else None for letter in rule.takes]
        inside = ", ".join(self.use(arg, place) for arg, place in zip(let.args, places, strict=False))
        if let.attribute is not None:
            inside += "; " + str(let.attribute).strip("()")
        return f"{let.op}({inside})"

    def place(self, buffer: Buffer, offset: Value, shift: int) -> str:
        sign = f" {'+' if shift > 0 else '-'} {abs(shift)}" if shift else ""
        return f"{buffer.name}[{self.use(offset, INDEX)}{sign}]"

    def where(self, mask: Value | None, type: Type) -> str:
        return "" if mask is None else f" where {self.use(mask, type.of('bool'))}"

    def loop(self, loop: Loop, depth: int, loops: int) -> None:
        begin, end = self.use(loop.begin, INDEX), self.use(loop.end, INDEX)
        initial = [self.use(value, carried.type) for value, carried in zip(loop.initial, loop.carried, strict=True)]
        self.names[loop.index] = self.index_name(loops)
        text = f"for {self.names[loop.index]} in {begin}..{end}" + (f" step {loop.step}" if loop.step != 1 else "")
        if loop.carried:
            pairs = zip(loop.carried, initial, strict=True)
            text += " with " + ", ".join(f"{self.declared(carried)} = {first}" for carried, first in pairs)
            text += " → " + ", ".join(map(self.fresh, loop.results))
        self.say(depth, text + ":")
        self.block(loop.body, depth + 1, loops + 1)
        if loop.carried:
            pairs = zip(loop.yielded, loop.carried, strict=True)
            self.say(depth + 1, "yield " + ", ".join(self.use(value, carried.type) for value, carried in pairs))

    def index_name(self, loops: int) -> str:
        """i, j, k, i1, j1, k1, … by the number of loops around; the name of a buffer is passed over."""
        names = (
            letter + (str(turn) if turn else "") for turn in range(loops + 2 + len(self.taken)) for letter in "ijk"
        )
        free = [name for name in names if name not in self.taken]
        return free[loops]


def buffer_text(buffer: Buffer) -> str:
    at = f" at {buffer.offset}" if buffer.role == "scratch" else ""
    return f"{buffer.name}: {buffer.role} {buffer.dtype}[{buffer.size}]{at}"


def number_text(number: Any, type: Type) -> str:
    """The shortest text that gives the number again."""
    if type.dtype == "bool":
        return "true" if number else "false"
    return str(np.float32(number)) if type.dtype in ("f16", "bf16", "f32") else repr(number)
