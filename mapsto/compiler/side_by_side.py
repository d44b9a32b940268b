"""Short axes whose places have formulas of their own ↦ one body with all of them, which reads once what they share.

The 16 numbers that a tile of 4×4 places becomes (`prims.tiling`) are sums and differences of the same 16. As 16 loops
they would read 64, and ask in every turn which of the formulas is meant.
"""

from __future__ import annotations

from collections.abc import Set
from itertools import product
from math import prod

from mapsto.compiler.conditions import told_apart
from mapsto.compiler.nests import Nest
from mapsto.ir.formula import Index, as_index

MOST = 16  # places that are written out together


def side_by_side(nest: Nest, keep: Set[Index | None]) -> list[Nest]:
    """A nest ↦ nests over the same axes, to be done together; itself alone if it has nothing to write out."""
    asked = [axis for axis in told_apart(nest.formulas) if axis in nest.axes and axis not in keep]
    if not asked or prod(axis.extent for axis in asked) > MOST:
        return [nest]
    found: list[Nest] = []
    for places in product(*(range(axis.extent) for axis in asked)):
        one = nest
        for axis, place in zip(asked, places, strict=True):
            one = one.with_axes([axis], [], {axis: as_index(place)})
        found.append(one.decided())
    return found
