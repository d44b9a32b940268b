"""Whether a kernel says something: the types of every statement agree, and values stand before they are used.

One table holds what every word takes and gives. The parser reads it too: it tells which type a bare number has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np

from mapsto.core.errors import FormatError
from mapsto.core.spec import DTYPES
from mapsto.ir.loops import INDEX, Buffer, Kernel, Let, Load, Loop, Statement, Store, Type, Value, When

BOOL = Type("bool")
FLOATS = ("f32", "f64")
INTEGERS = ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")
NUMBERS = (*INTEGERS, *FLOATS)
LOGICAL = (*INTEGERS, "bool")
ORDERED = (*NUMBERS, "bool")
ALL = tuple(DTYPES)  # float16 and bfloat16 too: they are moved and cast, and computed with as f32
ROLES = ("in", "out", "scratch")
OFFSETS = ("i64", "i32")
MOST_LANES = 256


@dataclass(frozen=True, slots=True)
class Rule:
    """What a word takes and gives. One letter is one type.

    `T`: the type that the word is about. `E`: one element of it. `B`: as many truth values. `C`: as many, or one for
    all. `U`: another type, as `MORE` says. `of`: the element types that T may have.
    """

    takes: str
    gives: str
    of: tuple[str, ...]


RULES = {
    word: Rule(takes, gives, of)
    for words, takes, gives, of in (
        ("add sub mul", "TT", "T", NUMBERS),
        ("mul_add", "TTT", "T", NUMBERS),
        ("fma", "TTT", "T", FLOATS),
        ("div copysign", "TT", "T", FLOATS),
        ("sqrt floor ceil round trunc", "T", "T", FLOATS),
        ("neg abs", "T", "T", NUMBERS),
        ("minimum maximum", "TT", "T", ORDERED),
        ("equal less less_equal", "TT", "B", ORDERED),
        ("isnan", "T", "B", ORDERED),
        ("bit_and bit_or bit_xor", "TT", "T", LOGICAL),
        ("bit_not", "T", "T", LOGICAL),
        ("shift_left shift_right floor_divide remainder", "TT", "T", INTEGERS),
        ("const", "", "T", ALL),
        ("lanes", "", "T", INTEGERS),
        ("splat", "E", "T", ALL),
        ("extract", "T", "E", ALL),
        ("shuffle", "TT", "U", ALL),
        ("select", "CTT", "T", ALL),
        ("cast", "T", "U", ALL),
        ("bitcast", "T", "U", tuple(name for name in ALL if name != "bool")),
        ("fold_add fold_mul", "T", "E", NUMBERS),
        ("fold_minimum fold_maximum", "T", "E", ORDERED),
        ("fold_bit_and fold_bit_or", "T", "E", LOGICAL),
    )
    for word in words.split()
}


def check_kernel(kernel: Kernel) -> None:
    """Raises FormatError (LOOPS-02) at the first statement of a kernel that does not fit the rest.

    >>> from mapsto.ir.build import Builder
    >>> build = Builder("one")
    >>> y = build.buffer("y", "f32", 1, "out")
    >>> build.store(y, build.const(0), build.const(1.0, Type("f32")))
    >>> check_kernel(build.kernel())
    """
    walk = Walk(kernel)
    try:
        walk.parameters()
        walk.block(kernel.body)
    except ValueError as problem:
        raise FormatError("LOOPS-02", kernel=kernel.name, number=walk.number, reason=problem) from problem


class Walk:
    """Through the statements in order, with the values that are in scope."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.number = 0  # of the statement, from 1 in the order of the text
        self.made: set[Value] = set()
        self.scope: set[Value] = set()

    def parameters(self) -> None:
        if not re.fullmatch(r"[A-Za-z_]\w*", self.kernel.name):
            raise ValueError(f"{self.kernel.name!r} is no name of a kernel")
        check_buffers(self.kernel.buffers)
        for value in (*self.kernel.sizes, self.kernel.chunk):
            agree("a size", value.type, INDEX)
            self.make(value)

    def make(self, *values: Value) -> None:
        for value in values:
            check_type(value.type)
            if value in self.made:
                raise ValueError("a value is made twice")
            self.made.add(value)
            self.scope.add(value)

    def use(self, *values: Value | None) -> None:
        for value in values:
            if value is not None and value not in self.scope:
                where = "out of scope" if value in self.made else "not made yet"
                raise ValueError(f"a {value.type} that is {where}")

    def within(self, buffer: Buffer) -> None:
        if buffer not in self.kernel.buffers:
            raise ValueError(f"the buffer {buffer.name} is not the kernel's")

    def block(self, body: tuple[Statement, ...]) -> None:
        for statement in body:
            self.number += 1
            self.statement(statement)

    def statement(self, statement: Statement) -> None:
        match statement:
            case Let():
                self.use(*statement.args)
                check_let(statement)
                self.make(statement.value)
            case Load():
                self.within(statement.buffer)
                self.use(statement.offset, statement.mask, statement.fill)
                check_load(statement)
                self.make(statement.value)
            case Store():
                self.within(statement.buffer)
                self.use(statement.offset, statement.value, statement.mask)
                check_store(statement)
            case Loop():
                self.loop(statement)
            case When():
                self.use(statement.condition)
                agree("the condition", statement.condition.type, BOOL)
                outside = set(self.scope)
                self.block(statement.body)
                self.scope = outside

    def loop(self, loop: Loop) -> None:
        self.use(loop.begin, loop.end, *loop.initial)
        check_loop(loop)
        outside = set(self.scope)
        self.make(loop.index, *loop.carried)
        self.block(loop.body)
        self.use(*loop.yielded)
        self.scope = outside
        self.make(*loop.results)


