"""Arrays that a function reads and writes besides its arguments and result: the states of a mapping in training.

Whoever keeps such arrays opens a port while the function runs. What traces a part of the function on its own, such as
the body of a loop, takes them in as inputs of the part and hands them out as its outputs.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Protocol

from mapsto.array.array import Array


class Port(Protocol):
    """Arrays in a fixed order, which can be read and written."""

    def read(self) -> list[Array]: ...

    def write(self, arrays: Sequence[Array]) -> None: ...


class _Ports(threading.local):
    def __init__(self) -> None:
        self.open: list[Port] = []


_ports = _Ports()


@contextmanager
def opened(port: Port) -> Generator[None, None, None]:
    """Within this block, parts that are traced on their own pass these arrays through."""
    _ports.open.append(port)
    try:
        yield
    finally:
        _ports.open.pop()


@contextmanager
def only(port: Port) -> Generator[None, None, None]:
    """Within this block no port is open but this one."""
    before, _ports.open = _ports.open, [port]
    try:
        yield
    finally:
        _ports.open = before


def read_ports() -> list[Array]:
    """The arrays of all open ports."""
    return [array for port in _ports.open for array in port.read()]


def write_ports(arrays: Sequence[Array]) -> None:
    """The other way, in the same order."""
    remaining = iter(arrays)
    for port in _ports.open:
        port.write([next(remaining) for _ in port.read()])
