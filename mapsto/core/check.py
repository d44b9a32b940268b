"""Checks of plain arguments that several floors make."""

from __future__ import annotations

from operator import index
from typing import Any

from mapsto.core.errors import UsageError


def whole_number(function: str, name: str, value: Any, least: int = 1) -> int:
    """A count of `least` or more, as a Python integer. Raises UsageError for everything else."""
    try:
        count = index(value)
    except TypeError:
        count = None
    if count is None or count < least:
        fix = f"give a whole number of {least} or more"
        raise UsageError("USE-01", problem=f"{function} with {name}={value!r}", fix=fix)
    return count
