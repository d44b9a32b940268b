"""The text of a kernel ↦ the kernel. Every name, type and number is checked on the way.

The grammar is `docs/loops.md`; every method here reads what one line of it says.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.core.errors import FormatError
from mapsto.core.spec import DTYPES
from mapsto.ir.loops import INDEX, Buffer, Kernel, Let, Load, Loop, Statement, Store, Type, Value, When
from mapsto.ir.loops_check import (
    BOOL,
    INTEGERS,
    ROLES,
    RULES,
    agree,
    check_buffers,
    check_let,
    check_load,
    check_loop,
    check_store,
    check_type,
    in_place,
    subject_of,
)
from mapsto.ir.loops_line import Line, depth_of

TYPE = re.compile(rf"({'|'.join(DTYPES)})(?:x([1-9]\d{{0,3}}))?")
NUMBERS = ("inf", "nan", "true", "false")  # that look like names
KEPT = {*NUMBERS, *"for with when where else yield".split()}
DEEPEST = 64  # levels; Python's own calls bear no more than a few hundred


def parse(text: str) -> Kernel:
    """The text of a kernel ↦ the kernel. Raises FormatError (LOOPS-01) naming the first line that does not read.

    >>> parse("kernel one(y: out f32[1]):\\n  y[0] = 1.5").buffers[0].name
    'y'
    """
    parser = Parser(text)
    try:
        return parser.kernel()
    except ValueError as problem:
        raise FormatError("LOOPS-01", number=parser.number, reason=problem) from problem


class Parser:
    """Reads lines in order. A name is known from the line that makes it to the end of its block."""

    def __init__(self, text: str) -> None:
        lines = (line.partition("#")[0].rstrip() for line in text.split("\n"))
        self.rows = [(number, line) for number, line in enumerate(lines, 1) if line]
        self.place = 0  # the row that comes next
        self.number = 1  # of the line that is being read
        self.line = Line("")
        self.buffers: dict[str, Buffer] = {}
        self.chunk = Value(INDEX)
        self.names: ChainMap[str, Value] = ChainMap({"chunk": self.chunk})
        self.constants: dict[tuple[Type, bytes], Let] = {}

    # lines

    def depth(self) -> int:
        """The level of the row that comes next; -1 at the end."""
        if self.place == len(self.rows):
            return -1
        self.number, text = self.rows[self.place]
        return depth_of(text)

    def advance(self) -> Line:
        self.number, text = self.rows[self.place]
        self.place += 1
        self.line = Line(text)
        return self.line

    def end_of_header(self) -> None:
        self.line.expect(":")
        self.line.done()

    # the kernel

    def kernel(self) -> Kernel:
        if self.depth():
            raise ValueError("it does not begin with kernel name(…):")
        line = self.advance()
        line.expect("kernel")
        name = line.next("name")
        line.expect("(")
        sizes = [] if line.sees(")") else [size for size in line.several(self.parameter) if size is not None]
        line.expect(")")
        self.end_of_header()
        check_buffers(self.buffers.values())
        body = self.block(1)
        if self.depth() >= 0:
            raise ValueError("a line after the kernel")
        constants = tuple(self.constants.values())
        return Kernel(name, tuple(self.buffers.values()), tuple(sizes), self.chunk, (*constants, *body))

    def parameter(self) -> Value | None:
        """A buffer, which is entered, or a size, which is returned."""
        line = self.line
        name = line.next("name")
        line.expect(":")
        if line.accept("size"):
            size = Value(INDEX)
            self.make(name, size)
            return size
        role = line.next("name")
        if role not in ROLES:
            raise ValueError(f"{name} is {role}, and must be one of {', '.join(ROLES)}, size")
        type = self.type()
        line.expect("[")
        size = line.whole()
        line.expect("]")
        self.fresh(name)
        agree(f"an element of {name}", type, Type(type.dtype))
        self.buffers[name] = Buffer(name, type.dtype, size, role, line.whole() if line.accept("at") else 0)
        return None

    # names, types, numbers

    def fresh(self, name: str) -> None:
        if name in KEPT or TYPE.fullmatch(name):
            raise ValueError(f"{name} is a word of the language, and no name")
        if name in self.names or name in self.buffers:
            raise ValueError(f"{name} is made twice")

    def make(self, name: str, value: Value) -> None:
        self.fresh(name)
        self.names[name] = value

    def type(self) -> Type:
        text = self.line.next("name")
        match = TYPE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text} is no type")
        type = Type(match[1], int(match[2] or 1))
        check_type(type)
        return type

    def declared(self) -> tuple[str, Value]:
        """A name and a value of its type; the name is not known yet."""
        name = self.line.next("name")
        self.fresh(name)
        self.line.expect(":")
        return name, Value(self.type())

    def item(self) -> Value | str:
        """A value by its name or with its type, or a bare number, the type of which its place tells."""
        line = self.line
        kind, text = line.peek()
        if kind == "number" or text in NUMBERS:
            return line.next(kind)
        if TYPE.fullmatch(text) and line.sees("(", 1):
            type = self.type()
            line.expect("(")
            number = line.next(line.peek()[0] if line.peek()[1] in NUMBERS else "number")
            line.expect(")")
            return self.constant(number, type)
        name = line.next("name")
        if name not in self.names:
            raise ValueError(f"{name} is not made yet, or out of scope")
        return self.names[name]

    def argument(self, type: Type) -> Value:
        return self.known(self.item(), type)

    def known(self, item: Value | str, type: Type | None) -> Value:
        if isinstance(item, Value):
            return item
        if type is None:
            raise ValueError(f"the type of {item} does not show: write it as f32({item})")
        return self.constant(item, type)

    def constant(self, text: str, type: Type) -> Value:
        """A number ↦ a value; an equal one is not made twice. All stand before the first line."""
        number = read_number(text, type.dtype)
        key = type, np.asarray(number).tobytes()
        if key not in self.constants:
            self.constants[key] = Let(Value(type), "const", (), number)
        return self.constants[key].value

    # statements

    def block(self, depth: int) -> tuple[Statement, ...]:
        """The lines of a level, up to a `yield`."""
        if depth > DEEPEST:
            raise ValueError(f"more than {DEEPEST} levels")
        statements: list[Statement] = []
        while (found := self.depth()) >= depth:
            if found > depth:
                raise ValueError("it is indented too far")
            if self.rows[self.place][1].split()[0] == "yield":
                break
            self.advance()
            statements.append(self.statement(depth))
        return tuple(statements)

    def inner(self, depth: int, carried: Sequence[Value] | None) -> tuple[tuple[Statement, ...], tuple[Value, ...]]:
        """The block within a loop or a condition, and what it yields."""
        body = self.block(depth)
        yielded: list[Value] = []
        if self.depth() == depth:
            wanted = iter(carried or ())
            line = self.advance()
            line.expect("yield")
            if not carried:
                raise ValueError("a yield, and nothing is carried")
            yielded = line.several(lambda: self.yielded(next(wanted, None)))
            line.done()
        if carried and len(yielded) != len(carried):
            raise ValueError(f"{len(carried)} values are carried, and {len(yielded)} yielded")
        if self.depth() >= depth:
            raise ValueError("a line after the yield")
        return body, tuple(yielded)

    def yielded(self, carried: Value | None) -> Value:
        return self.known(self.item(), carried and carried.type)

    def statement(self, depth: int) -> Statement:
        if self.line.accept("for"):
            return self.loop(depth)
        if self.line.accept("when"):
            return self.when(depth)
        made = self.store() if self.line.sees("[", 1) else self.made()
        self.line.done()
        return made

    def made(self) -> Let | Load:
        """`name: type = word(…)`, or a place in a buffer to the right."""
        name, value = self.declared()
        self.line.expect("=")
        made = self.load(value) if self.line.sees("[", 1) else self.word(value)
        self.make(name, value)
        return made

    def word(self, value: Value) -> Let:
        line = self.line
        op = line.next("name")
        if op not in RULES or op == "const":
            raise ValueError(f"there is no word {op}")
        line.expect("(")
        items = [] if line.sees(")") or line.sees(";") else line.several(self.item)
        lanes = tuple(line.several(line.whole)) if line.accept(";") else None
        line.expect(")")
        rule = RULES[op]
        if len(items) > len(rule.takes):
            raise ValueError(f"{op} takes {len(rule.takes)} arguments, and has {len(items)}")
        subject = subject_of(rule, value.type, [item.type if isinstance(item, Value) else None for item in items])
        args = tuple(
            self.known(item, in_place(letter, subject) if subject else None)
            for item, letter in zip(items, rule.takes, strict=False)
        )
        let = Let(value, op, args, lanes[0] if lanes and op == "extract" and len(lanes) == 1 else lanes)
        check_let(let)
        return let

    def buffer_place(self) -> tuple[Buffer, Value, int]:
        """`x[i + 3]`."""
        line = self.line
        name = line.next("name")
        if name not in self.buffers:
            raise ValueError(f"there is no buffer {name}")
        line.expect("[")
        offset = self.argument(INDEX)
        shift = line.whole() if line.accept("+") else -line.whole() if line.accept("-") else 0
        line.expect("]")
        return self.buffers[name], offset, shift

    def mask(self, type: Type) -> Value | None:
        return self.argument(type.of("bool")) if self.line.accept("where") else None

    def load(self, value: Value) -> Load:
        buffer, offset, shift = self.buffer_place()
        mask = self.mask(value.type)
        fill = self.argument(value.type) if self.line.accept("else") else None
        load = Load(value, buffer, offset, shift, mask, fill)
        check_load(load)
        return load

    def store(self) -> Store:
        buffer, offset, shift = self.buffer_place()
        self.line.expect("=")
        value = self.argument(Type(buffer.dtype))
        store = Store(buffer, offset, value, shift, self.mask(value.type))
        check_store(store)
        return store

    def when(self, depth: int) -> When:
        condition = self.argument(BOOL)
        agree("the condition", condition.type, BOOL)
        self.end_of_header()
        self.names = self.names.new_child()
        body, _ = self.inner(depth + 1, None)
        self.names = self.names.parents
        return When(condition, body)

    def loop(self, depth: int) -> Loop:
        line = self.line
        name, index = line.next("name"), Value(INDEX)
        line.expect("in")
        begin = self.argument(INDEX)
        line.expect("..")
        end = self.argument(INDEX)
        step = line.whole() if line.accept("step") else 1
        carried: list[tuple[str, Value, Value]] = []
        left: list[str] = []
        if line.accept("with"):
            carried = line.several(self.carried)
            line.expect("→")
            left = line.several(lambda: line.next("name"))
        self.end_of_header()
        if len(left) != len(carried):
            raise ValueError(f"{len(carried)} values are carried, and {len(left)} left")
        values, initial = tuple(value for _, value, _ in carried), tuple(first for _, _, first in carried)
        results = tuple(Value(value.type) for value in values)
        check_loop(Loop(index, begin, end, step, values, initial, (), values, results))
        self.names = self.names.new_child()
        for inside, value in [(name, index), *((label, value) for label, value, _ in carried)]:
            self.make(inside, value)
        body, yielded = self.inner(depth + 1, values)
        loop = Loop(index, begin, end, step, values, initial, body, yielded, results)
        check_loop(loop)
        self.names = self.names.parents
        for outside, value in zip(left, results, strict=True):
            self.make(outside, value)
        return loop

    def carried(self) -> tuple[str, Value, Value]:
        """A name, its value within the loop, and what it begins with."""
        name, value = self.declared()
        self.line.expect("=")
        return name, value, self.argument(value.type)


def read_number(text: str, dtype: str) -> Any:
    """A number as it is written ↦ one of this element type."""
    if dtype == "bool" or text in ("true", "false"):
        if dtype != "bool" or text not in ("true", "false"):
            raise ValueError(f"{text} is no {dtype}")
        return text == "true"
    if dtype in INTEGERS:
        info = np.iinfo(DTYPES[dtype])
        if not re.fullmatch(r"-?\d{1,20}", text) or not info.min <= int(text) <= info.max:
            raise ValueError(f"{text} is no {dtype}")
        return int(text)
    with np.errstate(over="ignore"):
        number = DTYPES[dtype].type(float(text)).item()
    if abs(number) == np.inf and "inf" not in text:
        raise ValueError(f"{text} is too large for {dtype}")
    return number
