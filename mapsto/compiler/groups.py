"""Groups: stages that one kernel does. A group runs over rows (examples, or single elements), chunk by chunk.

A stage that sums over the rows joins too: every chunk keeps a sum of its own in a slot, and a later stage adds the
slots up in order. The sums are the same for any number of threads, because chunks follow from shapes alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from mapsto.compiler.blocks import Blocks
from mapsto.compiler.bodies import BodyStep
from mapsto.compiler.fuse import HostStep, Stage
from mapsto.ir.formula import Index

CHUNKS = 8  # of a group over rows, at most
READ_AGAIN = 2**18  # bytes that a block of rows may read and write: later stages find them in the second cache


@dataclass(eq=False)
class Member:
    """A stage in a group. `rows` is the index that runs over the rows; `slots` is where a sum over them goes."""

    stage: Stage
    rows: Index | None
    slots: int | None = None


@dataclass(eq=False)
class Group:
    """Stages over the same number of rows, or over the same blocks. A contraction that is cut by tiles is alone."""

    rows: int
    members: list[Member] = field(default_factory=list[Member])
    flat: bool = False
    tiled: bool = False
    blocks: Blocks | None = None
    chunk: Index = field(default_factory=lambda: Index(CHUNKS))
    per_chunk: int = 1
    known: set[int] = field(default_factory=set[int])  # the arrays that it reads or makes

    @property
    def chunks(self) -> int:
        return self.chunk.extent

    def add(self, *members: Member) -> None:
        """Take in some members."""
        self.members.extend(members)
        for member in members:
            self.known.update((*member.stage.reads(), member.stage.array))

    def sums_alone(self) -> bool:
        """Whether all its stages are sums over its rows, and none of products."""
        return not self.tiled and all(one.slots is not None and one.stage.product() is None for one in self.members)

    def writes(self) -> list[int]:
        return [member.stage.array for member in self.members if member.slots is None]


Step = Group | HostStep | BodyStep


def step_outputs(step: Stage | HostStep) -> Sequence[int]:
    return step.outputs if isinstance(step, HostStep) else (step.array,)


def reads_of(step: Step) -> Sequence[int]:
    return [n for member in step.members for n in member.stage.reads()] if isinstance(step, Group) else step.inputs


def shares(read: Collection[int], group: Group) -> bool:
    """Whether a group reads or makes one of the arrays that are read; a group of one row shares with everybody."""
    return group.rows == 1 or not group.known.isdisjoint(read)
