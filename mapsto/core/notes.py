"""Notes: remarks about likely mistakes that do not stop the work."""

from __future__ import annotations

import warnings

from mapsto.core import where


class Note(UserWarning):
    """A remark to the user; silence them with `warnings.simplefilter("ignore", mt.Note)`."""


_seen: set[str] = set()


def note(text: str, once: bool = True) -> None:
    """Show a note, the same text only once in a process."""
    if once and text in _seen:
        return
    _seen.add(text)
    warnings.warn(text, Note, stacklevel=where.user_depth())


def forget() -> None:
    """Show every note anew."""
    _seen.clear()
