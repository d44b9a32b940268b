"""What a graph of one example makes of each example of a batch, in float64, and how far rounding may move it."""

from __future__ import annotations

import numpy as np

from mapsto.core.spec import is_float
from mapsto.files.batches import Numbers
from mapsto.files.float64 import in_float64, wide_numbers
from mapsto.ir.graph import Graph, run
from mapsto.transform.batch import batch_graph

EPS = float(np.finfo(np.float64).eps)
ROUNDING = 500 * EPS  # of an element itself
STIR = 50 * EPS  # inputs are changed by about this part of them, to see how much that moves an element
TIMES = 3  # so often
MARGIN = 100  # so many times what was seen to move is rounding: 5,000 units in every number that goes in


class Expected:
    """The graph of one example, mapped over a batch of so many; `tensors` are its other inputs."""

    def __init__(self, graph: Graph, tensors: list[Numbers], count: int) -> None:
        self.graph = in_float64(batch_graph(graph, [True] + [False] * len(tensors), count))
        self.tensors = tensors

    def agrees(self, found: Numbers, x: Numbers) -> bool:
        """Whether a net made of this batch what the graph makes of each example, up to rounding.

        Every element is measured by itself: by its own size, and where that does not do, by how far it moves when what
        goes in is changed a little. Infinities and NaN must be at the same places. Of examples that are infinite or no
        numbers themselves nothing is asked.
        """
        (wanted,) = run(self.graph, [wide_numbers(x), *self.tensors])
        asked = [row for row, one in enumerate(x) if not is_float(x.dtype) or np.isfinite(one).all()]
        found, whole = found[asked], wanted
        wanted = wanted[asked]
        if not is_float(wanted.dtype):
            return bool((found == wanted).all())
        with np.errstate(all="ignore"):
            allowed = ROUNDING * self.sizes(wanted, x)
            if within(found, wanted, allowed):
                return True
            moved = [np.abs(self.stirred(x, seed) - whole)[asked] for seed in range(TIMES)]
            return within(found, wanted, allowed + MARGIN * np.max(moved, axis=0))

    def sizes(self, wanted: Numbers, x: Numbers) -> Numbers:
        """How large every element is; where x cannot be changed a little, how large its example's largest is."""
        sizes = np.where(np.isfinite(wanted), np.abs(wanted), 0)
        if is_float(x.dtype) or not sizes.size:
            return sizes
        return np.max(sizes, axis=tuple(range(1, sizes.ndim)), keepdims=True)

    def stirred(self, x: Numbers, seed: int) -> Numbers:
        """What the graph makes of the batch if every float that goes in is changed a little."""
        random = np.random.default_rng(seed)
        given = [wide_numbers(x), *self.tensors]
        changed = [a * (1 + STIR * random.normal(size=a.shape)) if is_float(a.dtype) else a for a in given]
        (made,) = run(self.graph, changed)
        return made


def within(found: Numbers, wanted: Numbers, allowed: Numbers) -> bool:
    """Whether every element is as wanted or as close as is allowed; NaN are equal."""
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    return bool((same | (np.abs(found - wanted) <= allowed)).all())
