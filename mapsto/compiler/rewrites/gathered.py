"""Arrays with an index along some of their axes: what becomes of index and table under transposes and reshapes.

Of such an array, `along` says for every axis whether it is one of the index; the others are those of the table behind
its rows. Both kinds keep their order, so an array is known by its table, its index and `along`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mapsto.compiler.rewrites.rebuilding import transposed
from mapsto.core.spec import Shape
from mapsto.ir.graph import Node, Var, bind
from mapsto.prims.index import Take
from mapsto.prims.layout import Broadcast, Reshape, Transpose, blocks

Along = tuple[bool, ...]


@dataclass(frozen=True)
class Gathered:
    """An array of the elements of a table's rows; `better` says that it should be made so: its table is a product."""

    table: Var
    index: Var
    along: Along
    better: bool = False

    @property
    def rows(self) -> int:
        return self.table.spec.shape[0]

    def written(self) -> Var:
        """The array, taken from the table."""
        first, rest = iter(range(self.index.spec.rank)), iter(range(self.index.spec.rank, len(self.along)))
        return transposed(bind(Take(0), self.table, self.index), [next(first if one else rest) for one in self.along])

    def arranged(self, layout: Transpose | Reshape, shape: Shape) -> Gathered | None:
        """The array of this shape after a transpose or a reshape; None if that mixes the index with the table."""
        found = along_after(layout, self.along, shape)
        if found is None:
            return None
        table, index = (
            rows_after(layout, self.table, self.along, found),
            index_after(layout, self.index, self.along, found),
        )
        return Gathered(table, index, found, self.better)

    def beside(self, var: Var, made_by: Mapping[Var, Node]) -> Var | None:
        """For an operand of the array ↦ the operand for the table; None if it differs along the index."""
        node = made_by.get(var)
        if node is None or not isinstance(node.primitive, Broadcast):
            return None
        axes = node.primitive.axes
        if any(self.along[axis] for axis in axes):
            return None
        places = tuple(1 + self.along[:axis].count(False) for axis in axes)
        return bind(Broadcast(self.table.spec.shape, places), *node.inputs)


def along_after(layout: Transpose | Reshape, along: Along, shape: Shape) -> Along | None:
    """Which axes are the index's after a layout of an array of this shape; None if that mixes them with others."""
    if isinstance(layout, Transpose):
        return tuple(along[axis] for axis in layout.order)
    found = [False] * len(layout.shape)
    for old, new in blocks(shape, layout.shape):
        kinds = {along[axis] for axis in old}
        if len(kinds) > 1:
            return None
        for axis in new:
            found[axis] = True in kinds
    return tuple(found)


def index_after(layout: Transpose | Reshape, index: Var, before: Along, after: Along) -> Var:
    """The index of an array that has been transposed or reshaped, given which axes are its own before and after."""
    if isinstance(layout, Transpose):
        return transposed(index, order_among(layout.order, before, True))
    return reshaped(index, tuple(extent for extent, one in zip(layout.shape, after, strict=True) if one))


def rows_after(layout: Transpose | Reshape, table: Var, before: Along, after: Along) -> Var:
    """The table of an array that has been transposed or reshaped, or what is added up to one from such an array."""
    if isinstance(layout, Transpose):
        return transposed(table, [0, *(1 + axis for axis in order_among(layout.order, before, False))])
    rest = (extent for extent, one in zip(layout.shape, after, strict=True) if not one)
    return reshaped(table, (table.spec.shape[0], *rest))


def order_among(order: Sequence[int], along: Along, kind: bool) -> list[int]:
    """An order of all axes ↦ that of the axes of one kind, numbered among themselves.

    >>> order_among((2, 0, 1), (True, False, True), True)
    [1, 0]
    """
    numbers = {axis: along[:axis].count(kind) for axis in range(len(along)) if along[axis] is kind}
    return [numbers[axis] for axis in order if axis in numbers]


def reshaped(var: Var, shape: Shape) -> Var:
    return var if var.spec.shape == shape else bind(Reshape(shape), var)
