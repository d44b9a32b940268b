"""Python's garbage collector for cycles, paused while much is made and little of it thrown away."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager


class _Rest:
    """How many blocks there are now within which it rests, in all threads, and whether it worked before the first."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.blocks = 0
        self.worked = False

    def begin(self) -> None:
        with self.lock:
            if not self.blocks:
                self.worked = gc.isenabled()
                gc.disable()
            self.blocks += 1

    def end(self) -> None:
        with self.lock:
            self.blocks = max(self.blocks - 1, 0)
            if self.blocks or not self.worked:
                return
            if not gc.get_freeze_count():
                # What is new joins the oldest objects without a look at it, for it is here to stay: a look takes 0.1 s.
                gc.freeze()
                gc.unfreeze()
            gc.enable()


_rest = _Rest()


@contextmanager
def resting() -> Generator[None, None, None]:
    """Within this block cycles are not collected.

    A trace, and a plan even more, is hundreds of thousands of objects that stay. The collector would look through all
    of them again whenever a quarter more has come, which took as long as a third of the planning itself.

    >>> with resting():
    ...     gc.isenabled()
    False
    """
    _rest.begin()
    try:
        yield
    finally:
        _rest.end()


def _forget() -> None:
    """In a child after fork: the threads that were in a block stayed with the parent."""
    global _rest
    before, _rest = _rest, _Rest()
    if before.blocks and before.worked:
        gc.enable()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
