"""How much a server has to do at the moment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Load:
    """How many requests are being answered, how many may be; how many were refused for that, and were no HTTP."""

    limit: int
    count: int = 0
    refused: int = 0
    malformed: int = 0
    counted_outside: bool = False  # by the protocol, which sees a request before the application does

    @property
    def full(self) -> bool:
        return self.count >= self.limit
