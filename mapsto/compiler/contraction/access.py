"""Where the elements of an operand are, seen from within a tile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mapsto.compiler.contraction.index import Index, affine
from mapsto.ir.build import Builder
from mapsto.ir.loops import Buffer, Value


@dataclass(frozen=True)
class Operand:
    """An array of a contraction: its buffer, an offset known at run time, and what is done to every element read."""

    buffer: Buffer
    base: Value | None = None
    read: Callable[[Value], Value] | None = None


@dataclass(frozen=True)
class Access:
    """An operand with its strides: `far` for the indices of loops, `near` for the steps within a tile.

    They differ where a copy in work space keeps every tile by itself.
    """

    operand: Operand
    far: Mapping[str, int]
    near: Mapping[str, int]
    shift: int

    def offset(self, b: Builder, at: Mapping[str, Index]) -> tuple[Value, int]:
        """The offset of an element, and the part of it that is known."""
        terms = [(stride, at[name]) for name, stride in self.far.items() if stride]
        if self.operand.base is not None:
            terms.append((1, self.operand.base))
        return affine(b, terms, self.shift)

    def step(self, steps: Mapping[str, int]) -> int:
        """How far a place within the tile is from its first."""
        return sum(self.near.get(name, 0) * count for name, count in steps.items())
