"""Graph ↦ a program that runs natively: kernels in phases, memory, and what the host does between them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.compiler.fuse import Flag, HostStep
from mapsto.compiler.kernels import Written
from mapsto.compiler.pipeline import Plan, host_made, planned
from mapsto.core.spec import Spec
from mapsto.ir.graph import Graph
from mapsto.ir.primitive import outputs_of
from mapsto.target.launch import Launch, Phase, Task
from mapsto.target.llvm import distinct, module_text
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
        functions = distinct(kernels)
        made = [kernel for kernel in kernels if functions[kernel.name] == kernel.name]
        addresses = load(module_text(made), [kernel.name for kernel in made]) if made else {}
        self.parts = list(self.sequence({name: addresses[function] for name, function in functions.items()}))
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
                    tasks.append(Task(addresses[written.kernel.name], plan.binding(written), written.chunks))
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
        self.slots = np.zeros(plan.slots, np.int64)
        self.slots[1 + len(plan.specs) :] = plan.sizes
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
