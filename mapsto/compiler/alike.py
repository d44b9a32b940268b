"""One kernel for all groups that differ in names alone, such as the updates of parameters of one shape.

Groups with equal numberings (`numbering.py`) have equal kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

from mapsto.compiler.groups import Group, Member
from mapsto.compiler.kernels import Written
from mapsto.compiler.numbering import MadeOnce, Numbering
from mapsto.core.spec import Spec
from mapsto.ir.loops import Kernel, Loop, Statement, Store, When
from mapsto.ir.loops import Load as Read

Write = Callable[[str, Group], Written]


class Kernels:
    """The kernels written so far, by what they do."""

    def __init__(self) -> None:
        self.written = MadeOnce[Written]()

    def of(self, name: str, group: Group, specs: Sequence[Spec], lasting: Collection[int], write: Write) -> Written:
        """The kernel of a group: written by `write`, or that of a group before, bound to other arrays."""
        arrays = arrays_of(group)
        key = GroupNumbering(arrays).group(group, specs, lasting)
        written, names = self.written.get(key, arrays, lambda: write(name, group))
        if written.group is group:
            return written
        kernel = replace(written.kernel, name=name)
        bound_to = tuple([names[number] for number in written.arrays])
        return replace(written, kernel=kernel, arrays=bound_to, group=group, names=names)


def arrays_of(group: Group) -> tuple[int, ...]:
    """The arrays that a group reads or makes, in order."""
    found: set[int] = set()
    for member in group.members:
        found.update(member.stage.reads())
        found.add(member.stage.array)
        if member.slots is not None:
            found.add(member.slots)
    return tuple(sorted(found))


class GroupNumbering(Numbering):
    """Numbers the formulas of a group's stages."""

    def group(self, group: Group, specs: Sequence[Spec], lasting: Collection[int]) -> Any:
        chunk, blocks = self.number(group.chunk), group.blocks
        members = tuple([self.member(member) for member in group.members])
        by_blocks = (self.numbers(blocks.outer), self.number(blocks.line), blocks.cut, blocks.block) if blocks else None
        arrays = self.shapes(specs), tuple([number in lasting for number in self.arrays])
        way = (group.rows, group.flat, group.tiled, by_blocks, chunk, group.per_chunk)
        return way, arrays, members, tuple(self.lines)

    def member(self, member: Member) -> Any:
        stage, run = member.stage, member.stage.run
        slots = None if member.slots is None else self.arrays[member.slots]
        rows = None if member.rows is None else self.number(member.rows)
        along = run and (self.numbers((run.axis, run.start, run.before)), run.reverse)
        kind = (stage.total, stage.flag is not None, stage.scatter is not None, along)
        return self.arrays[stage.array], rows, slots, self.numbers(stage.domain), self.number(stage.formula), kind


def with_own_names(written: Written) -> Kernel:
    """A kernel for readers: its buffers are named after its own arrays (a3, and t3 in work space), not another's."""
    kernel = written.kernel
    own = {
        buffer: replace(buffer, name=f"{buffer.name[0]}{written.names[int(buffer.name[1:])]}")
        for buffer in kernel.buffers
        if written.names and buffer.name[0] in "at"
    }

    def renamed(body: Sequence[Statement]) -> tuple[Statement, ...]:
        return tuple(map(one, body))

    def one(statement: Statement) -> Statement:
        match statement:
            case Read() | Store():
                return replace(statement, buffer=own.get(statement.buffer, statement.buffer))
            case Loop() | When():
                return replace(statement, body=renamed(statement.body))
            case _:
                return statement

    buffers = tuple(own.get(buffer, buffer) for buffer in kernel.buffers)
    return replace(kernel, buffers=buffers, body=renamed(kernel.body))
