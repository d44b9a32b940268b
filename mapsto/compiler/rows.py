"""Stages and rows: which axis or fold of a stage could run over rows, and what reads its own row alone."""

from __future__ import annotations

from collections.abc import Sequence

from mapsto.compiler.affine import Affine, affine
from mapsto.compiler.conditions import decided
from mapsto.compiler.contractions import address
from mapsto.compiler.fuse import Stage
from mapsto.compiler.nests import depends
from mapsto.compiler.terms import folds, loads, rebuilt
from mapsto.core.spec import Spec
from mapsto.ir.formula import Formula, Index, Load, Reduce, as_index


def first_axis(stage: Stage) -> Index | None:
    """The outermost axis of more than one place, leaving out the axis of a run, whose elements follow one another."""
    along = None if stage.run is None else stage.run.axis
    return next((axis for axis in stage.domain if axis.extent > 1 and axis is not along), None)


def top_fold(formula: Formula) -> Reduce | None:
    """The outermost fold, if all others are within it."""
    found = folds(formula)
    if not found:
        return None
    inside = {id(fold) for fold in folds(found[0])}
    return found[0] if all(id(fold) in inside for fold in found) else None


def by_rows_of(fold: Reduce, specs: Sequence[Spec]) -> Reduce | None:
    """A fold over all elements of an array ↦ a fold over its rows of folds over each; None if either is of one."""
    read = next((specs[load.input] for load in loads(fold.body) if specs[load.input].size == fold.index.extent), None)
    if read is None or read.shape[0] in (1, read.size):
        return None
    rows, rest = Index(read.shape[0]), Index(read.size // read.shape[0])
    place = rows * rest.extent + rest
    body = decided(rebuilt(fold.body, lambda term: place if term is fold.index else None))
    return Reduce(fold.word, rows, fold.start, Reduce(fold.word, rest, fold.start, body))


def without_units(stage: Stage, fold: Reduce) -> Stage:
    """A stage of the fold alone, without axes of extent 1; a product keeps all its axes."""
    product = stage.product() is not None
    axes = stage.domain if product else tuple(axis for axis in stage.domain if axis.extent > 1)
    units = set(stage.domain) - set(axes)
    formula = rebuilt(fold, lambda term: as_index(0) if term in units else None)
    return Stage(stage.array, axes, formula, stage.node, stage.members, flag=stage.flag)


def own_row(load: Load, spec: Spec, rows: Index) -> bool:
    """Whether an element that is read lies in the row number `rows` of its array, which has as many rows."""
    whole = spec.shape and spec.shape[0] == rows.extent and affine(load.index[0]) == Affine(((rows, 1),))
    return bool(whole) or own_place(load, spec, (rows,))


def own_place(load: Load, spec: Spec, axes: Sequence[Index]) -> bool:
    """Whether an element that is read lies in the part of its array that the first axes name."""
    number, size = address(load, spec), spec.size
    for axis in axes:
        if size % axis.extent:
            return False
        size //= axis.extent
        if number.coefficient(axis) != size:
            return False
    rest = Affine(tuple(term for term in number.terms if term[0] not in axes), number.constant)
    if any(depends(atom, axis) for atom in rest.atoms for axis in axes):
        return False
    low, high = rest.range()
    return low >= 0 and high < size


def depends_on(load: Load, rows: Index) -> bool:
    return any(depends(part, rows) for part in load.index)


def outermost(load: Load, rows: Index, specs: Sequence[Spec]) -> bool:
    """Whether `rows` has the largest stride in an address, so that every row lies by itself."""
    number = address(load, specs[load.input])
    return number.coefficient(rows) == max((abs(factor) for _, factor in number.terms), default=0)
