"""Copies of an operand in the order in which tiles use it: read once from far apart, then many times from one place.

A strip is what one tile reads of an operand: for every place of the sum, as many neighbours along one letter as the
tile is wide. Operand y is copied strip by strip, as its columns come; of operand x a block of strips is copied at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, prod

from mapsto.compiler.contraction.access import Access, Operand
from mapsto.compiler.contraction.index import Index, affine, least, value
from mapsto.compiler.contraction.lanes import transpose
from mapsto.compiler.contraction.letters import Contraction
from mapsto.ir.build import Builder
from mapsto.ir.loops import Buffer, Type, Value

Indices = Mapping[str, Index]
WIDE = ("f32", "f64", "i32", "i64", "u32", "u64")  # types whose vectors have shuffles worth the name


@dataclass(frozen=True)
class Strips:
    """The strips of an operand along a letter, `width` of its turns each, and the work space they are copied to."""

    b: Builder
    contraction: Contraction
    access: Access
    letter: str
    width: int
    lanes: int
    buffer: Buffer

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The summed letters of a strip as they are laid out: that of the operand's neighbours last."""
        return strip_order(self.contraction, self.access)

    @cached_property
    def strides(self) -> Mapping[str, int]:
        found: dict[str, int] = {}
        step = self.width
        for name in reversed(self.order):
            found[name] = step
            step *= self.contraction.letter(name).extent
        return found

    @property
    def extent(self) -> int:
        return self.contraction.letter(self.letter).extent

    def copied(self, first: Value | None = None) -> Access:
        """How tiles see the copy: of one strip, or of all strips from a turn of the letter on."""
        far = {**dict.fromkeys(self.access.far, 0), **self.strides}
        base = None
        if first is not None:
            turn = prod(self.contraction.letter(name).extent for name in self.order)
            far[self.letter] = turn
            base = self.b.affine([(-turn, first)])
        return Access(Operand(self.buffer, base), far, {self.letter: 1}, 0)

    def write(self, at: Indices, to: Access, columns: int) -> None:
        """Copies one strip: `columns` turns of the letter from its index in `at` on, to where `to` sees them."""
        near = self.order[-1] if self.order and self.access.far[self.order[-1]] == 1 else None
        if self.access.far[self.letter] == 1:
            self.around(self.order, at, lambda inner: self.along(inner, to, columns))
        elif near is not None and self.buffer.dtype in WIDE and self.lanes > 1:
            self.around(self.order[:-1], at, lambda inner: self.squares(near, inner, to, columns))
        else:
            self.around(self.order, at, lambda inner: self.single(inner, to, columns))

    def around(self, names: Sequence[str], at: Indices, body: Callable[[Mapping[str, Index]], None]) -> None:
        """Loops over summed letters."""
        if not names:
            return body(at)
        with self.b.loop(0, self.contraction.letter(names[0]).extent) as turn:
            self.around(names[1:], {**at, names[0]: turn.index}, body)

    def along(self, at: Indices, to: Access, columns: int) -> None:
        """Neighbours of the letter are neighbours in memory: by vectors."""
        for column in range(0, columns, self.lanes):
            mask = self.there(at, column)
            self.put(self.get(at, self.lanes, column * self.access.far[self.letter], mask), at, to, column)

    def squares(self, near: str, at: Indices, to: Access, columns: int) -> None:
        """Neighbours in memory are along the sum: by squares of lanes × lanes, rows in, columns out.

        A square over the end of the sum writes places that later ones overwrite, or that are left over for it; one over
        the end of the letter repeats its last row, in places that no tile uses.
        """
        b, lanes = self.b, self.lanes
        extent = self.contraction.letter(near).extent
        whole = not self.extent % self.width and not self.width % lanes
        with b.loop(0, extent, lanes) as row, b.loop(0, columns, lanes) as column:
            inner = {**at, near: row.index}
            mask = None
            if extent % lanes:
                mask = self.first_lanes(value_of(b, [(-1, row.index)], extent))
            square: list[Value] = []
            for line in range(lanes):
                turn: Index = value_of(b, [(1, at[self.letter]), (1, column.index)], line)
                if not whole:
                    turn = least(b, turn, self.extent - 1)
                square.append(self.get({**inner, self.letter: turn}, lanes, 0, mask))
            for line, vector in enumerate(transpose(b, square)):
                self.put(vector, inner, to, column.index, line * self.strides[near])

    def single(self, at: Indices, to: Access, columns: int) -> None:
        """Element by element."""
        b, first = self.b, at[self.letter]
        end = least(b, columns, value_of(b, [(-1, first)], self.extent))
        with b.loop(0, value(b, end)) as turn:
            there = {**at, self.letter: value_of(b, [(1, first), (1, turn.index)])}
            offset, shift = to.offset(b, at)
            b.store(self.buffer, value_of(b, [(1, offset), (1, turn.index)]), self.get(there, 1, 0), shift=shift)

    # reading and writing

    def get(self, at: Indices, lanes: int, step: int, mask: Value | None = None) -> Value:
        offset, shift = self.access.offset(self.b, at)
        operand = self.access.operand
        found = self.b.load(operand.buffer, offset, lanes, shift=shift + step, mask=mask)
        if operand.read is not None:
            found = operand.read(found)
        return self.b.cast(found, self.buffer.dtype)

    def put(self, vector: Value, at: Indices, to: Access, column: Index, step: int = 0) -> None:
        """A vector into a strip; no lanes beyond the strip's width."""
        offset, shift = to.offset(self.b, at)
        offset, shift = affine(self.b, [(1, offset), (1, column)], shift + step)
        mask = self.first_lanes(value_of(self.b, [(-1, column)], self.width)) if self.width % self.lanes else None
        self.b.store(self.buffer, offset, vector, shift=shift, mask=mask)

    def there(self, at: Indices, column: int) -> Value | None:
        """The lanes from a column on that are turns of the letter."""
        if not self.extent % self.width and not self.width % self.lanes:
            return None
        return self.first_lanes(value_of(self.b, [(-1, at[self.letter])], self.extent - column))

    def first_lanes(self, count: Value) -> Value:
        type = Type("i64", self.lanes)
        return self.b.op("less", self.b.lanes(type), self.b.splat(count, self.lanes))


def strip_order(contraction: Contraction, access: Access) -> tuple[str, ...]:
    names = [letter.name for letter in contraction.sums if access.far[letter.name]]
    return tuple(sorted(names, key=lambda name: (access.far[name] == 1, -abs(access.far[name]))))


def strips_size(contraction: Contraction, access: Access, width: int, lanes: int, turns: int) -> int:
    """Elements of work space for strips of so many turns in all, and what a copy writes beyond their end."""
    places = prod(contraction.letter(name).extent for name in strip_order(contraction, access))
    return ceil(turns / width) * width * places + lanes * (width + 1)


def value_of(b: Builder, terms: Sequence[tuple[int, Index]], shift: int = 0) -> Value:
    found, shift = affine(b, terms, shift)
    return b.affine([(1, found)], shift)


def single_strip(strips: Strips, at: Indices, columns: int) -> Access:
    """Copies the strip of one column of tiles, whose place is in `at`."""
    to = strips.copied()
    strips.write(at, to, columns)
    return to


def block_of_strips(strips: Strips, at: Indices, begin: Value, end: Value) -> Access:
    """Copies all strips of a range of the letter."""
    to = strips.copied(begin)
    with strips.b.loop(begin, end, strips.width) as turn:
        here = {**at, strips.letter: turn.index}
        strips.write(here, to, strips.width)
    return to
