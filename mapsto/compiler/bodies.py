"""Nodes with bodies as steps of a plan: a body is planned as a program is, and has its arena within that plan's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mapsto.compiler.fuse import Fusion, HostStep
from mapsto.core.spec import BOOL, DTYPES, Spec
from mapsto.ir.body import Body
from mapsto.ir.graph import Node
from mapsto.transform.block import Call
from mapsto.transform.branch import Branch
from mapsto.transform.loop import While
from mapsto.transform.own_rule import OwnRule
from mapsto.transform.scan import Scan

if TYPE_CHECKING:
    from mapsto.compiler.pipeline import Plan

NATIVE = (Scan, While, Branch, Call, OwnRule)
CALLED = (Call, OwnRule)


@dataclass(frozen=True, eq=False)
class BodyStep:
    """A node with bodies that runs natively.

    `own` are arrays that only it has: for a carry that is written while its last value is read the other one of two
    buffers, for a condition its truth value. `arena` is the array in which the bodies have theirs, one after the other;
    None for what is called, whose arena all calls share.
    """

    node: Node
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    plans: tuple[Plan, ...]
    own: dict[int, int]  # a carry's number, or CONDITION ↦ array
    arena: int | None

    @property
    def arrays(self) -> tuple[int, ...]:
        """The arrays that live for as long as the step runs, and no longer."""
        return (*self.own.values(), *([] if self.arena is None else [self.arena]))


CONDITION = -1  # among a step's own arrays


def body_step(step: HostStep, fusion: Fusion, plan_of: Callable[[Body, int], Plan]) -> BodyStep | None:
    """A step without a formula ↦ the same natively, if it has bodies and all in them has formulas."""
    primitive = step.node.primitive
    if not isinstance(primitive, NATIVE):
        return None
    bodies = primitive.inner()[:1] if isinstance(primitive, OwnRule) else primitive.inner()
    plans = tuple(plan_of(body, number) for number, body in enumerate(bodies))
    if any(isinstance(one, HostStep) for plan in plans for one in plan.steps):
        return None
    own = {number: fusion.new_array(fusion.specs[step.outputs[number]]) for number in in_turns(step.node)}
    if isinstance(primitive, While):
        own[CONDITION] = fusion.new_array(Spec(BOOL, ()))
    arena = None
    if not isinstance(primitive, CALLED):
        arena = fusion.new_array(Spec(DTYPES["u8"], (max(plan.arena for plan in plans),)))
    return BodyStep(step.node, step.inputs, step.outputs, plans, own, arena)


def in_turns(node: Node) -> list[int]:
    """The numbers of a loop's carries that need two buffers: a turn reads one and writes the other.

    One buffer is enough for a carry that stays as it is, that is handed out as a row, too (the next turn reads it
    there), or that equals another carry.
    """
    primitive = node.primitive
    if not isinstance(primitive, (Scan, While)):
        return []
    body = loop_body(primitive)
    carries = carries_of(primitive)
    elsewhere = set(body.graph.outputs[len(carries) :]) - set(body.graph.inputs)
    found: list[int] = []
    for number, (before, after) in enumerate(zip(carries, body.graph.outputs, strict=False)):
        if after is before or after in elsewhere:
            continue
        if after not in body.graph.inputs:
            elsewhere.add(after)
        found.append(number)
    return found


def loop_body(primitive: Scan | While) -> Body:
    return primitive.inner()[-1]


def carries_of(primitive: Scan | While) -> Sequence[object]:
    """The inputs of a loop's body that are its carries."""
    inputs = loop_body(primitive).graph.inputs
    if isinstance(primitive, Scan):
        return primitive.parts(inputs)[1]
    return inputs[primitive.constants :]