# types


def agree(what: str, found: Type, wanted: Type) -> None:
    if found != wanted:
        raise ValueError(f"{what} is {found}, and must be {wanted}")


def check_type(type: Type) -> None:
    if type.dtype not in DTYPES or not 1 <= type.lanes <= MOST_LANES:
        raise ValueError(f"{type} is no type")


def check_buffers(buffers: Iterable[Buffer]) -> None:
    """Names apart, sizes from 0 on; of scratch, no two parts overlap, and elements stand at multiples of their size."""
    names: set[str] = set()
    scratch: list[tuple[int, int, str]] = []
    for buffer in buffers:
        if not re.fullmatch(r"[A-Za-z_]\w*", buffer.name) or buffer.name in names:
            raise ValueError(f"the name of the buffer {buffer.name!r} does not read, or is there twice")
        names.add(buffer.name)
        if buffer.dtype not in DTYPES or buffer.role not in ROLES or buffer.size < 0:
            raise ValueError(f"the buffer {buffer.name}: {buffer.role} {buffer.dtype}[{buffer.size}]")
        width = DTYPES[buffer.dtype].itemsize
        if buffer.offset < 0 or buffer.offset % width or (buffer.offset and buffer.role != "scratch"):
            raise ValueError(f"the buffer {buffer.name}: {buffer.role} at byte {buffer.offset}")
        if buffer.role == "scratch":
            scratch.append((buffer.offset, buffer.offset + buffer.size * width, buffer.name))
    scratch.sort()
    for (_, end, first), (begin, _, second) in pairwise(scratch):
        if begin < end:
            raise ValueError(f"the scratch buffers {first} and {second} overlap")


def check_let(let: Let) -> None:
    """Raises ValueError if a word's arguments, its attribute and its value do not go together."""
    rule = RULES.get(let.op)
    if rule is None:
        raise ValueError(f"there is no word {let.op}")
    least = 1 if let.op == "shuffle" else len(rule.takes)
    if not least <= len(let.args) <= len(rule.takes):
        raise ValueError(f"{let.op} takes {len(rule.takes)} arguments, and has {len(let.args)}")
    check_type(let.value.type)
    given = [arg.type for arg in let.args]
    subject = subject_of(rule, let.value.type, given) or let.value.type
    if subject.dtype not in rule.of:
        raise ValueError(f"{let.op} is not for {subject}")
    for found, letter in zip(given, rule.takes, strict=False):
        if letter == "C" and found == BOOL:
            continue
        agree(f"an argument of {let.op}", found, in_place(letter, subject))
    if rule.gives != "U":
        agree(f"the value of {let.op}", let.value.type, in_place(rule.gives, subject))
    if let.attribute is not None and let.op not in ("const", "extract", "shuffle"):
        raise ValueError(f"{let.op} has no attribute")
    reason = MORE.get(let.op, lambda let, subject: "")(let, subject)
    if reason:
        raise ValueError(f"{let.op}: {reason}")


def subject_of(rule: Rule, value: Type, given: Sequence[Type | None]) -> Type | None:
    """The type that T stands for: the value's, or that of the first argument whose type is known."""
    if rule.gives == "T":
        return value
    return next((type for type, letter in zip(given, rule.takes, strict=False) if letter == "T" and type), None)


