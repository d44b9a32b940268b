"""What waits for bytes on all connections; when the server is full it refuses those who only ask again."""

from __future__ import annotations

import selectors
import time
from typing import Protocol

from mapsto.server.load import Load

MOST_READ = 256 << 10
PAUSE = 0.002  # seconds between two looks of a server that has enough to do


class Guest(Protocol):
    """A connection, as the door knows it."""

    resting: bool  # whether its next request is to begin

    def turned_away(self) -> bool: ...


class Door(selectors.DefaultSelector):
    """The selector of a server's event loop: what it has dealt with, the loop does not hear of.

    A refusal is two calls of the system and little else: to go through the loop for each cost half as much again. A
    server that is half full and has work at hand looks for more every 2 ms only, and so reads many requests one after
    the other, while the code for it is in the processor's cache: 5 % more answers in a flood.

    `guests` has the connections by their file descriptors, `arrived` what a read brings, on whatever connection, which
    is copied out at once: asyncio would make 256 KiB anew for each read, at 20 µs, as the system hands that memory out
    page by page. `now` is when the door was last looked at, by the loop's clock.
    """

    def __init__(self, load: Load) -> None:
        super().__init__()
        self.load = load
        self.arrived = memoryview(bytearray(MOST_READ))
        self.places = [self.arrived]
        self.guests: dict[int, Guest] = {}
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Descriptors on which something can be done, but for those whose requests were refused here."""
        work = timeout is not None and timeout <= 0
        if work and 2 * self.load.count > self.load.limit and time.monotonic() < self.now + PAUSE:
            return []
        ready = super().select(timeout)
        self.now = time.monotonic()
        room = self.load.limit - self.load.count
        if len(ready) <= room:
            return ready
        left = []
        for key, events in ready:
            guest = self.guests.get(key.fd)
            if guest is not None and guest.resting and events == selectors.EVENT_READ:
                room -= 1
                if room < 0 and guest.turned_away():
                    continue
            left.append((key, events))
        return left
