"""Calls of a block's copies, one after another: the first is traced, the others run the same graph on other arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from mapsto.array.array import known
from mapsto.array.convert import strong
from mapsto.core import where
from mapsto.ir.body import Body
from mapsto.transform.looping import body_of_call, run_call
from mapsto.transform.ports import Port, only
from mapsto.transform.section import Section, opened_tree, section


class BlockArrays(Port, Protocol):
    """The arrays that a copy of a block has of its own."""

    def form(self) -> Any:
        """The rest of it: two copies of equal forms do the same."""
        ...

    def uses(self) -> Any:
        """How often it has drawn keys so far, which the arrays do not say."""
        ...

    def set_uses(self, uses: Any) -> None: ...


def is_known(x: Any) -> bool:
    """Whether all arrays of a tree have values now, so that calling a block traces nothing."""
    return all(known(array) is not None for array in opened_tree(x)[0])


class BlockCache:
    """The graphs of the blocks that were traced so far, by the forms of their input and of their own arrays."""

    def __init__(self) -> None:
        self.traced: dict[Any, tuple[Section, Body, Any]] = {}

    def call(self, function: Callable[[Any], Any], path: str, copy: BlockArrays, x: Any) -> Any:
        """f and x ↦ f(x), as a node of its own. `path` is that of f, and `copy` what it has of its own.

        Where the same is called several times, on other arrays, it is traced, planned and compiled once.
        """
        arrays, form = opened_tree(x)
        key = (form, copy.form())
        with only(copy):
            found = self.traced.get(key)
            if found is None:
                made = section(function, (form,), "mt.repeat", loops=False)
                found = self.traced[key] = made, body_of_call(made, path), copy.uses()
            made, body, uses = found
            copy.set_uses(uses)
            results = run_call(made, body.moved(path), [strong(array) for array in arrays], again=False)
        return made.result.tree(results)


def path_of(mapping: Any) -> str:
    """The path of a part of the mapping that is being called."""
    with where.entered(mapping):
        return where.current_path()
