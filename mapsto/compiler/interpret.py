"""Running compiled functions on the reference instead: for comparing, and for looking for a fault."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager


class _Mode(threading.local):
    depth = 0


_mode = _Mode()


@contextmanager
def interpret() -> Generator[None, None, None]:
    """Within this block, compiled functions run primitive by primitive in NumPy; for this thread alone.

    Slower, and the numbers may differ in the last bits: the reference adds up in another order.

    >>> import mapsto as mt
    >>> from mapsto import xp
    >>> double = mt.compile(lambda x: 2 * x)
    >>> with mt.interpret():
    ...     double(xp.asarray([1.0, 2.0]))
    array([2., 4.], f32[2])
    """
    _mode.depth += 1
    try:
        yield
    finally:
        _mode.depth -= 1


def interpreting() -> bool:
    """Whether the calling thread is within `interpret`."""
    return _mode.depth > 0
