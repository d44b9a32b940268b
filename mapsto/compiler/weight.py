"""How much a kernel, a turn, a plan has to do: operations and bytes, which is about what each takes in time."""

from __future__ import annotations

from math import inf

from mapsto.compiler.bodies import BodyStep
from mapsto.compiler.kernels import Written
from mapsto.compiler.pipeline import Plan
from mapsto.transform.branch import Branch
from mapsto.transform.loop import While
from mapsto.transform.scan import Scan

TURN = 1_000  # what a turn costs beside its kernels


def of_kernel(plan: Plan, written: Written) -> int:
    """Operations and bytes of a kernel."""
    flops = sum(node.flops for member in written.group.members for node in member.stage.members)
    return flops + sum(plan.specs[number].nbytes for number in written.arrays)


def of_turn(plan: Plan) -> int:
    """A body once, without the turns of the loops in it."""
    found = TURN + sum(of_kernel(plan, written) for written in plan.written.values())
    for step in plan.steps:
        if isinstance(step, BodyStep) and not isinstance(step.node.primitive, (Scan, While)):
            found += max(map(of_turn, step.plans))
    return found


def of_plan(plan: Plan) -> float:
    """All of a plan; infinite where nobody knows how many turns there will be."""
    return sum(of_kernel(plan, written) for written in plan.written.values()) + sum(
        of_step(step) for step in plan.steps if isinstance(step, BodyStep)
    )


def of_step(step: BodyStep) -> float:
    """All turns of a loop; of several bodies, that which does the most."""
    primitive = step.node.primitive
    if isinstance(primitive, While):
        return inf
    if isinstance(primitive, Scan):
        return primitive.length * (TURN + of_plan(step.plans[0]))
    assert isinstance(primitive, Branch) or len(step.plans) == 1
    return max(map(of_plan, step.plans))
