"""What a framework must be able to do to be measured, and what it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from bench.networks import Arrays, Row


@dataclass(frozen=True)
class Task:
    """A row with its first weights and its batches: pictures u8[pool, n, …], labels i64[pool, n]."""

    row: Row
    weights: Arrays
    images: np.ndarray
    labels: np.ndarray

    @property
    def pool(self) -> int:
        return len(self.images)


class Runner(Protocol):
    """One framework, set up for one task in one variant."""

    def restart(self) -> None:
        """Back to the first weights and a fresh optimizer, so that every block does the same work."""

    def step(self, number: int) -> Any:
        """One step on the batch of this number ↦ its loss, in inference its logits; perhaps not finished yet."""

    def wait(self) -> None:
        """Until all that was begun is finished."""

    def numbers(self, found: Any) -> np.ndarray:
        """What `step` gave ↦ NumPy."""
        ...

    def weights(self) -> Arrays:
        """The weights now, in the layouts of `bench.networks`."""
        ...
