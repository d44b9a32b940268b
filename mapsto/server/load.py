"""How much a server has to do at the moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MOST_ARRIVING = 1024  # requests whose body is not whole yet


@dataclass
class Load:
    """How many requests are being answered, and how many may be; how many were refused for that, and were no HTTP.

    `arriving` requests have a head and not yet their whole body, of which `bytes` are there; they take no place of
    those that are answered, and are bounded by `most_bytes`. `late` is told the client of a head that never ended.
    Once the server is `ending`, every answer is the last of its connection.
    """

    limit: int
    most_bytes: int = 256 << 20
    most_connections: int = 1024
    count: int = 0
    arriving: int = 0
    bytes: int = 0
    refused: int = 0
    malformed: int = 0
    ending: bool = False
    late: Callable[[str], None] = lambda client: None

    @property
    def full(self) -> bool:
        return self.count >= self.limit

    @property
    def crowded(self) -> bool:
        """Whether more is arriving than may."""
        return self.arriving > MOST_ARRIVING or self.bytes > self.most_bytes


class Place:
    """One request's share of the load: it arrives, is answered once its body is whole, and is over.

    >>> load = Load(limit=8)
    >>> place = Place(load)
    >>> load.arriving, load.count
    (1, 0)
    >>> place.complete()
    >>> load.arriving, load.count
    (0, 1)
    """

    def __init__(self, load: Load) -> None:
        self.load, self.bytes = load, 0
        self.arriving, self.answering = True, False
        load.arriving += 1

    def add(self, count: int) -> None:
        """So many bytes of the body have come."""
        if self.arriving:
            self.bytes += count
            self.load.bytes += count

    def complete(self) -> None:
        """The body is whole."""
        if self.arriving:
            self.leave()
            self.answering = True
            self.load.count += 1

    def leave(self) -> None:
        self.arriving = False
        self.load.arriving -= 1
        self.load.bytes -= self.bytes

    def end(self) -> None:
        """It has been answered, or nobody awaits it any more."""
        if self.arriving:
            self.leave()
        if self.answering:
            self.answering = False
            self.load.count -= 1
