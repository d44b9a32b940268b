"""Building kernels: statements in order, equal values once, and every value as far out of the loops as it can stand."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from mapsto.core.spec import DTYPES
from mapsto.ir.loops import INDEX, OPS, Block, Buffer, Kernel, Let, Load, Loop, Role, Store, Type, Value, When

COMPARISONS = ("equal", "less", "less_equal", "isnan")


class Turn:
    """What stands inside an open loop: its index, the carried values, and, once closed, the results."""

    def __init__(self, index: Value, carried: tuple[Value, ...]) -> None:
        self.index, self.carried = index, carried
        self.yielded: tuple[Value, ...] = ()
        self.results: tuple[Value, ...] = ()

    def give(self, *values: Value) -> None:
        """The carried values of the next turn."""
        self.yielded = values


class Builder:
    """Writes one kernel.

    A value without effects is placed in the outermost block where its arguments stand, and an equal one is not made
    twice; so what does not change in a loop is computed before it, and no later pass need look for it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.buffers: list[Buffer] = []
        self.sizes: list[Value] = []
        self.blocks = [Block()]
        self.depth: dict[Value, int] = {}
        self.chunk = self._new(INDEX, 0)
        self.constants: dict[Value, Any] = {}

    # parameters

    def buffer(self, name: str, dtype: str, size: int, role: Role, offset: int = 0) -> Buffer:
        made = Buffer(name, dtype, size, role, offset)
        self.buffers.append(made)
        return made

    def size(self) -> Value:
        """An integer that the caller binds."""
        made = self._new(INDEX, 0)
        self.sizes.append(made)
        return made

    # values

    def op(self, op: str, *args: Value, type: Type | None = None, attribute: Any = None) -> Value:
        """A value without effects. The type is that of the last argument, unless the word or `type` says otherwise."""
        if op not in OPS:
            raise ValueError(f"{op} is not a word of the loops")
        made = type or (args[-1].type.of("bool") if op in COMPARISONS else args[-1].type)
        key = (op, args, attribute if op != "const" else (attribute.__class__, np.asarray(attribute).tobytes()), made)
        depth = max((self.depth[arg] for arg in args), default=0)
        block = self.blocks[depth]
        found = block.known.get(key)
        if found is None:
            found = block.known[key] = self._new(made, depth)
            block.statements.append(Let(found, op, args, attribute))
        return found

    def const(self, number: Any, type: Type = INDEX) -> Value:
        """A number in every lane."""
        number = DTYPES[type.dtype].type(number).item()
        made = self.op("const", type=type, attribute=number)
        self.constants[made] = number
        return made

    def splat(self, value: Value, lanes: int) -> Value:
        if value.type.lanes == lanes:
            return value
        if value in self.constants:
            return self.const(self.constants[value], Type(value.type.dtype, lanes))
        return self.op("splat", value, type=Type(value.type.dtype, lanes))

    def lanes(self, type: Type) -> Value:
        """0, 1, 2 …"""
        return self.op("lanes", type=type)

    def cast(self, value: Value, dtype: str) -> Value:
        if value.type.dtype == dtype:
            return value
        if value in self.constants and value.type.dtype != "bool" and dtype not in ("bool", "f16", "bf16"):
            number = self.constants[value]
            if isinstance(number, int) or dtype in ("f32", "f64"):
                with np.errstate(all="ignore"):
                    return self.const(np.asarray(number).astype(DTYPES[dtype]).item(), value.type.of(dtype))
        return self.op("cast", value, type=value.type.of(dtype))

    def affine(self, terms: Sequence[tuple[int, Value]], shift: int = 0) -> Value:
        """Σ coefficient · value + shift, of scalar indices; those that stand furthest out are added first."""
        total: Value | None = None
        for coefficient, value in sorted(terms, key=lambda term: self.depth[term[1]]):
            if coefficient == 0:
                continue
            part = value if coefficient == 1 else self.op("mul", value, self.const(coefficient))
            total = part if total is None else self.op("add", total, part)
        if total is None:
            return self.const(shift)
        return total if shift == 0 else self.op("add", total, self.const(shift))

    # memory

    def load(
        self,
        buffer: Buffer,
        offset: Value,
        lanes: int = 1,
        *,
        shift: int = 0,
        mask: Value | None = None,
        fill: Value | None = None,
    ) -> Value:
        """`lanes` elements from an offset on, or one for every lane of an offset that is a vector."""
        made = self._new(Type(buffer.dtype, max(lanes, offset.type.lanes)))
        self.blocks[-1].statements.append(Load(made, buffer, offset, shift, mask, fill))
        return made

    def store(self, buffer: Buffer, offset: Value, value: Value, *, shift: int = 0, mask: Value | None = None) -> None:
        self.blocks[-1].statements.append(Store(buffer, offset, value, shift, mask))

    # control

    @contextmanager
    def loop(
        self, begin: Value | int, end: Value | int, step: int = 1, carried: Sequence[Value] = ()
    ) -> Generator[Turn, None, None]:
        """The block is the loop's body; `turn.give(…)` says what the next turn begins with, `turn.results` the last."""
        first, last = (bound if isinstance(bound, Value) else self.const(bound) for bound in (begin, end))
        depth = len(self.blocks)
        turn = Turn(self._new(INDEX, depth), tuple(self._new(value.type, depth) for value in carried))
        self.blocks.append(Block())
        yield turn
        body = tuple(self.blocks.pop().statements)
        if len(turn.yielded) != len(carried):
            raise ValueError(f"the loop carries {len(carried)} values and was given {len(turn.yielded)}")
        turn.results = tuple(self._new(value.type) for value in carried)
        self.blocks[-1].statements.append(
            Loop(turn.index, first, last, step, turn.carried, tuple(carried), body, turn.yielded, turn.results)
        )

    @contextmanager
    def when(self, condition: Value) -> Generator[None, None, None]:
        """The block's statements only if the condition holds."""
        self.blocks.append(Block())
        yield
        body = tuple(self.blocks.pop().statements)
        self.blocks[-1].statements.append(When(condition, body))

    def kernel(self) -> Kernel:
        """The finished kernel."""
        return Kernel(self.name, tuple(self.buffers), tuple(self.sizes), self.chunk, tuple(self.blocks[0].statements))

    def _new(self, type: Type, depth: int | None = None) -> Value:
        made = Value(type)
        self.depth[made] = len(self.blocks) - 1 if depth is None else depth
        return made
