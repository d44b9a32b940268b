"""Node ↦ the formula of one element of its output, in terms of its inputs' elements, every number with its type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from mapsto.compiler.kinds import Kinds
from mapsto.compiler.terms import folds, loads, rebuilt
from mapsto.core.spec import DTYPES, SHORT_NAMES, Spec
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, Run
from mapsto.ir.graph import Node
from mapsto.ir.primitive import Primitive

NOTHING = Literal(0, "")  # the formula of an array that has no elements


def element_formula(node: Node) -> Formula | None:
    """The formula of one element of a node's output; None where the reference has to do it."""
    if all(var.spec.size == 0 for var in node.outputs):
        return NOTHING
    return None if len(node.outputs) != 1 else cached_formula(*form_of_node(node))[1]


@dataclass(frozen=True, eq=False)
class TypedRun:
    """The run of a node over indices of its own, with the types of its numbers."""

    axes: tuple[Index, ...]
    run: Run

    def jumps(self) -> bool:
        """Whether it reads at places that other numbers, not loop indices alone, name."""
        return any(loads(*load.index) for load in loads(self.run.step))


def typed_run(node: Node) -> TypedRun | None:
    """The run of a node, if its elements are made one from another along an axis."""
    inputs, shape = [x.spec for x in node.inputs], node.outputs[0].spec.shape
    axes = tuple(map(Index, shape))
    run = node.primitive.run(axes, inputs)
    if run is None:
        return None
    kinds = Kinds([*inputs, Spec(DTYPES[run.dtype], shape)])
    return TypedRun(axes, replace(run, step=kinds.typed(run.step, run.dtype)))


def is_run_output(formula: Formula, node: Node) -> bool:
    """Whether the formula of an output is just the element that the run makes."""
    return isinstance(formula, Load) and formula.input == len(node.inputs)


def fresh_formula(node: Node) -> tuple[tuple[Index, ...], Formula | None]:
    """The indices of a node's output, and the formula of its element there.

    A formula with folds is made anew every time: one may come to stand within another, which needs other indices.
    """
    axes, found = cached_formula(*form_of_node(node))
    return (axes, found) if found is None or not folds(found) else typed_formula(*form_of_node(node))


def form_of_node(node: Node) -> tuple[Primitive, tuple[Spec, ...], Spec]:
    return node.primitive, tuple([x.spec for x in node.inputs]), node.outputs[0].spec


def typed_formula(
    primitive: Primitive, inputs: tuple[Spec, ...], made: Spec
) -> tuple[tuple[Index, ...], Formula | None]:
    """The formula of a primitive's element at an index."""
    axes = tuple(map(Index, made.shape))
    found = primitive.at(axes, inputs)
    found = None if found is None else Kinds(inputs).typed(found, SHORT_NAMES[made.dtype])
    return axes, found if found is None or all(spec.size for spec in inputs) else without_empty(found, inputs)


cached_formula = lru_cache(2**12)(typed_formula)  # most nodes are like one before: updates of parameters, above all


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
