"""Checks of plain arguments that several floors make."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from mapsto.core.errors import UsageError


def whole(value: Any) -> int:
    """An integer of Python or NumPy as a Python integer. Raises TypeError for everything else, truth values too."""
    if isinstance(value, bool):
        raise TypeError("a truth value is no number")
    return index(value)


def whole_number(function: str, name: str, value: Any, least: int = 1, fix: str = "", most: int | None = None) -> int:
    """A count of `least` or more, up to `most`, as a Python integer. Raises UsageError for everything else."""
    try:
        count = whole(value)
    except TypeError:
        count = None
    if count is None or count < least or (most is not None and count > most):
        wanted = f"a whole number of {least} or more" if most is None else f"a whole number from {least} to {most}"
        raise UsageError("ARG-01", function=function, name=name, value=value, wanted=wanted, fix=fix)
    return count


def real_number(
    function: str,
    name: str,
    value: Any,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> float:
    """A finite number within the bounds given, as a Python float. Raises UsageError for everything else.

    >>> real_number("Dropout", "rate", 0.5, least=0, below=1)
    0.5
    """
    inside = is_real(value) and bool(np.isfinite(value))
    inside = inside and (above is None or value > above) and (least is None or value >= least)
    inside = inside and (below is None or value < below) and (most is None or value <= most)
    if not inside:
        words = (("above", above), ("from", least), ("below", below), ("up to", most))
        bounds = " and ".join(f"{word} {bound:g}" for word, bound in words if bound is not None)
        wanted = " ".join(["a number", *([bounds] if bounds else [])])
        raise UsageError("ARG-01", function=function, name=name, value=value, wanted=wanted)
    return float(value)


def is_real(value: Any) -> bool:
    """Whether a value is one of Python's or NumPy's real numbers; True and False are none."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def one_of(function: str, name: str, value: Any, choices: Sequence[str]) -> str:
    """One of some words. Raises UsageError, with the nearest of them, for everything else.

    >>> one_of("pad", "mode", "edge", ("constant", "edge", "reflect"))
    'edge'
    """
    if isinstance(value, str) and value in choices:
        return value
    near = difflib.get_close_matches(str(value), choices, n=1)
    rows = (("choices", ", ".join(map(repr, choices)), ""),)
    fix = f"did you mean {near[0]!r}?" if near else "use one of these"
    raise UsageError("ARG-02", function=function, name=name, value=value, operands=rows, fix=fix)


def truth(function: str, name: str, value: Any) -> bool:
    """True or False. Raises UsageError for everything else."""
    if not isinstance(value, bool):
        raise UsageError("ARG-01", function=function, name=name, value=value, wanted="True or False")
    return value


def ignored_label(function: str, value: Any) -> int | None:
    """The label that does not count, or None. Raises UsageError for what is no whole number.

    >>> ignored_label("CrossEntropy", -100)
    -100
    """
    if value is None:
        return None
    try:
        return whole(value)
    except TypeError:
        wanted = "a whole number, such as -1, or None"
        raise UsageError("ARG-01", function=function, name="ignore", value=value, wanted=wanted) from None
