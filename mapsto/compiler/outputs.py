"""The memory that results are written to: taken again once nobody can see what was in it.

Every run writes to memory that neither this run reads nor anybody else can read, so a run that fails has changed
nothing. For a training loop that is two sets of arrays in turn: the donated one of this step is free in the next.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.compiler.memory import ALIGNED
from mapsto.core.spec import Spec

Numbers = np.ndarray[Any, Any]
Specs = tuple[Spec, ...]

TURNS = 2  # sets that take turns
MOST_IDLE = 4  # sets that are kept for several Python threads
KEPT = 2**26  # bytes of a set that is kept where nothing is donated, so that nobody counts on its being there


def aligned(spec: Spec) -> Numbers:
    """An array without values, at a multiple of 64 bytes. Every view of it refers to it, and to nothing behind it."""
    memory = bytearray(spec.nbytes + ALIGNED)  # of NumPy's own memory, a view would refer to the memory alone
    start = -np.frombuffer(memory, np.uint8).ctypes.data % ALIGNED
    return np.ndarray(spec.shape, spec.dtype, memory, start)


def references(arrays: list[Numbers]) -> list[int]:
    """Python's reference count of each array of a list. The list and this call count, too."""
    return list(map(sys.getrefcount, arrays))


def unseen() -> int:
    """The reference count of an array that nobody but the list has.

    Whoever else could read it holds a reference: an Array, a view of NumPy's or DLPack's, an iterator, a run that goes
    on. 0, which no array has, where counts do not tell: without a global lock, or in another Python.
    """
    counted = sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)()
    return references([aligned(Spec(np.dtype(np.uint8), ()))])[0] if counted else 0


UNSEEN = unseen()


class ResultMemory:
    """Arrays for the results of one run, and their addresses."""

    def __init__(self, specs: Specs) -> None:
        self.specs = specs
        self.arrays = [aligned(spec) for spec in specs]
        self.addresses = [array.ctypes.data for array in self.arrays]
        self.unseen = [UNSEEN] * len(specs)

    def renew(self) -> None:
        """Put a new array in place of every one that somebody still sees."""
        for place, count in enumerate(references(self.arrays)):
            if count != UNSEEN:
                self.arrays[place] = array = aligned(self.specs[place])
                self.addresses[place] = array.ctypes.data


class Turns:
    """The sets of arrays that the results of programs with these specs take turns in."""

    def __init__(self, specs: Specs, kept: bool) -> None:
        self.specs = specs
        self.kept = kept
        self.idle: list[ResultMemory] = []

    def take(self) -> ResultMemory:
        """A set that nobody sees. Python threads that ask at once get one each."""
        if len(self.idle) < TURNS:
            return ResultMemory(self.specs)
        try:
            memory = self.idle.pop(0)  # the one that was used longest ago
        except IndexError:  # another thread was faster
            return ResultMemory(self.specs)
        if references(memory.arrays) != memory.unseen:
            memory.renew()
        return memory

    def give(self, memory: ResultMemory) -> None:
        """A set whose results are with the caller, to be taken again once they are gone."""
        if self.kept and len(self.idle) < MOST_IDLE:
            self.idle.append(memory)


class Outputs:
    """The memory for the results of a function's programs.

    Programs with equal results, such as that of a smaller batch, share it. It is kept for as long as the function, if
    that donates; if not, up to 64 MiB at a time.
    """

    def __init__(self, donates: bool = False) -> None:
        self.donates = donates
        self.turns: dict[Specs, Turns] = {}

    def of(self, specs: Specs) -> Turns:
        """The memory for results with these specs."""
        return self.turns.setdefault(specs, Turns(specs, self.donates or size_of(specs) <= KEPT))


def size_of(specs: Sequence[Spec]) -> int:
    """Specs ↦ the bytes of all."""
    return sum(spec.nbytes for spec in specs)
