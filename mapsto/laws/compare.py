"""Two results compared entry by entry, and the entry where they differ most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mapsto.core.spec import FLOAT64, is_float
from mapsto.core.tree import join
from mapsto.laws.case import Numbers


@dataclass(frozen=True)
class Difference:
    """The worst entry of a result: its place, such as `result[0,2]`, and what stands there in words."""

    place: str
    expected: str
    found: str


def difference(
    expected: dict[str, Numbers],
    found: dict[str, Numbers],
    part: float,
    slack: dict[str, float] | None = None,
    root: str = "result",
) -> Difference | None:
    """Where two results differ by more than `part` of the largest entry of that array, None if nowhere.

    Infinities and NaN must stand at the same places. A part of 0 means the same bits. `slack` allows more, by path.
    Places begin with `root`.
    """
    if expected.keys() != found.keys():
        return Difference("the result", f"parts {', '.join(expected)}", f"parts {', '.join(found)}")
    for path, wanted in expected.items():
        worst = worst_entry(wanted, found[path], part, (slack or {}).get(path, 0.0))
        if worst is not None:
            return Difference(part_text(path, root) + worst.place, worst.expected, worst.found)
    return None


def worst_entry(wanted: Numbers, found: Numbers, part: float, slack: float = 0.0) -> Difference | None:
    """The same for one array; the place is an index in brackets."""
    if (wanted.shape, wanted.dtype) != (found.shape, found.dtype):
        return Difference("", spec_text(wanted), spec_text(found))
    if part == 0 and wanted.tobytes() == found.tobytes():
        return None
    if not is_float(wanted.dtype):
        wrong = (wanted != found).astype(FLOAT64)
        limit = 0.0
    else:
        a, b = wanted.astype(FLOAT64), found.astype(FLOAT64)
        finite = np.isfinite(a) & np.isfinite(b)
        with np.errstate(invalid="ignore"):
            same = (a == b) | (np.isnan(a) & np.isnan(b))
            wrong = np.where(finite, np.abs(a - b), np.where(same, 0.0, np.inf))
        limit = part * largest(a) + slack
    if wrong.size == 0 or float(wrong.max()) <= limit:
        return None
    index = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return Difference(index_text(index), number_text(wanted[index]), number_text(found[index]))


def largest(array: Numbers) -> float:
    """The largest finite entry by size; 0 if there is none."""
    wide = np.abs(array.astype(FLOAT64))
    return float(wide[np.isfinite(wide)].max(initial=0.0))


def part_text(path: str, root: str = "result") -> str:
    """What a part of the result is called; the empty path is the whole."""
    return join(root, path) if path else root


def index_text(index: tuple[np.intp, ...] | tuple[int, ...]) -> str:
    return f"[{','.join(str(int(i)) for i in index)}]" if index else ""


def number_text(value: object) -> str:
    """A number with enough digits to tell it from its neighbours."""
    number = np.asarray(value)
    return f"{float(number):.9g}" if is_float(number.dtype) else str(number.item())


def spec_text(array: Numbers) -> str:
    return f"{array.dtype.name}[{','.join(map(str, array.shape))}]"
