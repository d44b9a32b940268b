"""The steps of a plan in the order in which they are done, those of bodies beneath the step that they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mapsto.compiler.bodies import BodyStep
from mapsto.compiler.groups import Step
from mapsto.compiler.kernels import Written
from mapsto.compiler.pipeline import Plan
from mapsto.transform.scan import Scan


@dataclass(frozen=True, eq=False)
class Entry:
    """A step by its place in a plan, that of the program or of a body.

    `number` is that of its kernel's name, 3 of k3 and "3_0" of k3_0; `phase` that of the program, with that of the body
    behind it; `times` says how often a run does it, as far as that is known.
    """

    plan: Plan
    place: int
    number: int | str
    phase: int | str
    times: int

    @property
    def step(self) -> Step:
        return self.plan.steps[self.place]

    @property
    def written(self) -> Written | None:
        """Its kernel, if it has one."""
        return self.plan.written.get(self.place)


def entries_of(plan: Plan) -> list[Entry]:
    """A plan ↦ its entries; what is called from several places stands where it is called first."""
    times: dict[Plan, int] = {}
    count(plan, 1, times)
    return list(listed(plan, "", times, set()))


def count(plan: Plan, turns: int, times: dict[Plan, int]) -> None:
    """Add up how often each plan is run."""
    times[plan] = times.get(plan, 0) + turns
    for step in plan.steps:
        if isinstance(step, BodyStep):
            primitive = step.node.primitive
            for body in step.plans:
                count(body, turns * primitive.length if isinstance(primitive, Scan) else turns, times)


def listed(plan: Plan, before: str, times: dict[Plan, int], told: set[Plan]) -> Iterator[Entry]:
    """The entries of a plan, in a phase of another one."""
    told.add(plan)
    for place in sorted(range(len(plan.steps)), key=lambda place: (plan.levels[place], place)):
        level, name = plan.levels[place], f"{plan.prefix}{place}"[1:]
        phase = f"{before}{level}"
        yield Entry(plan, place, name if before else place, phase if before else level, times[plan])
        step = plan.steps[place]
        for body in step.plans if isinstance(step, BodyStep) else ():
            if body not in told:
                yield from listed(body, f"{phase}.", times, told)


def kernels_of(plan: Plan) -> dict[int | str, Entry]:
    """The kernels of a program by number, then those of its bodies."""
    entries = [entry for entry in entries_of(plan) if entry.written is not None]
    plans = list(dict.fromkeys(entry.plan for entry in entries))
    entries.sort(key=lambda entry: (plans.index(entry.plan), entry.place))
    return {entry.number: entry for entry in entries}
