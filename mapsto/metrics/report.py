"""From a confusion matrix to the report a person reads: precision, recall and F1 of every class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mapsto.core.errors import DataError, ShapeError
from mapsto.core.lazy import optional
from mapsto.core.spec import is_float

if TYPE_CHECKING:
    import rich.cells
else:
    rich = optional("rich", extra="", parts=("cells",))

WIDEST_NAME = 28  # cells of a terminal; longer names end with …
WIDEST_HEAD = 6  # columns of the matrix are headed by names up to this width, by numbers if one is longer
PAIRS = 3


class Average(NamedTuple):
    """Precision, recall and F1 averaged over classes."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, eq=False)
class ClassReport:
    """How well each class is recognised. Made by `class_report`; `print` it.

    With c[i, j] examples of class i taken for class j:

        precision[j] = c[j, j] / Σᵢ c[i, j]         of those taken for j, the share that is j
        recall[i]    = c[i, i] / Σⱼ c[i, j]         of those that are i, the share taken for i
        f1           = 2 · precision · recall / (precision + recall)
        support[i]   = Σⱼ c[i, j]                   how many are i

    All are NumPy arrays [k], in the order of the classes, shares from 0 to 1; a quotient by zero is 0.0.
    """

    classes: tuple[str, ...]
    matrix: np.ndarray[Any, Any]
    precision: np.ndarray[Any, Any]
    recall: np.ndarray[Any, Any]
    f1: np.ndarray[Any, Any]
    support: np.ndarray[Any, Any]

    @property
    def total(self) -> int:
        """How many examples there are."""
        return int(self.support.sum())

    @property
    def accuracy(self) -> float:
        """The share of all examples that are taken for what they are."""
        return float(ratio(np.trace(self.matrix), self.total))

    @property
    def macro(self) -> Average:
        """The mean over the classes, each counting the same; a class without examples counts too, with 0."""
        return Average(*(float(figures.mean()) for figures in (self.precision, self.recall, self.f1)))

    @property
    def weighted(self) -> Average:
        """The mean over the classes by their support."""
        shares = ratio(self.support, self.total)
        return Average(*(float(figures @ shares) for figures in (self.precision, self.recall, self.f1)))

    def confused(self, most: int = PAIRS) -> list[tuple[str, str, int]]:
        """The pairs most often confused, (true class, taken for, how often), most frequent first."""
        wrong = self.matrix * (1 - np.eye(len(self.classes), dtype=np.int64))
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        pairs = [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, wrong.shape), strict=True)]
        return [(self.classes[i], self.classes[j], int(wrong[i, j])) for i, j in pairs if wrong[i, j]]

    def __str__(self) -> str:
        figures = zip(self.precision, self.recall, self.f1, strict=True)
        rows = [
            (name, *map(share, row), f"{count:,}")
            for name, row, count in zip(self.classes, figures, self.support, strict=True)
        ]
        total = f"{self.total:,}"
        averages = [
            ("accuracy", "", "", share(self.accuracy), total),
            ("macro average", *map(share, self.macro), total),
            ("weighted average", *map(share, self.weighted), total),
        ]
        lines = aligned([("class", "precision", "recall", "f1", "support"), *rows, *averages])
        rule = "─" * max(map(rich.cells.cell_len, lines))
        text = [lines[0], rule, *lines[1 : 1 + len(rows)], rule, *lines[1 + len(rows) :]]
        pairs = self.confused()
        if pairs:
            text += ["", "most confused"]
            text += [f"  {i} taken for {j}: {n:,} time{'s' if n > 1 else ''}" for i, j, n in pairs]
        return "\n".join(text)

    def confusion_text(self) -> str:
        """The matrix as text: a row for each true class, a column for each class it was taken for; zeros are dots."""
        numbered = max(map(rich.cells.cell_len, self.classes)) > WIDEST_HEAD
        heads = [str(i) for i in range(len(self.classes))] if numbered else list(self.classes)
        names = [f"{i} {name}" for i, name in enumerate(self.classes)] if numbered else list(self.classes)
        rows = [
            (name, *(f"{int(count):,}" if count else "·" for count in row))
            for name, row in zip(names, self.matrix, strict=True)
        ]
        return "\n".join(aligned([("true ╲ taken for", *heads), *rows]))


def share(value: float) -> str:
    return f"{value:.3f}"


def ratio(part: Any, whole: Any) -> np.ndarray[Any, Any]:
    """part / whole in float64, 0 where whole is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.zeros_like(part * whole), where=whole != 0)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells ↦ lines: the first column to the left, the others to the right; wide characters count as two."""
    widths = [max(map(rich.cells.cell_len, column)) for column in zip(*rows, strict=True)]
    widths[0] = min(widths[0], WIDEST_NAME)
    lines: list[str] = []
    for name, *cells in rows:
        if rich.cells.cell_len(name) > widths[0]:
            name = rich.cells.set_cell_size(name, widths[0] - 1) + "…"
        text = rich.cells.set_cell_size(name, widths[0])
        for cell, width in zip(cells, widths[1:], strict=True):
            text += "  " + " " * (width - rich.cells.cell_len(cell)) + cell
        lines.append(text)
    return lines


def class_report(matrix: Any, classes: Sequence[str] = ()) -> ClassReport:
    """Counts i64[k, k], rows true, columns predicted, and the classes' names ↦ their report.

    Without names the classes are called 0, 1, … Agrees with scikit-learn's `classification_report` over all k labels
    with `zero_division=0`. Raises ShapeError if the matrix is not square, or the names are not as many; DataError for
    counts that are negative or not whole.

    >>> report = class_report([[8, 2], [1, 9]], ["cat", "dog"])
    >>> report.accuracy, report.recall
    (0.85, array([0.8, 0.9]))
    >>> print(report)
    class             precision  recall     f1  support
    ───────────────────────────────────────────────────
    cat                   0.889   0.800  0.842       10
    dog                   0.818   0.900  0.857       10
    ───────────────────────────────────────────────────
    accuracy                             0.850       20
    macro average         0.854   0.850  0.850       20
    weighted average      0.854   0.850  0.850       20
    <BLANKLINE>
    most confused
      cat taken for dog: 2 times
      dog taken for cat: 1 time
    """
    found = np.asarray(matrix)
    if found.ndim != 2 or found.shape[0] != found.shape[1] or not found.size:
        raise ShapeError("METRIC-08", shape=found.shape, fix="give what confusion_matrix counted")
    names = tuple(str(name) for name in classes) or tuple(map(str, range(len(found))))
    if len(names) != len(found):
        raise ShapeError("METRIC-09", names=len(names), classes=len(found), fix="give one name for each class")
    if (
        not (found.dtype.kind in "biu" or is_float(found.dtype))
        or not (np.isfinite(found) & (found >= 0) & (found == np.rint(found))).all()
    ):
        raise DataError("METRIC-10", fix="give what confusion_matrix counted")
    counts = found.astype(np.int64)
    right, support = np.diagonal(counts), counts.sum(axis=1)
    taken = counts.sum(axis=0)
    # 2pr / (p + r) = 2·right / (taken + support), without a quotient of quotients
    return ClassReport(
        names, counts, ratio(right, taken), ratio(right, support), ratio(2 * right, taken + support), support
    )
