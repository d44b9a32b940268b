"""What a row is made of, by its kind: layers one after another, or a net that has a folder of its own here."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from bench import dcgan, lstm, networks, reference
from bench.dcgan import reference as dcgan_reference
from bench.lstm import reference as lstm_reference
from bench.networks import Arrays, Row
from bench.runner import Task

KINDS: dict[str, tuple[ModuleType, ModuleType]] = {
    "layers": (networks, reference),
    "lstm": (lstm, lstm_reference),
    "dcgan": (dcgan, dcgan_reference),
}


def task_of(row: Row) -> Task:
    """A row ↦ its first weights and its batches."""
    made = KINDS[row.kind][0]
    return Task(row, made.first_weights(row), *made.batches(row))


def flops(row: Row) -> int:
    """The floating-point operations of the products and convolutions in one step."""
    return KINDS[row.kind][0].flops(row)


def follow(task: Task, steps: int) -> tuple[np.ndarray, Arrays]:
    """The first steps in plain NumPy and float64."""
    return KINDS[task.row.kind][1].follow(task, steps)
