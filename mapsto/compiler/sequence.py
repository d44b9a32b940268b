"""Frames ↦ what a launch consists of: phases, and for nodes with bodies instructions between them.

A body's arrays are where its slots say, so nothing is copied into a body or out of it: its slots are told where what it
gets is, and where what it makes belongs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mapsto.compiler.bodies import CALLED, BodyStep
from mapsto.compiler.frames import Frame, Frames
from mapsto.compiler.fuse import HostStep
from mapsto.compiler.kernels import Written
from mapsto.compiler.turns import ScanLoop, WhileLoop, bound
from mapsto.compiler.weight import of_kernel
from mapsto.ir.graph import Var
from mapsto.target.instructions import Instruction, Label
from mapsto.target.launch import Part, Phase, Task
from mapsto.transform.branch import Branch
from mapsto.transform.loop import While
from mapsto.transform.scan import Scan

LIGHT = 30_000  # operations and bytes of a phase that one thread does before others have heard of it


class Sequencer:
    """Writes the parts of a program in order.

    `addresses` are those of kernels by name. With `pauses`, long loops return now and then, and are called again to go
    on, so that Python can handle an interrupt.
    """

    def __init__(self, frames: Frames, addresses: Mapping[str, int], pauses: bool = True) -> None:
        self.frames, self.addresses = frames, addresses
        self.has_bodies = len(frames.all) > 1
        self.pause = frames.take(2) if self.has_bodies and pauses else None
        self.called: dict[Frame, tuple[Label, int]] = {}  # where each begins, and the slot for the way back

    def parts(self, frame: Frame) -> Iterator[Part | HostStep]:
        """A plan, level by level."""
        plan, known = frame.plan, Label()
        if plan.kept_phases:
            assert self.frames.anew is not None
            yield Instruction("unless", self.frames.anew, to=known)
        levels = max(plan.levels, default=-1) + 1
        for level in range(max(levels, plan.kept_phases + 1)):  # behind what is kept there may be nothing to do
            if plan.kept_phases and level == plan.kept_phases:
                yield known
            here = [place for place, own in enumerate(plan.levels) if own == level]
            written = [plan.written[place] for place in here if place in plan.written]
            if written:
                yield self.phase(frame, written)
            for place in here:
                step = plan.steps[place]
                if isinstance(step, BodyStep):
                    yield from self.step(frame, step, frame.inner[place])
                elif isinstance(step, HostStep):
                    yield step

    def phase(self, frame: Frame, written: Sequence[Written]) -> Phase:
        tasks = tuple(Task(self.addresses[one.kernel.name], frame.binding(one), one.chunks) for one in written)
        light = sum(task.chunks for task in tasks) == 1 or sum(of_kernel(frame.plan, one) for one in written) < LIGHT
        return Phase(tasks, light)

    def subroutines(self) -> Iterator[Part]:
        """The bodies that were called so far, behind the end of what calls them."""
        done: set[Frame] = set()
        yield Instruction("end")
        while missing := [frame for frame in self.called if frame not in done]:
            for frame in missing:
                label, back = self.called[frame]
                yield label
                yield from self.body(frame)
                yield Instruction("return", back)
                done.add(frame)
        self.called.clear()

    def step(self, outer: Frame, step: BodyStep, bodies: Sequence[Frame]) -> Iterator[Part]:
        primitive = step.node.primitive
        if isinstance(primitive, Scan):
            return ScanLoop(self, outer, step, bodies[0]).parts(primitive)
        if isinstance(primitive, While):
            return WhileLoop(self, outer, step, bodies[1]).parts(primitive, bodies[0])
        if isinstance(primitive, Branch):
            return self.branch(outer, step, bodies)
        assert isinstance(primitive, CALLED)
        return self.call(outer, step, bodies[0])

    def body(self, frame: Frame) -> Iterator[Part]:
        """What a body does, to the end of the run if an index in it is out of range."""
        for part in self.parts(frame):
            assert not isinstance(part, HostStep)  # else there would be no frame of it
            yield part
        for _, number in frame.plan.flags:
            yield Instruction("check", frame.first + number, frame.plan.specs[number].size)

    def branch(self, outer: Frame, step: BodyStep, bodies: Sequence[Frame]) -> Iterator[Part]:
        """The number chooses one of the jumps that follow."""
        number, *given = outer.slots(step.inputs)
        labels, end = [Label() for _ in bodies], Label()
        yield Instruction("choose", number, len(bodies))
        for label in labels:
            yield Instruction("jump", to=label)
        for label, body in zip(labels, bodies, strict=True):
            yield label
            yield from bound(body, given)
            yield from self.handed(outer, step, body, self.body(body))
            yield Instruction("jump", to=end)
        yield end

    def call(self, outer: Frame, step: BodyStep, body: Frame) -> Iterator[Part]:
        if body not in self.called:
            self.called[body] = Label(), self.frames.take()
        label, back = self.called[body]
        yield from bound(body, outer.slots(step.inputs))
        yield from self.handed(outer, step, body, iter([Instruction("call", back, to=label)]))

    def handed(self, outer: Frame, step: BodyStep, body: Frame, parts: Iterator[Part]) -> Iterator[Part]:
        """A body that writes what it makes where the step's outputs are; what it only hands on is copied."""
        graph = body.plan.graph
        made: set[Var] = set(graph.inputs)
        copies: list[Instruction] = []
        for var, slot in zip(graph.outputs, outer.slots(step.outputs), strict=True):
            if var in made:
                copies.append(Instruction("copy", slot, body.slot(var), var.spec.nbytes))
            else:
                made.add(var)
                yield Instruction("move", body.slot(var), slot)
        yield from parts
        yield from copies
