"""A smaller last batch is filled up to the size of the others, where that is proved to change nothing.

What fills up are samples of the batch itself, once more, at a weight of 0. So there are no numbers that are not in the
batch anyway, and what is finite for them is finite for what fills up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.compiler.batch_axis import BatchAxis, BatchSizes
from mapsto.compiler.batch_proof import proved_for
from mapsto.compiler.compile import compile
from mapsto.core.tree import Leaf, flatten, rebuild
from mapsto.data.stack import count_of, map_tree
from mapsto.train.supervised import real_rows
from mapsto.transform.call import as_array

EXAMPLES = BatchAxis(0)
REAL = BatchAxis(0, zero=True)


def filled(batch: Any, count: int) -> Any:
    """Arrays [m, …] ↦ [count, …]: their rows again and again.

    >>> filled(np.array([7, 8, 9]), 5)
    array([7, 8, 9, 7, 8])
    """
    if count_of(batch) == count:
        return batch
    return map_tree(lambda part: part[np.resize(np.arange(len(part)), count)], batch)


@dataclass(frozen=True)
class Batching:
    """Batches of `size` samples; one with fewer is filled up if it is known where the results have the samples."""

    size: int
    places: Sequence[BatchAxis] | None = None

    def taken(self, count: int) -> int:
        """How many rows a program is given for a batch of `count` samples."""
        return count if self.places is None else self.size

    def trimmed(self, result: Any, count: int) -> Any:
        """The results for the `count` samples alone."""
        if self.places is None or count == self.size or all(place.axis is None for place in self.places):
            return result
        leaves, structure = flatten(result)
        return rebuild(structure, [first_rows(*one, count) for one in zip(leaves, self.places, strict=True)])


def first_rows(leaf: Leaf, place: BatchAxis, count: int) -> Any:
    if place.axis is None:
        return leaf.value
    return leaf.value[(*(slice(None),) * place.axis, slice(count * place.each))]


class Filling:
    """A function of (batch, real, count, *held) ↦ whether its batches may be filled up, found out once for each size.

    `real` are the examples that count, bool[n], and `count` is their number.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.known: dict[Any, Sequence[BatchAxis] | None] = {}

    def batching(self, batch: Any, held: Sequence[Any], size: int, left: int) -> Batching:
        """How to take a last batch of `left` samples, the others having `size` of them, such as are in `batch`.

        Raises what the function raises when it is traced.
        """
        one = map_tree(lambda part: part[:1], batch)  # what is asked of the numbers is their types and shapes
        leaves, structure = flatten((one, held))
        key = (structure, tuple(as_array(leaf).spec for leaf in leaves), size, left)
        if key not in self.known:
            self.known[key] = self.places(one, held, size, left)
        return Batching(size, self.known[key])

    def places(self, batch: Any, held: Sequence[Any], size: int, left: int) -> Sequence[BatchAxis] | None:
        """Where the results have the examples; None if it is not proved that what fills up changes nothing."""

        def arguments(count: int) -> tuple[Any, ...]:
            return filled(batch, count), np.ones(count, bool), np.int64(left), *held

        sizes = BatchSizes(size, max(left, 2) if size > 2 else 3)
        return proved_for(self.function, arguments, sizes, [*[EXAMPLES] * len(flatten(batch)[0]), REAL])


class Judging:
    """A compiled function of (batch, real, count, *held), run over batches of which the last may be smaller."""

    def __init__(self, function: Callable[..., Any]) -> None:
        def of_count(batch: Any, count: Array, *held: Any) -> Any:
            return function(batch, real_rows(batch, count), count, *held)

        self.filling = Filling(function)
        self.program = compile(of_count)

    def __call__(self, batches: Iterable[Any], *held: Any) -> Iterator[tuple[Any, int]]:
        """What it makes of every batch, and how many samples that one has."""
        batching = Batching(0)
        for batch in batches:
            count = count_of(batch)
            if not batching.size:
                batching = Batching(count)
            elif count < batching.size:
                batching = self.filling.batching(batch, held, batching.size, count)
            made = self.program(filled(batch, batching.taken(count)), np.int64(count), *held)
            yield batching.trimmed(made, count), count
