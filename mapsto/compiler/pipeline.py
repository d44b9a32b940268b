"""Graph ↦ plan: kernels in phases, and where every array lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mapsto.compiler.fuse import Flag, Fusion, HostStep
from mapsto.compiler.grouping import Grouping
from mapsto.compiler.groups import Group, Step
from mapsto.compiler.in_blocks import BlocksWriter
from mapsto.compiler.kernels import KernelWriter, Written
from mapsto.compiler.memory import Life, arranged
from mapsto.core.spec import Spec
from mapsto.ir.graph import Graph
from mapsto.target.host import Host, host


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
    sizes: tuple[int, ...]

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


def planned(graph: Graph, machine: Host | None = None) -> Plan:
    """Graph ↦ groups, kernels for a machine, this one if none is named, and where every array lies."""
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
    lasting = {number for number, place in makers.items() if number in results or readers.get(number, set()) - {place}}
    levels: list[int] = []
    for step in steps:
        before = [
            levels[makers[number]] for number in read_by(step) if number in makers and makers[number] < len(levels)
        ]
        levels.append(max(before, default=-1) + 1)
    machine = machine or host()
    written = {
        place: writer_of(step)(f"k{place}", step, fusion.specs, lasting, machine).write()
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
    sizes = tuple(dict.fromkeys(size for one in written.values() for size in one.sizes))
    return Plan(graph, fusion, steps, tuple(levels), written, dict(offsets), arena, tuple(grouping.flags), sizes)


def writer_of(group: Group) -> type[KernelWriter]:
    return KernelWriter if group.blocks is None else BlocksWriter


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
