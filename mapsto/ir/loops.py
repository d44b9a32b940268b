"""Loops as plain data: what a kernel does, word by word, before it becomes machine code.

A kernel reads and writes flat buffers through loops that carry values from turn to turn; values are scalars or short
vectors (`f32x16`), each assigned once. Everything a backend must know is here and nothing else: `target` reads loops
only. The grammar of the printed form is `docs/loops.md`; `ir.loops_text` prints and parses it, `ir.loops_check` checks
it, `ir.loops_run` runs it in NumPy for the tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Role = str  # "in", "out" (also read), "scratch": of the calling thread alone, `offset` bytes into its work space


@dataclass(frozen=True, slots=True)
class Type:
    """An element type by its short name, and how many lanes of it a value has."""

    dtype: str
    lanes: int = 1

    def __str__(self) -> str:
        return self.dtype if self.lanes == 1 else f"{self.dtype}x{self.lanes}"

    def of(self, dtype: str) -> Type:
        """As many lanes of another element type."""
        return Type(dtype, self.lanes)


INDEX = Type("i64")


class Value:
    """What a statement makes; two values are the same only if they are the same object."""

    __slots__ = ("type",)

    def __init__(self, type: Type) -> None:
        self.type = type

    def __repr__(self) -> str:
        return f"Value({self.type})"


@dataclass(frozen=True, slots=True, eq=False)
class Buffer:
    """`size` elements in memory, one after another. No two buffers of a kernel overlap, unless both are only read."""

    name: str
    dtype: str
    size: int
    role: Role
    offset: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Let:
    """`value = op(args)`, without effects. `attribute`: the number of a `const`, the lanes of a `shuffle`."""

    value: Value
    op: str
    args: tuple[Value, ...] = ()
    attribute: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """Consecutive elements from `offset + shift` on; or, if the offset is a vector, one element for every lane.

    Lanes where the mask does not hold are not read and take `fill`.
    """

    value: Value
    buffer: Buffer
    offset: Value
    shift: int = 0
    mask: Value | None = None
    fill: Value | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """The other way. Lanes where the mask does not hold are not written."""

    buffer: Buffer
    offset: Value
    value: Value
    shift: int = 0
    mask: Value | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """`index` runs from `begin` to below `end` by `step`.

    `carried` begin as `initial`; every turn yields the next ones; `results` are the last.
    """

    index: Value
    begin: Value
    end: Value
    step: int
    carried: tuple[Value, ...]
    initial: tuple[Value, ...]
    body: tuple[Statement, ...]
    yielded: tuple[Value, ...]
    results: tuple[Value, ...]


@dataclass(frozen=True, slots=True, eq=False)
class When:
    """The body, if the condition (one `bool`) holds."""

    condition: Value
    body: tuple[Statement, ...]


Statement = Let | Load | Store | Loop | When


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """A function of the buffers and run-time integers `sizes`, called once for every chunk."""

    name: str
    buffers: tuple[Buffer, ...]
    sizes: tuple[Value, ...]
    chunk: Value
    body: tuple[Statement, ...]

    @property
    def parameters(self) -> tuple[Buffer | Value, ...]:
        """What a caller binds, in order: the buffers that are not scratch, then the integers."""
        return (*(buffer for buffer in self.buffers if buffer.role != "scratch"), *self.sizes)


# What a `Let` can say. Backends implement each word in one table; a test demands completeness. Arithmetic is that of
# the element type: integers wrap, and a zero divisor gives 0; floats follow IEEE 754 without exceptions to it.
SIMPLE = "add sub mul div fma mul_add neg abs sqrt floor ceil round trunc copysign".split()
ORDER = "minimum maximum equal less less_equal isnan".split()  # of NaN and a number, minimum and maximum are NaN
BITS = "bit_and bit_or bit_xor bit_not shift_left shift_right bitcast".split()
WHOLE = "floor_divide remainder".split()
MOVES = "const lanes splat extract shuffle select cast".split()
FOLDS = "fold_add fold_mul fold_minimum fold_maximum fold_bit_and fold_bit_or".split()
OPS = (*SIMPLE, *ORDER, *BITS, *WHOLE, *MOVES, *FOLDS)
"""
const        a number, in every lane                         lanes        0, 1, 2 … in the lanes
splat        a scalar in every lane                          extract      the lane that `attribute` names
shuffle      lanes of two vectors end to end, by number      select       by a `bool`, or one for every lane
cast         to another element type by `core.numbers`       bitcast      the same bits
fma          a · b + c, rounded once                       mul_add      the same, rounded once or twice: the quicker way
floor_divide, remainder                                      as the primitives, of integers; floats are composed
"""


@dataclass(slots=True)
class Block:
    """Statements in the making, and the values that can be shared there."""

    statements: list[Statement] = field(default_factory=list[Statement])
    known: dict[Any, Value] = field(default_factory=dict[Any, Value])


def statements_of(body: tuple[Statement, ...]) -> Iterator[Statement]:
    """Every statement, those within loops included, in the order of the text."""
    for statement in body:
        yield statement
        if isinstance(statement, Loop | When):
            yield from statements_of(statement.body)
