"""What training and evaluation yield: figures by name, and the report a person reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.core.errors import PathError, UsageError
from mapsto.core.names import missing
from mapsto.metrics import ClassReport, Metric, class_report

Figures = dict[str, float]
SHOWN = 10  # epochs at either end of a long history


@dataclass
class Averages:
    """Sums of what batches yield, from which figures are made at the end; exact for any batch size."""

    metrics: Sequence[Metric]
    weight: float = 0.0
    sums: dict[str, Any] = field(default_factory=dict[str, Any])

    def add(self, statistics: dict[str, Any], count: int) -> None:
        """Take in a batch of `count` samples: metrics merge, everything else is an average to be weighted."""
        by_name = {metric.name: metric for metric in self.metrics}
        for name, value in statistics.items():
            data = np.asarray(value, np.float64)
            if name in by_name:
                self.sums[name] = by_name[name].merge(self.sums[name], data) if name in self.sums else data
            elif not data.ndim:  # a figure is one number
                self.sums[name] = self.sums.get(name, 0.0) + data * count
        self.weight += count

    def values(self) -> dict[str, Any]:
        """What every metric makes of its sums, and the other averages."""
        by_name = {metric.name: metric for metric in self.metrics}
        return {
            name: by_name[name].value(total) if name in by_name else total / max(self.weight, 1.0)
            for name, total in self.sums.items()
        }

    def figures(self) -> Figures:
        """The values that are single numbers."""
        return single_numbers(self.values())


def told(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.4f}"


def single_numbers(values: dict[str, Any]) -> Figures:
    return {name: float(value) for name, value in values.items() if np.ndim(value) == 0}


@dataclass(repr=False)
class History:
    """The figures of every epoch: `history["loss"]` is a list, `history.epochs` a list of dicts; print it as a table.

    >>> History([{"loss": 0.75, "accuracy": 0.5}, {"loss": 0.25, "accuracy": 1.0}])
    epoch    loss  accuracy
        1  0.7500    0.5000
        2  0.2500    1.0000
    """

    epochs: list[Figures] = field(default_factory=list[Figures])

    def __getitem__(self, name: str) -> list[float]:
        return [figures[name] for figures in self.epochs if name in figures]

    def __len__(self) -> int:
        return len(self.epochs)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return missing(self, "History", name)

    def __repr__(self) -> str:
        """A table with a line for each epoch; of many, the first ones and the last."""
        if not self.epochs:
            return "History(no epochs yet)"
        names = list(dict.fromkeys(name for figures in self.epochs for name in figures))
        columns = [(name, max(len(name), 6)) for name in names]
        lines = [
            f"{number:>5}" + "".join(f"  {told(figures.get(name)):>{width}}" for name, width in columns)
            for number, figures in enumerate(self.epochs, 1)
        ]
        if len(lines) > 2 * SHOWN:
            lines[SHOWN:-SHOWN] = ["    …"]
        return "\n".join(["epoch" + "".join(f"  {name:>{width}}" for name, width in columns), *lines])


@dataclass(frozen=True)
class Evaluation:
    """What a data set was judged by: `evaluation["accuracy"]`, `evaluation.loss`, `print(evaluation.report())`.

    `values` has everything by name, also matrices; `figures` what is a single number.
    """

    values: dict[str, Any]
    classes: tuple[str, ...] = ()

    @property
    def figures(self) -> Figures:
        return single_numbers(self.values)

    @property
    def loss(self) -> float:
        return self["loss"]

    @property
    def matrix(self) -> np.ndarray[Any, Any] | None:
        """How many of class i (row) were taken for class j (column), if the labels are classes."""
        return self.values.get("confusion_matrix")

    def __getitem__(self, name: str) -> Any:
        if name not in self.values:
            raise PathError("MAP-06", pattern=name, fix="there is " + ", ".join(self.values))
        return self.values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.figures)

    def report(self) -> ClassReport:
        """Precision, recall and F1 of every class, and what is confused with what."""
        if self.matrix is None:
            raise UsageError("TRAIN-18", fix="read the figures instead: print(learner.evaluate(…))")
        return class_report(self.matrix, self.classes)

    def __str__(self) -> str:
        return "  ".join(f"{name} {value:.4f}" for name, value in self.figures.items())
