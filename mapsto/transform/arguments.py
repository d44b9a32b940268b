"""Calls of a function with other trees in place of some arguments; a result that is a pair, taken apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mapsto.core.errors import UsageError
from mapsto.transform.call import Function


def opened_call(
    transform: str, function: Function, chosen: Sequence[int], args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[list[Any], Callable[..., Any]]:
    """A call taken apart: the chosen arguments, and (others in their places ↦ the function's result).

    Raises UsageError (GRAD-03) if a chosen argument was not given by position.
    """
    if max(chosen) >= len(args):
        fix = "give what is differentiated by position: df(w, x), not df(w=w, x=x)"
        raise UsageError("GRAD-03", transform=transform, number=max(chosen), count=len(args), fix=fix)

    def call(*opened: Any) -> Any:
        given: list[Any] = list(args)
        for i, tree in zip(chosen, opened, strict=True):
            given[i] = tree
        return function(*given, **kwargs)

    return [args[i] for i in chosen], call


def pair_of(result: Any, aux: bool) -> tuple[Any, Any]:
    """What is differentiated and the rest of a function's result. Raises UsageError (GRAD-04) if it is no pair."""
    if aux and not (isinstance(result, tuple) and len(result) == 2):
        raise UsageError("GRAD-04", fix="return value, rest")
    return result if aux else (result, None)
