"""What a plan costs: operations and traffic with memory, kernel by kernel, and the memory of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from mapsto.compiler.frames import Frames
from mapsto.compiler.groups import Group, Step
from mapsto.compiler.kernels import Written
from mapsto.compiler.pipeline import Plan
from mapsto.compiler.terms import loads, parts
from mapsto.ir.formula import Index
from mapsto.ir.graph import Node


@dataclass(frozen=True)
class Cost:
    """Operations on floats; bytes that come from memory and go there, each counted once; work space of a thread.

    What a kernel reads again while it is in the cache, or keeps in its work space, is no traffic.
    """

    flops: int
    read: int
    written: int
    scratch: int


@dataclass(frozen=True)
class Memory:
    """The bytes of a run: what is given, what is returned, what lives only within it, and one thread's work space."""

    inputs: int
    results: int
    arena: int
    scratch: int

    @property
    def peak(self) -> int:
        """All of it, with one thread at work."""
        return self.inputs + self.results + self.arena + self.scratch


def cost_of(plan: Plan, written: Written) -> Cost:
    """A kernel of a plan ↦ its cost."""
    loaded: dict[int, int] = {}
    for member in written.group.members:
        for load in loads(member.stage.formula):
            places = prod(part.extent for part in parts(*load.index) if isinstance(part, Index))
            loaded[load.input] = loaded.get(load.input, 0) + places * plan.specs[load.input].dtype.itemsize
    bound = dict.fromkeys(parameter.name for parameter in written.kernel.buffers if parameter.role == "out")
    made = [number for number in written.arrays if f"a{number}" in bound]
    given = [number for number in written.arrays if f"a{number}" not in bound]
    read = sum(min(plan.specs[number].nbytes, loaded.get(number, 0)) for number in given)
    return Cost(
        flops_of(node for member in written.group.members for node in member.stage.members),
        read,
        sum(plan.specs[number].nbytes for number in made),
        written.scratch,
    )


def flops_of(nodes: Iterable[Node]) -> int:
    """Operations on floats of some nodes."""
    return sum(node.flops for node in nodes)


def memory_of(plan: Plan) -> Memory:
    """A plan ↦ the memory of a run."""
    numbers = plan.fusion.numbers
    given = {numbers[var] for var in plan.graph.inputs}
    results = {numbers[var] for var in plan.graph.outputs} - given
    frames = Frames(plan)
    inputs, made = (sum(plan.specs[number].nbytes for number in side) for side in (given, results))
    return Memory(inputs, made, frames.arena, frames.scratch)


def nodes_in(plan: Plan, step: Step) -> list[Node]:
    """The nodes that a step took in, in the order of the graph; what several stages compute again counts once."""
    if not isinstance(step, Group):
        return [step.node]
    members = {node for member in step.members for node in member.stage.members}
    return [node for node in plan.graph.nodes if node in members]
