"""What waits for bytes on all connections; when the server is full it refuses those who only ask again."""

from __future__ import annotations

import os
import select
import selectors
import sys
import time
from typing import Any, Protocol

from mapsto.server.load import Load

MOST_READ = 256 << 10
MOST_AT_DOOR = 64 << 10  # bytes of a request that is read here
PAUSE = 0.002  # seconds between two looks of a server that has enough to do
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

Ready = list[tuple[selectors.SelectorKey, int]]


class Connection(Protocol):
    """What deals with a guest when the door cannot."""

    def came(self, data: bytes) -> None: ...
    def unsent(self, data: bytes) -> None: ...


class Guest:
    """What the door knows of a connection: the head of the request that was refused last, how many bytes that had with
    its body (0 if none was), and when it came again. Of its own, and small: several hundred are looked at each time.
    """

    __slots__ = ("connection", "head", "seen", "size")

    def __init__(self, connection: Connection) -> None:
        self.connection, self.head, self.size, self.seen = connection, b"", 0, 0.0


class Door(selectors.DefaultSelector):
    """The selector of a server's event loop: what it has dealt with, the loop does not hear of.

    A refusal is two calls of the system, 6 µs, and half a µs besides: to go through the loop for each cost twice as
    much. A server that is half full and has work at hand looks for more every 2 ms only, and so reads many requests one
    after the other, while the code for it is in the processor's cache: 5 % more answers in a flood. Only Linux has all
    this; elsewhere the connections refuse.

    `guests` has those that may ask again, by their file descriptors: nothing has come on them since they were refused,
    and no answer waits to be sent. `arrived` is what a read brings, on whatever connection, which is copied out at
    once: asyncio would make 256 KiB anew for each read, at 20 µs, as the system hands that memory out page by page.
    """

    def __init__(self, load: Load, refusal: bytes) -> None:
        super().__init__()
        self.load, self.refusal = load, refusal
        self.arrived = memoryview(bytearray(MOST_READ))
        self.guests: dict[int, Guest] = {}
        self.keys: dict[int, selectors.SelectorKey] = {}
        self.now = 0.0  # when we last looked, by the loop's clock
        # The same descriptors, from which numbers come instead of keys.
        self.numbers = select.epoll.fromfd(os.dup(self.fileno())) if sys.platform == "linux" else None

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        self.keys[key.fd] = key
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().modify(fileobj, events, data)
        self.keys[key.fd] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = super().unregister(fileobj)
        del self.keys[key.fd]
        return key

    def close(self) -> None:
        if self.numbers is not None:
            self.numbers.close()
        super().close()

    def select(self, timeout: float | None = None) -> Ready:
        """Descriptors on which something can be done, but for those whose requests were refused here."""
        if self.numbers is None or not self.guests:
            return super().select(timeout)
        work = timeout is not None and timeout <= 0
        if work and 2 * self.load.count > self.load.limit and time.monotonic() < self.now + PAUSE:
            return []
        found = self.numbers.poll(timeout)
        self.now = time.monotonic()
        return self.remaining(found)

    def remaining(self, found: list[tuple[int, int]]) -> Ready:
        """Numbers and what can be done ↦ what the loop is to hear of; whoever finds no room is refused."""
        keys, room = self.keys, self.load.limit - self.load.count
        guests = {} if self.load.ending else self.guests  # at the end a refusal says that it is the last, as all do
        left: Ready = []
        for number, event in found:
            if event == READ:
                guest = guests.get(number)
                if guest is not None:
                    room -= 1
                    if room < 0 and self.turned_away(number, guest):
                        continue
                left.append((keys[number], READ))
            else:
                able = (READ if event & ~select.EPOLLOUT else 0) | (WRITE if event & ~select.EPOLLIN else 0)
                left.append((keys[number], able & keys[number].events))
        return left

    def turned_away(self, number: int, guest: Guest) -> bool:
        """Whether what has come was read here: the same as was refused before is refused again."""
        size = guest.size
        try:
            data = os.read(number, min(size, MOST_AT_DOOR) + 1)
        except OSError:  # the loop meets it again
            return False
        if len(data) == size and data.startswith(guest.head):
            guest.seen = self.now
            self.load.refused += 1
            try:
                sent = os.write(number, self.refusal)
            except OSError:  # there is no room for it at the moment, or the client is gone
                sent = 0
            if sent < len(self.refusal):
                guest.connection.unsent(self.refusal[sent:])
        elif data:
            guest.connection.came(data)
        return data != b""
