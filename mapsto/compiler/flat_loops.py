"""Stages as one loop over all their elements."""

from __future__ import annotations

from collections.abc import Sequence

from mapsto.compiler.conditions import phases
from mapsto.compiler.fuse import Stage
from mapsto.compiler.nests import Nest, nests_of, without_units
from mapsto.compiler.numbering import MadeOnce, Numbering
from mapsto.compiler.terms import renamed
from mapsto.core.spec import Spec
from mapsto.ir.formula import Formula, Index


class FlatLoops:
    """The flat loops of stages; for stages that differ in names alone the loop is found once."""

    def __init__(self, specs: Sequence[Spec]) -> None:
        self.specs = specs
        self.nests = MadeOnce[Nest | None]()

    def of(self, stage: Stage) -> tuple[Index | None, Formula] | None:
        """A stage ↦ the loop's index, None for a single element, and the formula over it; None if there is none."""
        arrays = tuple(sorted({stage.array, *stage.reads()}))
        numbering = Numbering(arrays)
        numbers = numbering.numbers(stage.domain), numbering.number(stage.formula)
        key = (numbers, tuple(numbering.lines), numbering.shapes(self.specs))
        nest, names = self.nests.get(key, arrays, lambda: flat_nest(stage, self.specs))
        if nest is None:
            return None
        formula = nest.formulas[0]
        if any(old != new for old, new in names.items()):
            formula = renamed(formula, names)
        return nest.axes[0] if nest.axes else None, formula


def flat_nest(stage: Stage, specs: Sequence[Spec]) -> Nest | None:
    """A stage as one loop over all its elements, if it is one."""
    nest = without_units(Nest((stage.array,), stage.domain, stage.domain, (stage.formula,)))
    if phases(nest.formulas, nest.axes):  # it is several, and to make them all would be in vain
        return None
    nests = nests_of(nest, specs, flat=True)
    if len(nests) != 1:
        return None
    nest = nests[0]
    return nest if len([axis for axis in nest.axes if axis.extent > 1]) <= 1 else None
