"""Groups that go block by block ↦ kernels: the loop over blocks, and within a block part by part.

A part is one stage over the whole block, or several that are done line after line, while a line is in the first-level
cache. What is needed after its part has room for a block, what is not has room for one line; and an array takes the
room of one that nothing reads any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mapsto.compiler.blocks import Blocks
from mapsto.compiler.contractions import address
from mapsto.compiler.evaluate import Place
from mapsto.compiler.groups import Group, Member
from mapsto.compiler.kernels import KernelWriter
from mapsto.compiler.nests import Nest
from mapsto.compiler.pieces import pieces
from mapsto.compiler.rows import own_place
from mapsto.compiler.shared_nests import nest_of, shared_nests
from mapsto.compiler.terms import loads
from mapsto.core.spec import SHORT_NAMES, Spec
from mapsto.ir.formula import Formula, Index, as_index
from mapsto.ir.loops import Buffer, Value
from mapsto.target.host import Host


@dataclass(frozen=True, eq=False)
class Part:
    """Stages that are done one after another, line by line or each over the whole block; in lists that share a nest."""

    shared: list[list[Member]]
    by_lines: bool


class BlocksWriter(KernelWriter):
    """Writes the kernel of a group with blocks."""

    def __init__(self, name: str, group: Group, specs: Sequence[Spec], lasting: set[int], host: Host) -> None:
        super().__init__(name, group, specs, lasting, host)
        assert group.blocks is not None
        self.blocks: Blocks = group.blocks
        self.fixed = frozenset((*self.blocks.outer, self.blocks.line))
        self.parts = self.in_parts()
        self.lined = {member.stage.array for member in group.members if self.has_lines(member)}
        self.short: set[int] = set()  # arrays of which there is one line at a time
        self.begins: dict[str, Value] = {}  # the number of the place, of the block's first line, and of this line
        self.make_room()

    # parts

    def has_lines(self, member: Member) -> bool:
        return len(self.blocks.axes(member.stage)) > len(self.blocks.outer)

    def in_parts(self) -> list[Part]:
        """The members in order, as parts: neighbours that can be done line by line are one part."""
        found: list[list[Member]] = []
        for member in self.group.members:
            if found and self.by_line(found[-1][-1]) and self.by_line(member):
                found[-1].append(member)
            else:
                found.append([member])
        return [Part(shared_nests(members), len(members) > 1) for members in found]

    def by_line(self, member: Member) -> bool:
        """Whether a stage is no contraction, and reads its own line of what the group makes, along the line."""
        stage, axes = member.stage, self.blocks.axes(member.stage)
        if stage.product() is not None or not self.has_lines(member):
            return False
        for load in loads(stage.formula):
            spec = self.specs[load.input]
            number = address(load, spec)
            if number.coefficient(axes[-1]) == 1 and not set(number.atoms) <= {*axes}:
                return False  # lines lie side by side: better by squares
            if load.input in self.made and not own_place(load, spec, axes):
                return False
        return True

    # memory

    def make_room(self) -> None:
        """Work space for what only the group reads."""
        nests = [(part, members) for part in self.parts for members in part.shared]
        makes = {one.stage.array: (turn, part) for turn, (part, members) in enumerate(nests) for one in members}
        last = dict(makes)
        for turn, (part, members) in enumerate(nests):
            for number in {number for member in members for number in member.stage.reads()} & self.inner:
                last[number] = turn, part
        free: list[tuple[int, Buffer]] = []  # from which nest on a buffer is free
        for number in sorted(self.inner, key=lambda number: makes[number][0]):
            turn, part = makes[number]
            if part.by_lines and last[number][1] is part:
                self.short.add(number)
            dtype, size = SHORT_NAMES[self.specs[number].dtype], self.room(number)
            old = next((one for one in free if one[0] <= turn and (one[1].dtype, one[1].size) == (dtype, size)), None)
            if old is not None:
                free.remove(old)
            self.buffers[number] = old[1] if old is not None else self.work_space(dtype, size, f"t{number}")
            if number not in self.short:
                free.append((last[number][0] + 1, self.buffers[number]))

    def room(self, number: int) -> int:
        """How many elements of an array its buffer in the work space has."""
        lines = 1 if number in self.short else self.blocks.block
        return self.row_size(number) * (lines if number in self.lined else 1)

    def row_size(self, number: int) -> int:
        """Elements in a line of an array; in a place, if it has no lines."""
        size = self.specs[number].size // self.blocks.places
        return size // self.blocks.line.extent if number in self.lined else size

    def place(self, number: int) -> Place:
        if number not in self.inner:
            return super().place(number)
        begin = "line" if number in self.short else "block" if number in self.lined else "place"
        base = ((-self.row_size(number), self.begins[begin]),)
        return Place(self.buffers[number], self.specs[number], base)

    # blocks

    def write_rows(self) -> None:
        """The blocks of a chunk, one after another; the last of a place may be shorter, and has a text of its own."""
        b, blocks = self.b, self.blocks
        first = b.op("mul", b.chunk, b.const(self.group.per_chunk))
        last = b.op("minimum", b.op("add", first, b.const(self.group.per_chunk)), b.const(blocks.places * blocks.each))
        whole, rest = divmod(blocks.line.extent, blocks.block)
        with b.loop(first, last) as turn, self.ev.scope():
            place, block = self.quotient(turn.index, blocks.each)
            self.begins["place"] = place
            for axis in reversed(blocks.outer):
                place, self.ev.env[axis] = self.quotient(place, axis.extent)
            if not rest:
                return self.write_turn(block, whole, blocks.block)
            with b.when(b.op("less", block, b.const(whole))):
                self.write_turn(block, whole, blocks.block)
            with b.when(b.op("equal", block, b.const(whole))):
                self.write_turn(block, 1, rest, whole)

    def quotient(self, number: Value, divisor: int) -> tuple[Value, Value]:
        """Quotient and remainder."""
        b = self.b
        return b.op("floor_divide", number, b.const(divisor)), b.op("remainder", number, b.const(divisor))

    def write_turn(self, block: Value, count: int, lines: int, before: int = 0) -> None:
        """All parts, for a block of so many lines: one of `count`, after `before` others."""
        b, blocks = self.b, self.blocks
        number = Index(count)
        start = as_index(before * blocks.block) if before or count == 1 else number * blocks.block
        with self.ev.scope({number: block}):
            first = b.op("mul", block, b.const(blocks.block))
            self.begins["block"] = b.affine([(blocks.line.extent, self.begins["place"]), (1, first)])
            turns = Index(lines)
            for part in self.parts:
                if part.by_lines:
                    self.write_lines(part, first, lines)
                else:
                    self.write_whole(part.shared[0][0], start + turns, turns, number)

    def write_whole(self, member: Member, line: Formula, turns: Index, number: Index) -> None:
        """A stage for all lines of a block."""
        stage = member.stage
        whole = Nest((stage.array,), stage.domain, tuple(stage.domain), (stage.formula,))
        nest = self.blocks.nest(whole, self.blocks.axes(stage), line, [turns])
        found = None if stage.product() is None else pieces(nest, self.specs, fixed=self.fixed | {number})
        if found is None:
            return self.write_nests(nest, None)
        for piece in found:
            made = self.product_stage(piece, None)
            if made is not None:
                made.write(self.ev, {}, self.work_space)
            else:
                self.write_nests(piece.nest, None)
        return None

    def write_lines(self, part: Part, first: Value, lines: int) -> None:
        """Stages of a block line by line."""
        b, blocks = self.b, self.blocks
        with b.loop(first, b.op("add", first, b.const(lines))) as turn, self.ev.scope({blocks.line: turn.index}):
            self.begins["line"] = b.affine([(blocks.line.extent, self.begins["place"]), (1, turn.index)])
            for members in part.shared:
                nest = blocks.nest(nest_of(members), blocks.axes(members[0].stage), blocks.line, [])
                self.write_nests(nest, None)
