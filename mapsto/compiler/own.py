"""Node ↦ the formula of its element in terms of its inputs' elements, every number with its type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mapsto.compiler.kinds import Kinds
from mapsto.compiler.terms import loads, rebuilt
from mapsto.core.spec import DTYPES, SHORT_NAMES, Spec
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, Run
from mapsto.ir.graph import Node

NOTHING = Literal(0, "")  # the formula of an array that has no elements


def own_formula(node: Node) -> Formula | None:
    """The formula of a node's element; None where the reference has to do it."""
    if all(var.spec.size == 0 for var in node.outputs):
        return NOTHING
    return None if len(node.outputs) != 1 else typed_formula(node)[1]


@dataclass(frozen=True, eq=False)
class Running:
    """The run of a node over indices of its own, with the types of its numbers."""

    axes: tuple[Index, ...]
    run: Run

    def jumps(self) -> bool:
        """Whether it reads where a number tells."""
        return any(loads(*load.index) for load in loads(self.run.step))


def typed_run(node: Node) -> Running | None:
    inputs, shape = [x.spec for x in node.inputs], node.outputs[0].spec.shape
    axes = tuple(map(Index, shape))
    run = node.primitive.run(axes, inputs)
    if run is None:
        return None
    kinds = Kinds([*inputs, Spec(DTYPES[run.dtype], shape)])
    return Running(axes, replace(run, step=kinds.typed(run.step, run.dtype)))


def is_own(formula: Formula, node: Node) -> bool:
    """Whether an output is what a run makes, as it is."""
    return isinstance(formula, Load) and formula.input == len(node.inputs)


def typed_formula(node: Node) -> tuple[tuple[Index, ...], Formula | None]:
    """The formula of a node's element at an index, with the types of its numbers."""
    inputs, made = [x.spec for x in node.inputs], node.outputs[0].spec
    axes = tuple(map(Index, made.shape))
    found = node.primitive.at(axes, inputs)
    found = None if found is None else Kinds(inputs).typed(found, SHORT_NAMES[made.dtype])
    return axes, found if found is None or all(spec.size for spec in inputs) else without_empty(found, inputs)


def without_empty(formula: Formula, inputs: Sequence[Spec]) -> Formula | None:
    """A formula that has no folds without terms, and reads nothing from arrays without elements; None if it must."""

    def change(term: Formula) -> Formula | None:
        if isinstance(term, Reduce) and term.index.extent == 0:
            return without_empty(term.start, inputs)
        if isinstance(term, Load) and inputs[term.input].size == 0 and term.fill is not None:
            return without_empty(term.fill, inputs)
        return None

    found = rebuilt(formula, change)
    return None if any(inputs[load.input].size == 0 for load in loads(found)) else found
