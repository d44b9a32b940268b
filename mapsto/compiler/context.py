"""The memory that a program works in: one context for every run that goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mapsto.compiler.fuse import Flag
from mapsto.compiler.memory import ALIGNED
from mapsto.compiler.pipeline import Plan

Numbers = np.ndarray[Any, Any]
MOST_IDLE = 4  # contexts that are kept for several Python threads


class Context:
    """The slots, the flags and the arena."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.slots = np.zeros(plan.slots, np.int64)
        self.slots[len(plan.specs) :] = plan.sizes
        self.arena = np.zeros(plan.arena + ALIGNED, np.uint8)
        self.start = -self.arena.ctypes.data % ALIGNED
        for number, offset in plan.offsets.items():
            self.slots[number] = self.arena.ctypes.data + self.start + offset
        self.flags = bytearray(b"\1" * max(1, sum(plan.specs[number].size for _, number in plan.flags)))
        place = np.frombuffer(self.flags, np.uint8).ctypes.data
        for _, number in plan.flags:
            self.slots[number] = place
            place += plan.specs[number].size

    def failed(self) -> Flag | None:
        """The first flag that is down."""
        if 0 not in self.flags:
            return None
        place = self.flags.index(0)
        for flag, number in self.plan.flags:
            place -= self.plan.specs[number].size
            if place < 0:
                return flag
        raise IndexError("more flags than there are")

    def view(self, number: int) -> Numbers:
        """An array in the arena; one without elements lies nowhere."""
        spec = self.plan.specs[number]
        if not spec.size:
            return np.empty(spec.shape, spec.dtype)
        first = self.start + self.plan.offsets[number]
        return self.arena[first : first + spec.nbytes].view(spec.dtype).reshape(spec.shape)


class Contexts:
    """The contexts of a program: as many as there are runs at once, and a few of them kept for the next runs."""

    def __init__(self, make: Callable[[], Context]) -> None:
        self.make = make
        self.idle: list[Context] = []

    def take(self) -> Context:
        """A context that nobody else uses. Lists are safe among Python threads, one operation at a time."""
        try:
            return self.idle.pop()
        except IndexError:
            return self.make()

    def give(self, context: Context) -> None:
        """A context that is used no more."""
        if len(self.idle) < MOST_IDLE:
            self.idle.append(context)
