"""The memory that a program works in: one context for every run that goes on."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from operator import is_
from typing import Any

import numpy as np

from mapsto.array.memory import Block, address_of
from mapsto.compiler.frames import Frames
from mapsto.compiler.fuse import Flag
from mapsto.compiler.memory import ALIGNED

Numbers = np.ndarray[Any, Any]
MOST_IDLE = 4  # contexts that are kept for several Python threads


class Context:
    """The slots, the flags and the arena."""

    def __init__(self, frames: Frames) -> None:
        self.frames, self.plan = frames, frames.root.plan
        self.slots = np.zeros(frames.count, np.int64)
        self.words = (ctypes.c_int64 * frames.count).from_buffer(self.slots.data)  # the same, sooner written
        self.given: list[int] = []  # the addresses of inputs that the slots have
        self.parameters: list[Block] = []  # of which the arena has what follows from them alone
        self.anew = bytearray(b"\1")  # whether that is to be made
        self.arena = np.zeros(frames.arena + ALIGNED, np.uint8)
        self.start = -self.arena.ctypes.data % ALIGNED
        for slot, size in frames.sizes():
            self.slots[slot] = size
        for slot, offset in frames.places():
            self.slots[slot] = self.arena.ctypes.data + self.start + offset
        if frames.anew is not None:
            self.slots[frames.anew] = address_of(np.frombuffer(self.anew, np.uint8))
        self.about = frames.flags()
        self.hold = b"\1" * max(1, sum(count for _, _, count in self.about))
        self.flags = bytearray(self.hold)
        place = np.frombuffer(self.flags, np.uint8).ctypes.data
        for _, slot, count in self.about:
            self.slots[slot] = place
            place += count

    def write(self, slots: slice | Numbers, addresses: list[int]) -> None:
        """Let slots say where arrays are."""
        if isinstance(slots, slice):
            self.words[slots] = addresses
        else:
            self.slots[slots] = addresses

    def remember(self, parameters: list[Block]) -> None:
        """The parameters of the next run. Arrays never change, so the same ones mean the same numbers.

        The same address does not: memory that a user lent for a call may have been written to since.
        """
        known = self.parameters
        self.anew[0] = len(known) != len(parameters) or not all(map(is_, known, parameters))
        self.parameters = parameters

    def renew(self) -> None:
        """All flags hold: a body that does not run in the next run would leave them as they are."""
        self.flags[:] = self.hold

    def failed(self) -> Flag | None:
        """The first flag that is down."""
        if 0 not in self.flags:
            return None
        place = self.flags.index(0)
        for flag, _, count in self.about:
            place -= count
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
