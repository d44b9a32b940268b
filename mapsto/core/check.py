"""Checks of plain arguments that several floors make."""

from __future__ import annotations

import numpy as np

from mapsto.core.errors import UsageError


def whole_number(function: str, name: str, value: int, least: int = 1) -> int:
    """A count of `least` or more, as a Python integer. Raises UsageError for everything else."""
    if not isinstance(value, (int, np.integer)) or value < least:
        fix = f"give a whole number of {least} or more"
        raise UsageError("USE-01", problem=f"{function} with {name}={value!r}", fix=fix)
    return int(value)
