"""Calls of mappings that cannot work: wrong arguments, a tuple where several inputs are meant, nesting without end."""

from __future__ import annotations

import inspect
from typing import Any

from mapsto.core import where
from mapsto.core.calls import POSITIONAL, refuse_call
from mapsto.core.errors import MapstoError, UsageError
from mapsto.core.tree import DEEP, FLATTER


def refuse_misuse(
    mapping: Any, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], problem: Exception, own: int = 1
) -> None:
    """Raise UsageError if a call failed because of how it was made; if something within it failed, return.

    `function` is what was called with the arguments, after `own` of the mapping itself.
    """
    if isinstance(problem, MapstoError):
        return
    name = mapping_name(mapping)
    if isinstance(problem, RecursionError):
        if where.depth() < DEEP:  # something else went round in circles
            return
        raise UsageError("MAP-22", path="", name=name, fix=FLATTER) from None
    all_args = (mapping,) * own + args
    wanted = inputs_wanted(function, own)
    if len(args) == 1 and not kwargs and isinstance(args[0], tuple) and wanted == len(args[0]) != 1:
        fix = "spread the tuple: (f & g) >> mt.star(h)"
        raise UsageError("MAP-20", name=name, wanted=wanted, count=wanted, fix=fix) from None
    refuse_call(f"a call of {name}", function, all_args, kwargs, own)


def mapping_name(mapping: Any) -> str:
    """What a mapping is called in messages: its class, or the name of the plain function that it wraps."""
    function = vars(mapping).get("function")
    return getattr(function, "__name__", type(mapping).__name__)


def inputs_wanted(function: Any, own: int) -> int:
    """How many arguments a function needs, those of its own apart; 0 if nothing says it."""
    try:
        parameters = list(inspect.signature(function).parameters.values())[own:]
    except (TypeError, ValueError):
        return 0
    return sum(one.kind in POSITIONAL and one.default is one.empty for one in parameters)
