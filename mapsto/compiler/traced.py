"""A traced function: its graph, the machine code that is made of it, and how its results become trees."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.memory import Block
from mapsto.compiler.outputs import Outputs
from mapsto.compiler.program import Native, Refused
from mapsto.core.collector import resting
from mapsto.core.errors import CompileError, IndexRangeError, MapstoError
from mapsto.core.flat import Build, builder
from mapsto.core.tree import Structure
from mapsto.ir.graph import Graph, run
from mapsto.target.native import settle
from mapsto.transform.call import guard, not_finite

_compiling = threading.RLock()  # of two threads that run a program first, one makes its code


def _forget() -> None:
    """In a child after fork: the thread that compiled stayed with the parent."""
    global _compiling
    _compiling = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@dataclass(eq=False)
class Program:
    """The graph as traced, the simplified one that runs, what the function closed over, its result's structure."""

    name: str  # the function's
    traced: Graph
    graph: Graph
    captured: list[Array]
    result: Structure
    memory: Outputs = field(default_factory=Outputs)
    parameters: Sequence[int] = ()  # places of inputs that are the same in many calls, as it seems
    _native: Native | None = None

    def __post_init__(self) -> None:
        self.tree: Build = builder(self.result, [var.spec for var in self.graph.outputs])

    @property
    def native(self) -> Native:
        """The machine code, made when it is first asked for. Raises CompileError, which names the function."""
        if self._native is None:
            with _compiling:
                self._native = self._native or self.compiled()
        return self._native

    def compiled(self) -> Native:
        """The machine code, made now."""
        try:
            with resting():
                native = Native(self.graph, self.memory, self.parameters)
            settle()
            return native
        except CompileError as error:
            error.operands = (("function", self.name, ""), *error.operands)
            error.args = (error.render(),)
            raise
        except (MapstoError, MemoryError):
            raise
        except Exception as problem:
            reason = f"{type(problem).__name__}: {problem}"
            fix = "this is a mistake in mapsto: report it; within mt.interpret() the function runs on the reference"
            raise CompileError("COMPILE-04", function=self.name, reason=reason, fix=fix) from problem

    def interpreted(self, arrays: Sequence[Array]) -> list[Array]:
        """The graph's inputs ↦ its outputs, by the reference."""
        made = [Array(data) for data in run(self.graph, [array.data for array in arrays])]
        check_guards(self.graph, made)
        return made[: len(self.graph.outputs)]

    def run(self, held: Sequence[Block], addresses: list[int]) -> list[Array]:
        """The same of blocks of memory, by machine code; raises what the reference would."""
        try:
            return (self._native or self.native).launch(held, addresses)
        except Refused as refused:
            problem = self.refusal(refused, [block for block, _ in held])
        raise problem

    def refusal(self, refused: Refused, inputs: Sequence[np.ndarray[Any, Any]]) -> Exception:
        """Why a run does not count: the reference finds the place of a number that is out of range."""
        if refused.flag.name is not None:
            return not_finite(refused.flag.name)
        try:
            run(self.graph, inputs)
        except MapstoError as error:
            return error
        return IndexRangeError("USE-04", index="an index", extent="its array's extent", fix="indices run from 0")


def check_guards(graph: Graph, results: Sequence[Array]) -> None:
    """Raise NonFiniteError for the first guarded value that is not finite; nothing was updated by then."""
    for (name, _), value in zip(graph.guards, results[len(graph.outputs) :], strict=True):
        guard(name, value)
