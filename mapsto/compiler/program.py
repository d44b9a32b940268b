"""Graph ↦ a program that runs natively: kernels in phases, memory, and what the host does between them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mapsto.compiler.fuse import Flag, Fusion, HostStep
from mapsto.compiler.groups import Group, Grouping, Step
from mapsto.compiler.kernels import KernelWriter, Written
from mapsto.compiler.memory import Life, arranged
from mapsto.core.spec import Spec
from mapsto.ir.graph import Graph
from mapsto.ir.primitive import outputs_of
from mapsto.target.host import host
from mapsto.target.launch import Launch, Phase, Task
from mapsto.target.llvm import module_text
from mapsto.target.native import load

Numbers = np.ndarray[Any, Any]
SMALL = 2_000_000  # operations and bytes that one thread has done before another is awake
ALIGNED = 64
STATUS = 0  # the slot of the status word; array number n has slot n + 1


def aligned(spec: Spec) -> Numbers:
    """An array without values, at a multiple of 64 bytes."""
    memory = np.empty(spec.nbytes + ALIGNED, np.uint8)
    start = -memory.ctypes.data % ALIGNED
    return memory[start : start + spec.nbytes].view(spec.dtype).reshape(spec.shape)


@dataclass(frozen=True, eq=False)
class Plan:
    """What a program is made of, for those who run it and those who look at it."""

    graph: Graph
    fusion: Fusion
    steps: tuple[Step, ...]
    levels: tuple[int, ...]
    written: dict[int, Written]
    offsets: dict[int, int]
    arena: int
    flags: tuple[tuple[Flag, int], ...]

    @property
    def specs(self) -> list[Spec]:
        return self.fusion.specs


def planned(graph: Graph) -> Plan:
    """Graph ↦ groups, kernels, and where every array lies."""
    fusion = Fusion(graph)
    grouping = Grouping(fusion)
    steps = tuple(grouping.steps)
    makers = {number: place for place, step in enumerate(steps) for number in written_by(step)}
    readers: dict[int, set[int]] = {}
    for place, step in enumerate(steps):
        for number in read_by(step):
            readers.setdefault(number, set()).add(place)
    flags = {number for _, number in grouping.flags}
    results = {*(fusion.numbers[var] for var in graph.outputs), *flags}
    lasting = {
        number for number, place in makers.items() if number in results or readers.get(number, set()) - {place}
    }
    levels: list[int] = []
    for step in steps:
        before = [levels[makers[number]] for number in read_by(step) if number in makers and makers[number] < len(levels)]
        levels.append(max(before, default=-1) + 1)
    machine = host()
    written = {
        place: KernelWriter(f"k{place}", step, fusion.specs, lasting, machine).write()
        for place, step in enumerate(steps)
        if isinstance(step, Group)
    }
    inner = [number for number in lasting if number not in results and number not in host_made(steps)]
    lives = [
        Life(
            number,
            fusion.specs[number].nbytes,
            levels[makers[number]],
            max((levels[place] for place in readers.get(number, ())), default=levels[makers[number]]),
        )
        for number in sorted(inner)
    ]
    offsets, arena = arranged(lives)
    return Plan(graph, fusion, steps, tuple(levels), written, dict(offsets), arena, tuple(grouping.flags))


def written_by(step: Step) -> list[int]:
    if isinstance(step, HostStep):
        return list(step.outputs)
    return [member.stage.array if member.slots is None else member.slots for member in step.members]


def read_by(step: Step) -> list[int]:
    if isinstance(step, HostStep):
        return list(step.inputs)
    own = set(written_by(step))
    return list(dict.fromkeys(n for member in step.members for n in member.stage.reads() if n not in own))


def host_made(steps: Sequence[Step]) -> set[int]:
    return {number for step in steps if isinstance(step, HostStep) for number in step.outputs}


class Refused(Exception):
    """A run whose results do not count. Nothing that was given is changed."""

    def __init__(self, flag: Flag) -> None:
        super().__init__(flag.name)
        self.flag = flag


class Native:
    """A graph, compiled: arrays ↦ arrays. Several Python threads may run it at once."""

    def __init__(self, graph: Graph) -> None:
        self.plan = plan = planned(graph)
        self.specs = plan.specs
        self.inputs = [plan.fusion.numbers[var] for var in graph.inputs]
        self.results = [plan.fusion.numbers[var] for var in graph.outputs]
        self.made = [number for number in dict.fromkeys(self.results) if number not in set(self.inputs)]
        self.host_made = host_made(plan.steps)
        kernels = [written.kernel for written in plan.written.values()]
        names = [kernel.name for kernel in kernels]
        addresses = load(module_text(kernels), names) if kernels else {}
        self.parts = list(self.sequence(addresses))
        self.idle: list[Context] = []
        self.lock = threading.Lock()

    def sequence(self, addresses: dict[str, int]) -> list[Launch | HostStep]:
        """Launches and host steps in order; what does not wait for the host is one launch."""
        plan = self.plan
        scratch = max((written.scratch for written in plan.written.values()), default=0)
        parts: list[Launch | HostStep] = []
        phases: list[Phase] = []
        cost = 0

        def close() -> None:
            if phases:
                parts.append(Launch(phases.copy(), scratch, cost < SMALL))
                phases.clear()

        for level in range(max(plan.levels, default=-1) + 1):
            here = [place for place, own in enumerate(plan.levels) if own == level]
            tasks: list[Task] = []
            for place in here:
                written = plan.written.get(place)
                if written is not None:
                    binding = tuple(number + 1 for number in written.arrays)
                    tasks.append(Task(addresses[written.kernel.name], binding, written.chunks))
                    cost += self.cost(written)
            if tasks:
                phases.append(Phase(tuple(tasks)))
            steps = [step for place in here if isinstance(step := plan.steps[place], HostStep)]
            if steps:
                close()
                parts.extend(steps)
        close()
        return parts

    def cost(self, written: Written) -> int:
        """Operations and bytes of a kernel."""
        nodes = [node for member in written.group.members for node in member.stage.members]
        flops = sum(
            node.primitive.flops([x.spec for x in node.inputs], [y.spec for y in node.outputs]) for node in nodes
        )
        return flops + sum(self.specs[number].nbytes for number in written.arrays)

    def run(self, inputs: Sequence[Numbers]) -> list[Numbers]:
        """The graph's inputs ↦ its results."""
        with self.lock:
            context = self.idle.pop() if self.idle else Context(self.plan)
        values: dict[int, Numbers] = {}
        slots = context.slots
        for number, value in zip(self.inputs, inputs, strict=True):
            values[number] = value = np.ascontiguousarray(value).reshape(value.shape)
            slots[number + 1] = value.ctypes.data
        for number in self.made:
            if number not in self.host_made:
                values[number] = made = aligned(self.specs[number])
                slots[number + 1] = made.ctypes.data
        for part in self.parts:
            if isinstance(part, Launch):
                part.run(slots)
            else:
                self.on_host(part, values, context)
        failed = None if context.flags.all() else context.failed()
        with self.lock:
            self.idle.append(context)
        if failed is not None:
            raise Refused(failed)
        return [values[number] for number in self.results]

    def on_host(self, step: HostStep, values: dict[int, Numbers], context: Context) -> None:
        """Let the reference evaluate a node."""
        given = [values[number] if number in values else context.view(number) for number in step.inputs]
        for number, made in zip(step.outputs, outputs_of(step.node.primitive, given), strict=True):
            values[number] = made = np.ascontiguousarray(made).reshape(made.shape)
            context.slots[number + 1] = made.ctypes.data


class Context:
    """The memory of one run at a time: the slots and the arena."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.slots = np.zeros(len(plan.specs) + 1, np.int64)
        self.status = np.zeros(1, np.int64)
        self.arena = np.zeros(plan.arena + ALIGNED, np.uint8)
        self.start = -self.arena.ctypes.data % ALIGNED
        self.slots[STATUS] = self.status.ctypes.data
        self.flags = np.ones(sum(plan.specs[number].size for _, number in plan.flags), np.bool_)
        place = self.flags.ctypes.data
        for _, number in plan.flags:
            self.slots[number + 1] = place
            place += plan.specs[number].size
        for number, offset in plan.offsets.items():
            self.slots[number + 1] = self.arena.ctypes.data + self.start + offset

    def failed(self) -> Flag:
        """The first flag that is down."""
        place = 0
        for flag, number in self.plan.flags:
            size = self.plan.specs[number].size
            if not self.flags[place : place + size].all():
                return flag
            place += size
        raise ValueError("no flag is down")

    def view(self, number: int) -> Numbers:
        """An array in the arena."""
        spec = self.plan.specs[number]
        first = self.start + self.plan.offsets[number]
        return self.arena[first : first + spec.nbytes].view(spec.dtype).reshape(spec.shape)
