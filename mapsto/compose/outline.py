"""What a mapping shows of itself: its structure, without weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.compose.declare import Declared
from mapsto.core.spec import SHORT_NAMES
from mapsto.core.tree import Tree, containers, fields


def structure_lines(value: Any, indent: str) -> list[str]:
    """Structure without weights: one line for every mapping that has parts."""
    if not isinstance(value, Tree):
        return [indent + describe(value)]
    statics = [f"{n}={describe(v)}" for n, v in fields(value).items() if not (has_trees(v) or n.startswith("_"))]
    lines = [f"{indent}{type(value).__name__}({', '.join(statics)})"]
    for name, part in fields(value).items():
        if has_trees(part):
            nested = (
                [(f"{name}.{n}", p) for n, p in containers(part) or ()]
                if not isinstance(part, Tree)
                else [(name, part)]
            )
            for label, one in nested:
                first, *rest = structure_lines(one, "")
                lines += [f"{indent}  {label}: {first}", *(f"{indent}  {line}" for line in rest)]
    return lines


def has_trees(value: Any) -> bool:
    if isinstance(value, Tree):
        return True
    return any(has_trees(part) for _, part in containers(value) or ())


def describe(value: Any) -> str:
    if isinstance(value, Array):
        return str(value.spec)
    if isinstance(value, np.ndarray):
        return f"{SHORT_NAMES.get(value.dtype, value.dtype)}[{','.join(map(str, value.shape))}]"
    if isinstance(value, Declared):
        return f"{value.kind}(?)"
    if isinstance(value, (tuple, list)) and any(isinstance(one, (Array, np.ndarray, Declared)) for one in value):
        return f"({', '.join(map(describe, value))})"
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return repr(value)
