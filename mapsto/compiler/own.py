"""Node ↦ the formula of its element in terms of its inputs' elements, every number with its type."""

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


def own_formula(node: Node) -> Formula | None:
    """The formula of a node's element; None where the reference has to do it."""
    if all(var.spec.size == 0 for var in node.outputs):
        return NOTHING
    return None if len(node.outputs) != 1 else known_formula(*described(node))[1]


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
    """The formula of a node's element at an index, with the types of its numbers.

    Folds have indices of their own every time, since one may come to stand within another.
    """
    axes, found = known_formula(*described(node))
    return (axes, found) if found is None or not folds(found) else made_formula(*described(node))


def described(node: Node) -> tuple[Primitive, tuple[Spec, ...], Spec]:
    return node.primitive, tuple([x.spec for x in node.inputs]), node.outputs[0].spec


def made_formula(
    primitive: Primitive, inputs: tuple[Spec, ...], made: Spec
) -> tuple[tuple[Index, ...], Formula | None]:
    """The formula of a primitive's element at an index."""
    axes = tuple(map(Index, made.shape))
    found = primitive.at(axes, inputs)
    found = None if found is None else Kinds(inputs).typed(found, SHORT_NAMES[made.dtype])
    return axes, found if found is None or all(spec.size for spec in inputs) else without_empty(found, inputs)


known_formula = lru_cache(2**12)(made_formula)  # most nodes are like one before: updates of parameters, above all


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