def in_place(letter: str, subject: Type) -> Type:
    """The type that a letter of a rule demands."""
    return {"T": subject, "E": Type(subject.dtype), "B": subject.of("bool"), "C": subject.of("bool")}[letter]


def _const(let: Let, subject: Type) -> str:
    number, dtype = let.attribute, DTYPES[subject.dtype]
    kind = bool if subject.dtype == "bool" else int if subject.dtype in INTEGERS else float
    if number.__class__ is not kind:
        return f"{number!r} is no {subject.dtype}"
    if kind is int and not np.iinfo(dtype).min <= number <= np.iinfo(dtype).max:
        return f"{number} is out of the range of {subject.dtype}"
    with np.errstate(over="ignore"):
        same = kind is not float or number != number or dtype.type(number).item() == number
    return "" if same else f"{number!r} is no number of {subject.dtype}"


def _splat(let: Let, subject: Type) -> str:
    return "" if subject.lanes > 1 else "one lane"


def _extract(let: Let, subject: Type) -> str:
    inside = isinstance(let.attribute, int) and 0 <= let.attribute < subject.lanes and subject.lanes > 1
    return "" if inside else f"{subject} has no lane {let.attribute}"


def _shuffle(let: Let, subject: Type) -> str:
    order = cast(tuple[Any, ...], let.attribute or ())
    most = subject.lanes * len(let.args)
    if subject.lanes == 1 or not all(isinstance(lane, int) and 0 <= lane < most for lane in order):
        return f"there are no lanes {order} in {most}"
    fits = len(order) > 1 and let.value.type == Type(subject.dtype, len(order))
    return "" if fits else f"{len(order)} lanes do not make {let.value.type}"


def _cast(let: Let, subject: Type) -> str:
    return "" if let.value.type.lanes == subject.lanes else f"{subject} has not the lanes of {let.value.type}"


def _bitcast(let: Let, subject: Type) -> str:
    old, new = (type.lanes * DTYPES[type.dtype].itemsize for type in (subject, let.value.type))
    return "" if old == new and let.value.type.dtype != "bool" else f"{subject} has not the bits of {let.value.type}"


def _fold(let: Let, subject: Type) -> str:
    return "" if subject.lanes & (subject.lanes - 1) == 0 else f"{subject} cannot be halved to the end"


# What the letters do not say: word ↦ a function to the reason why a statement is wrong, or "".
MORE = {
    "const": _const,
    "splat": _splat,
    "extract": _extract,
    "shuffle": _shuffle,
    "cast": _cast,
    "bitcast": _bitcast,
    **{word: _fold for word in RULES if word.startswith("fold_")},
}


def check_place(buffer: Buffer, offset: Type, shift: int, value: Type, mask: Value | None) -> None:
    """Raises ValueError if elements of a buffer do not make a value of this type."""
    check_type(value)
    if offset.dtype not in OFFSETS or offset.lanes not in (1, value.lanes) or shift.__class__ is not int:
        raise ValueError(f"{offset} does not place {value}")
    agree(f"what stands in {buffer.name}", value, value.of(buffer.dtype))
    if mask is not None:
        agree("the mask", mask.type, value.of("bool"))


def check_load(load: Load) -> None:
    check_place(load.buffer, load.offset.type, load.shift, load.value.type, load.mask)
    if load.fill is not None:
        agree("what fills", load.fill.type, load.value.type)
        if load.mask is None:
            raise ValueError("something to fill with, and no mask")


def check_store(store: Store) -> None:
    check_place(store.buffer, store.offset.type, store.shift, store.value.type, store.mask)
    if store.buffer.role == "in":
        raise ValueError(f"{store.buffer.name} is only read")
    if store.mask is not None and store.value.type.lanes == 1:
        raise ValueError("a scalar is stored under a condition by `when`")


def check_loop(loop: Loop) -> None:
    """The types only; what the body does is another matter."""
    if loop.step < 1:
        raise ValueError(f"a step of {loop.step}")
    for what, value in (("the index", loop.index), ("the begin", loop.begin), ("the end", loop.end)):
        agree(what, value.type, INDEX)
    groups = (loop.initial, loop.yielded, loop.results)
    if {len(group) for group in groups} != {len(loop.carried)}:
        raise ValueError(f"{len(loop.carried)} values are carried; begun, yielded, left: {[len(g) for g in groups]}")
    for group in groups:
        for found, carried in zip(group, loop.carried, strict=True):
            agree("a value that the loop carries", found.type, carried.type)
