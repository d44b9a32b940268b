"""The state of an optimizer: arrays by the paths of what is trained."""

from __future__ import annotations

from typing import Any, TypeVar

from mapsto.array.array import Array
from mapsto.array.manipulate import zeros_like
from mapsto.core.errors import PathError, StateError
from mapsto.core.tree import matches
from mapsto.optim.settings import Arrays

S = TypeVar("S")


def started(state: dict[str, S] | None, name: str, gradients: Arrays) -> dict[str, S]:
    """The state, which must have been made, and for these parameters: of their paths and, where arrays, shapes."""
    if state is None:
        raise StateError("OPT-06", optimizer=name, fix="opt = opt.init(net) before opt.step")
    for path in gradients:
        if path not in state:
            fix = "call opt = opt.init(net) again after unfreezing or replacing parts"
            raise StateError("OPT-07", optimizer=name, leaf=path or "it", fix=fix)
        before, wanted = state[path], gradients[path].shape
        if isinstance(before, Array) and before.shape != wanted:
            raise misfit(name, path, list(before.shape), list(wanted))
    return state


def misfit(name: str, path: str, found: Any, wanted: list[int]) -> StateError:
    """A state that was made for another net, whose shapes might broadcast."""
    fix = "call opt = opt.init(net) again for this net"
    return StateError("OPT-14", optimizer=name, leaf=path or "it", found=found, wanted=wanted, fix=fix)


def zeros_for(params: Arrays) -> Arrays:
    """A zero state for every parameter."""
    return {path: zeros_like(value) for path, value in params.items()}


def chosen(paths: str, params: Arrays) -> list[str]:
    """A pattern ↦ the paths of trained parameters that fit it. Raises PathError if none does."""
    found = [path for path in params if matches(path, paths)]
    if not found:
        known = ", ".join(list(params)[:8]) + (" …" if len(params) > 8 else "")
        raise PathError("MAP-06", pattern=paths, fix=f"the trained paths are {known}")
    return found
