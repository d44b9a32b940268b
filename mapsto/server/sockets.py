"""The socket that a server listens at, and how many connections it has room for."""

from __future__ import annotations

import resource
import socket

from mapsto.core.errors import UsageError
from mapsto.server.settings import Settings

OWN = 40  # file descriptors that the server has for itself
MOST, MOST_WAITING = 4096, 256


def room() -> tuple[int, int]:
    """How many connections there may be, and how many may wait to be accepted, as file descriptors suffice.

    asyncio accepts all that wait before it looks at one of them; so both have to fit.
    """
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files == resource.RLIM_INFINITY:
        return MOST, MOST_WAITING
    free = max(files - OWN, 8)
    waiting = min(MOST_WAITING, free // 4)
    return min(MOST, free - waiting), waiting


def listener(settings: Settings, backlog: int = MOST_WAITING) -> socket.socket:
    """A socket that listens, and lets so many wait to be accepted. Raises UsageError (SERVE-02)."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named, asyncio turns off Nagle's algorithm, which would hold answers back for 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(backlog)
    except OSError as problem:
        listening.close()
        fix = "give --port another number; 0 takes one that is free"
        place = f"{settings.host}:{settings.port}"
        raise UsageError("SERVE-02", place=place, reason=problem.strerror or problem, fix=fix) from problem
    return listening
