"""From probabilities to an answer a person reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.compose.combine import Host
from mapsto.core.check import whole_number
from mapsto.core.errors import ShapeError


class TopK(Host):
    """f32[n, classes] ↦ for every example its k best classes with their probabilities, best first.

    Runs on the host. Equal probabilities keep the order of the classes.
    """

    def __init__(self, k: int, classes: Sequence[str] = ()) -> None:
        self.k, self.classes = whole_number("top_k", "k", k), tuple(str(name) for name in classes)

    def __call__(self, p: Any) -> list[list[tuple[str, float]]]:
        table = np.asarray(p)
        if table.ndim != 2 or (self.classes and table.shape[1] != len(self.classes)):
            raise ShapeError("LAYER-07", shape=table.shape, count=len(self.classes), fix="give [n, classes]")
        return [self.best(row) for row in table]

    def best(self, row: np.ndarray[Any, Any]) -> list[tuple[str, float]]:
        """One example's probabilities [classes] ↦ its k best classes."""
        chosen = np.argsort(-row, kind="stable")[: self.k].tolist()
        return [(self.classes[c] if self.classes else str(c), float(row[c])) for c in chosen]


def top_k(k: int, classes: Sequence[str] = ()) -> TopK:
    """f32[n, classes] ↦ n lists of the k best (name, probability): `nn.softmax >> nn.top_k(3, train.classes)`.

    Without `classes` the names are the numbers from 0; with fewer than k classes, all are given. Raises UsageError for
    k below 1, ShapeError where the probabilities are not [n, classes].

    >>> top_k(2, ["cat", "dog", "cow"])([[0.1, 0.7, 0.2]])
    [[('dog', 0.7), ('cow', 0.2)]]
    """
    return TopK(k, classes)
