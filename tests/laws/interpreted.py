"""A compiled graph run by the interpreter of the loops, which refuses every access outside of a buffer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.compiler.bodies import BodyStep
from mapsto.compiler.fuse import HostStep
from mapsto.compiler.kernels import Written
from mapsto.compiler.pipeline import Plan, planned
from mapsto.ir import loops_run
from mapsto.ir.body import Body
from mapsto.ir.graph import Graph
from mapsto.ir.loops_check import check_kernel
from mapsto.ir.primitive import outputs_of
from mapsto.transform.block import Call
from mapsto.transform.branch import Branch
from mapsto.transform.loop import While
from mapsto.transform.scan import Scan
from tests.laws.samples import Array

Flat = dict[int, Array]


def run_interpreted(graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    """The graph's inputs ↦ its outputs; every kernel is checked first, and what nobody wrote is NaN or -1."""
    return run_plan(planned(graph), inputs)


class Interpreted(Body):
    """A body that is run by the interpreter of the loops."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.graph)
        self.plan = plan

    def __call__(self, *values: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
        return [array.copy() for array in run_plan(self.plan, values)]


def run_bodies(step: BodyStep, given: Sequence[Array]) -> tuple[Array, ...]:
    """What a node with bodies makes of its inputs."""
    bodies: list[Body] = [Interpreted(plan) for plan in step.plans]
    match step.node.primitive:
        case Branch():
            primitive = Branch(tuple(bodies))
        case While() as loop:
            primitive = While(bodies[0], bodies[1], loop.constants)
        case Scan() as scan:
            primitive = Scan(bodies[0], scan.length, scan.constants, scan.carries, scan.reverse)
        case _:
            primitive = Call(bodies[0], False)
    return outputs_of(primitive, given)


def run_plan(plan: Plan, inputs: Sequence[Array]) -> list[Array]:
    graph = plan.graph
    flat: Flat = {
        plan.fusion.numbers[var]: np.ascontiguousarray(array).reshape(-1)
        for var, array in zip(graph.inputs, inputs, strict=True)
    }
    flat.update((number, np.zeros(0, spec.dtype)) for number, spec in enumerate(plan.specs) if not spec.size)
    order = sorted(range(len(plan.steps)), key=lambda place: plan.levels[place])
    for place in order:
        step = plan.steps[place]
        if isinstance(step, (HostStep, BodyStep)):
            given = [flat[number].reshape(plan.specs[number].shape) for number in step.inputs]
            made = outputs_of(step.node.primitive, given) if isinstance(step, HostStep) else run_bodies(step, given)
            flat.update((number, array.reshape(-1)) for number, array in zip(step.outputs, made, strict=True))
        else:
            run_kernel(plan, plan.written[place], flat)
    return [flat[plan.fusion.numbers[var]].reshape(var.spec.shape) for var in graph.outputs]


def run_kernel(plan: Plan, written: Written, flat: Flat) -> None:
    check_kernel(written.kernel)
    buffers = [buffer for buffer in written.kernel.buffers if buffer.role != "scratch"]
    for number in written.arrays:
        spec = plan.specs[number]
        if number not in flat:
            flat[number] = np.full(spec.nbytes, loops_run.GARBAGE, np.uint8).view(spec.dtype)
    arrays = {buffer.name: flat[number] for buffer, number in zip(buffers, written.arrays, strict=True)}
    for chunk in range(written.chunks):
        loops_run.run(written.kernel, arrays, written.sizes, chunk)
