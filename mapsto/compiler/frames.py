"""Where a program's arrays are at run time: a frame of slots for its plan, and one for every body in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mapsto.compiler.bodies import BodyStep
from mapsto.compiler.fuse import Flag
from mapsto.compiler.kernels import Written
from mapsto.compiler.memory import ALIGNED
from mapsto.compiler.pipeline import Plan
from mapsto.ir.graph import Var


@dataclass(frozen=True, eq=False)
class Frame:
    """Where the arrays of one plan are at run time."""

    plan: Plan
    first: int  # its first slot
    start: int  # where its arena begins in the program's, in bytes
    # The frames of its steps' bodies, by the places of the steps.
    inner: dict[int, tuple[Frame, ...]] = field(default_factory=dict[int, tuple["Frame", ...]])

    def slot(self, var: Var) -> int:
        """The slot of an input or a result."""
        return self.first + self.plan.fusion.numbers[var]

    def slots(self, numbers: Sequence[int]) -> list[int]:
        """The slots of arrays by their numbers."""
        return [self.first + number for number in numbers]

    def binding(self, written: Written) -> tuple[int, ...]:
        """The slots of a kernel's parameters."""
        return tuple(self.slots(self.plan.binding(written)))


class Frames:
    """The frames of a program, the program's own first; after them words of single steps. `arena` is its size for all.

    What is called has one frame, wherever it is called from; its arena lies behind all others, since it may be called
    while any of them is in use.
    """

    def __init__(self, plan: Plan) -> None:
        self.count = 0
        self.arena = plan.arena
        self.all: list[Frame] = []
        self.called: dict[Plan, Frame] = {}
        self.root = self.frame(plan, 0)
        self.anew = self.take() if plan.kept_phases else None  # the slot of a byte: whether parameters are others now

    def frame(self, plan: Plan, start: int) -> Frame:
        found = Frame(plan, self.take(plan.slots), start)
        self.all.append(found)
        for place, step in enumerate(plan.steps):
            if isinstance(step, BodyStep):
                found.inner[place] = tuple(self.inner(found, step))
        return found

    def inner(self, outer: Frame, step: BodyStep) -> Iterator[Frame]:
        """The frames of a step's bodies."""
        for plan in step.plans:
            if step.arena is not None:
                yield self.frame(plan, outer.start + outer.plan.offsets[step.arena])
                continue
            if plan not in self.called:
                start = self.arena
                self.arena += -(-plan.arena // ALIGNED) * ALIGNED
                self.called[plan] = self.frame(plan, start)
            yield self.called[plan]

    def take(self, count: int = 1) -> int:
        """So many slots more ↦ the first of them."""
        self.count += count
        return self.count - count

    @property
    def plans(self) -> list[Plan]:
        """All plans, each once."""
        return list(dict.fromkeys(frame.plan for frame in self.all))

    @property
    def written(self) -> list[Written]:
        """The kernels of all plans."""
        return [written for plan in self.plans for written in plan.written.values()]

    @property
    def scratch(self) -> int:
        """The work space of a thread, in bytes."""
        return max((written.scratch for written in self.written), default=0)

    def sizes(self) -> Iterator[tuple[int, int]]:
        """The slots that have integers, and these."""
        for frame in self.all:
            yield from enumerate(frame.plan.sizes, frame.first + len(frame.plan.specs))

    def places(self) -> Iterator[tuple[int, int]]:
        """The slots of arrays in the arena, and where these begin there."""
        for frame in self.all:
            for number, offset in frame.plan.offsets.items():
                yield frame.first + number, frame.start + offset

    def flags(self) -> list[tuple[Flag, int, int]]:
        """For each flag: what it is about, its slot, and how many truth values it has.

        The flags of bodies come first, since a run ends with the first of them that does not hold.
        """
        return [
            (flag, frame.first + number, frame.plan.specs[number].size)
            for frame in (*self.all[1:], self.root)
            for flag, number in frame.plan.flags
        ]
