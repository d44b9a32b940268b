"""Graph ↦ plan: kernels in phases, and where every array lies."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from mapsto.compiler.alike import Kernels
from mapsto.compiler.bodies import BodyStep, body_step
from mapsto.compiler.fuse import Flag, Fusion, HostStep
from mapsto.compiler.grouping import Grouping
from mapsto.compiler.groups import Group, Step
from mapsto.compiler.in_blocks import BlocksWriter
from mapsto.compiler.kernels import KernelWriter, Written
from mapsto.compiler.memory import Life, arranged
from mapsto.compiler.rewrites import rewritten
from mapsto.core.spec import Spec
from mapsto.ir.body import Body
from mapsto.ir.graph import Graph, Var
from mapsto.target.host import Host, host

LARGER = 2  # times as many bytes as its parameters have, at most, is what is kept of them


@dataclass(frozen=True, eq=False)
class Plan:
    """What a program, or the body of a loop, is made of, for those who run it and those who look at it."""

    graph: Graph
    fusion: Fusion
    steps: tuple[Step, ...]
    levels: tuple[int, ...]
    written: dict[int, Written]
    offsets: dict[int, int]
    arena: int
    flags: tuple[tuple[Flag, int], ...]
    sizes: tuple[int, ...]
    prefix: str  # of the names of its kernels
    kept_phases: int  # the first so many make what is there still in the next run with the same parameters

    @property
    def specs(self) -> list[Spec]:
        return self.fusion.specs

    def binding(self, written: Written) -> tuple[int, ...]:
        """The slots of a kernel's parameters: array number n has slot n, and run-time integers come last."""
        first = len(self.specs)
        return (
            *written.arrays,
            *(first + self.sizes.index(size) for size in written.sizes),
        )

    @property
    def slots(self) -> int:
        """How many slots there are: the arrays, then the integers."""
        return len(self.specs) + len(self.sizes)


def planned(graph: Graph, machine: Host | None = None, parameters: Collection[Var] = ()) -> Plan:
    """Graph ↦ groups, kernels for a machine, this one if none is named, and where every array lies.

    `parameters` are inputs that are the same in many calls: what follows from them alone comes first, and lasts.
    """
    return Planner(machine or host()).plan(graph, "k", parameters)


class Planner:
    """Plans a graph and the bodies in it. A body that is there several times is planned once."""

    def __init__(self, machine: Host) -> None:
        self.machine = machine
        self.bodies: dict[Body, Plan] = {}
        self.kernels = Kernels()

    def plan(self, graph: Graph, prefix: str, parameters: Collection[Var] = ()) -> Plan:
        """A graph ↦ its plan; names of kernels begin with the prefix."""
        graph = rewritten(graph, parameters)
        fusion = Fusion(graph)
        grouping = Grouping(fusion)
        steps = tuple(self.with_bodies(step, fusion, f"{prefix}{n}") for n, step in enumerate(grouping.steps))
        makers = {number: place for place, step in enumerate(steps) for number in written_by(step)}
        readers: dict[int, set[int]] = {}
        for place, step in enumerate(steps):
            for number in read_by(step):
                readers.setdefault(number, set()).add(place)
        results = {*(fusion.numbers[var] for var in graph.outputs), *(number for _, number in grouping.flags)}
        lasting = {
            number
            for number, place in makers.items()
            if number in results or readers.get(number, set()) - {place} or isinstance(steps[place], BodyStep)
        }
        first = of_parameters(steps, {fusion.numbers[var] for var in parameters}, results, fusion.specs)
        levels = levels_of(steps, makers, first)

        def write(name: str, group: Group) -> Written:
            return writer_of(group)(name, group, fusion.specs, lasting, self.machine).write()

        written = {
            place: self.kernels.of(f"{prefix}{place}", step, fusion.specs, lasting, write)
            for place, step in enumerate(steps)
            if isinstance(step, Group)
        }
        lives = [
            *lives_of(lasting - results - host_made(steps), fusion.specs, levels, makers, readers, first),
            *lives_within(steps, fusion.specs, levels),
        ]
        offsets, arena = arranged(lives)
        sizes = tuple(dict.fromkeys(size for one in written.values() for size in one.sizes))
        flags, kept = tuple(grouping.flags), 1 + max((levels[place] for place in first), default=-1)
        return Plan(graph, fusion, steps, levels, written, dict(offsets), arena, flags, sizes, prefix, kept)

    def with_bodies(self, step: Step, fusion: Fusion, name: str) -> Step:
        """A step; one that has bodies, with their plans, if they need no host."""
        if not isinstance(step, HostStep):
            return step
        return body_step(step, fusion, partial(self.plan_of, name)) or step

    def plan_of(self, name: str, body: Body, number: int) -> Plan:
        """The plan of a body, by its number among those of its step."""
        if body not in self.bodies:
            self.bodies[body] = self.plan(body.graph, f"{name}{f'b{number}' if number else ''}_")
        return self.bodies[body]


