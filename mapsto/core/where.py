"""Where we are: the stack of mappings being called, and the user's line that called."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

# NumPy counts as ours: np.mean(x) calls x.mean, and the line that is looked for is the one that called np.mean.
_PACKAGES = tuple(str(Path(path).resolve()) + os.sep for path in (Path(__file__).parents[1], *np.__path__))


class _Calls(threading.local):
    def __init__(self) -> None:
        self.stack: list[Any] = []


_calls = _Calls()
# Names a child within its parent; set once by core.tree, which knows how trees are walked.
_namer: list[Callable[[Any, Any], str | None]] = []


def set_namer(namer: Callable[[Any, Any], str | None]) -> None:
    _namer[:] = [namer]


@contextmanager
def entered(mapping: Any) -> Generator[None, None, None]:
    """Within this block, `mapping` is the innermost mapping being called."""
    _calls.stack.append(mapping)
    try:
        yield
    finally:
        _calls.stack.pop()


def depth() -> int:
    return len(_calls.stack)


def innermost() -> Any:
    return _calls.stack[-1] if _calls.stack else None


def current_path() -> str:
    """The path of the mapping being called, from the outermost one: `net.dense_2`; empty outside of any.

    The outermost one is called `net`, unless its class says otherwise in `_root`.
    """
    if not _calls.stack:
        return ""
    outermost: Any = _calls.stack[0]
    root: str = getattr(outermost, "_root", "net")
    segments = [root] if root else []
    for parent, child in zip(_calls.stack, _calls.stack[1:], strict=False):
        name = _namer[0](parent, child)
        if name is not None:
            segments.append(name)
    return ".".join(segments)


@lru_cache(2**12)  # for every node that is traced, all files on the way from it to the user's line
def of_the_package(filename: str) -> bool:
    generated = filename.startswith(("<frozen", "<string>"))
    return generated or filename.startswith(_PACKAGES) or filename.endswith(("contextlib.py", "functools.py"))


def user_line() -> str:
    """`model.py:31`, the innermost line outside of this package; empty if there is none."""
    frame = inspect.currentframe()
    while frame is not None:
        if not of_the_package(frame.f_code.co_filename):
            return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def user_depth() -> int:
    """How many calls the user's line is away from whoever asks, as `warnings.warn` counts."""
    depth = 0  # this function, which is of the package
    frame = inspect.currentframe()
    while frame is not None and of_the_package(frame.f_code.co_filename):
        frame, depth = frame.f_back, depth + 1
    return depth
