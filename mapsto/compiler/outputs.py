"""The memory that results are written to: taken again once nobody can see what was in it.

Every run writes to memory that neither this run reads nor anybody else can read, so a run that fails has changed
nothing. For a training loop that is two sets of arrays in turn: the donated one of this step is free in the next.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.core.spec import Spec

Numbers = np.ndarray[Any, Any]
Specs = tuple[Spec, ...]

ALIGNED = 64
TURNS = 2  # sets that take turns
MOST_IDLE = 4  # sets that are kept for several Python threads
KEPT = 2**26  # bytes of a set that is kept where nothing is donated, so that nobody counts on its being there


def aligned(spec: Spec) -> Numbers:
    """An array without values, at a multiple of 64 bytes. Every view of it refers to it, and to nothing behind it."""
    memory = bytearray(spec.nbytes + ALIGNED)  # of NumPy's own memory, a view would refer to the memory alone
    start = -np.frombuffer(memory, np.uint8).ctypes.data % ALIGNED
    return np.ndarray(spec.shape, spec.dtype, memory, start)


def references(arrays: list[Numbers]) -> list[int]:
    """How often each array of a list is referred to, the list and this question included."""
    return list(map(sys.getrefcount, arrays))


def unseen() -> int:
    """What `references` says of an array that only a list has: whoever could read it otherwise, an Array, a view of
    NumPy's or DLPack's, an iterator, or a run that goes on, refers to it. 0 where counts say nothing of the kind."""
    counted = sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)()
    return references([aligned(Spec(np.dtype(np.uint8), ()))])[0] if counted else 0


UNSEEN = unseen()


class ResultMemory:
    """Arrays for the results of one run, and their addresses."""

    def __init__(self, specs: Specs) -> None:
        self.specs = specs
        self.arrays = [aligned(spec) for spec in specs]
        self.addresses = [array.ctypes.data for array in self.arrays]
        self._unseen = [UNSEEN] * len(specs)

    def renew(self) -> None:
        """Put a new array in place of every one that somebody still sees."""
        found = references(self.arrays)
        if found == self._unseen:
            return
        for place, count in enumerate(found):
            if count != UNSEEN:
                self.arrays[place] = array = aligned(self.specs[place])
                self.addresses[place] = array.ctypes.data


class Outputs:
    """The memory for results of a function's programs. Those with equal results, such as a smaller batch's, share it.

    Memory is kept for as long as the function, if the function donates; if it does not, up to 64 MiB.
    """

    def __init__(self, donates: bool = False) -> None:
        self.donates = donates
        self.idle: dict[Specs, list[ResultMemory]] = {}

    def take(self, specs: Specs) -> ResultMemory:
        """Memory that nobody sees. Two Python threads that ask at once get two."""
        idle = self.idle.get(specs, ())
        if len(idle) < TURNS:
            return ResultMemory(specs)
        try:
            memory = idle.pop(0)  # the one that was used longest ago
        except IndexError:  # another thread was faster
            return ResultMemory(specs)
        memory.renew()
        return memory

    def give(self, memory: ResultMemory) -> None:
        """Memory whose results are with the caller, to be taken again once they are gone."""
        if self.donates or size_of(memory.specs) <= KEPT:
            idle = self.idle.setdefault(memory.specs, [])
            if len(idle) < MOST_IDLE:
                idle.append(memory)


def size_of(specs: Sequence[Spec]) -> int:
    """Specs ↦ the bytes of all."""
    return sum(spec.nbytes for spec in specs)