def of_parameters(steps: Sequence[Step], parameters: set[int], results: set[int], specs: Sequence[Spec]) -> set[int]:
    """The places of kernels that read nothing but parameters, and make of them something of about their size.

    What is much larger, or is made of what was made, would keep much memory, and comes of data that were passed like
    parameters.
    """
    if not all(isinstance(step, Group) for step in steps):  # loops and the host's steps change memory in ways of theirs
        return set()

    def is_kept(step: Step) -> bool:
        reads, writes = set(read_by(step)), written_by(step)
        small = sum(specs[number].nbytes for number in writes) <= LARGER * sum(specs[number].nbytes for number in reads)
        return bool(reads) and small and parameters.issuperset(reads) and results.isdisjoint(writes)

    return {place for place, step in enumerate(steps) if is_kept(step)}


def levels_of(steps: Sequence[Step], makers: Mapping[int, int], first: Collection[int] = ()) -> tuple[int, ...]:
    """When each step is done: after all whose results it reads, and all others after those that come first."""
    levels: dict[int, int] = {}
    for place in sorted(range(len(steps)), key=lambda place: place not in first):
        before = [levels[makers[number]] for number in read_by(steps[place]) if makers.get(number, place) in levels]
        if place not in first:
            before += [levels[one] for one in first]
        levels[place] = max(before, default=-1) + 1
    return tuple(levels[place] for place in range(len(steps)))


def lives_of(
    arrays: set[int],
    specs: Sequence[Spec],
    levels: Sequence[int],
    makers: Mapping[int, int],
    readers: Mapping[int, set[int]],
    first: Collection[int],
) -> list[Life]:
    """The lives of arrays that steps leave for others; what those make that come first is never overwritten."""
    lives: list[Life] = []
    for number in sorted(arrays):
        made = levels[makers[number]]
        last = max((levels[place] for place in readers.get(number, ())), default=made)
        always = makers[number] in first
        lives.append(Life(number, specs[number].nbytes, 0 if always else made, max(levels) if always else last))
    return lives


def lives_within(steps: Sequence[Step], specs: Sequence[Spec], levels: Sequence[int]) -> list[Life]:
    """The lives of arrays that steps with bodies have for themselves."""
    return [
        Life(number, specs[number].nbytes, level, level)
        for step, level in zip(steps, levels, strict=True)
        if isinstance(step, BodyStep)
        for number in step.arrays
    ]


def writer_of(group: Group) -> type[KernelWriter]:
    return KernelWriter if group.blocks is None else BlocksWriter


def written_by(step: Step) -> list[int]:
    if not isinstance(step, Group):
        return list(step.outputs)
    return [member.stage.array if member.slots is None else member.slots for member in step.members]


def read_by(step: Step) -> list[int]:
    if not isinstance(step, Group):
        return list(step.inputs)
    own = set(written_by(step))
    return list(dict.fromkeys(n for member in step.members for n in member.stage.reads() if n not in own))


def host_made(steps: Sequence[Step]) -> set[int]:
    return {number for step in steps if isinstance(step, HostStep) for number in step.outputs}
