"""From a row of numbers to the text that it stands for, as a host step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.compose.combine import Host
from mapsto.core.errors import IndexRangeError, UsageError
from mapsto.text.table import MOST_ENTRIES, PADDING, Table, listed, short

REPLACEMENT = "\ufffd"  # Unicode's sign for what cannot be shown


class Join(Host):
    """i32[length] ↦ str: the text that numbers stand for. See `join`."""

    _root: ClassVar[str] = ""  # alone it is no part of a net: its errors name no path

    def __init__(self, entries: Sequence[str], separator: str) -> None:
        wanted = f"an alphabet or a list of 1 to {MOST_ENTRIES} different words"
        found = listed("join", "entries", entries, (str, list, tuple), wanted)
        if not isinstance(separator, str):
            raise UsageError("ARG-01", function="text.join", name="separator", value=short(separator), wanted="a text")
        self.table, self.separator = Table(found), separator

    @property
    def entries(self) -> tuple[str, ...]:
        """The texts of the numbers from 2."""
        return self.table.entries

    def __call__(self, numbers: Any) -> str:
        row = np.asarray(numbers)
        if row.ndim != 1 or row.dtype.kind not in "iu":
            fix = "choose a number for each place, and lift the step: xp.argmax(y, axis=-1), mt.each(text.join(…))"
            raise UsageError("TEXT-09", found=f"{row.dtype}{list(row.shape)}", fix=fix)
        last = self.table.count - 1
        wrong = row[(row < 0) | (row > last)]
        if len(wrong):
            fix = "give join the alphabet or vocabulary that the net was trained with"
            raise IndexRangeError("TEXT-08", number=int(wrong[0]), last=last, fix=fix)
        texts = ("", REPLACEMENT, *self.entries)  # by number
        return self.separator.join(texts[number] for number in row.tolist() if number != PADDING)


def join(entries: Sequence[str], separator: str | None = None) -> Join:
    """Numbers ↦ the text that they stand for, the way back from `characters` and `words`: i32[length] ↦ str.

    `entries` is the alphabet or the vocabulary, whose numbers count from 2. Padding, 0, is left out, and 1 becomes the
    sign � for what is unknown. Between the pieces stands `separator`: nothing for an alphabet, which is a str, and a
    space for a list of words, unless it is given. Spaces that `words` dropped do not come back.

    Runs on the host, behind a net that makes numbers, as a model of language does after `xp.argmax`:
    `net >> mt.each(text.join(alphabet))`. Raises UsageError for entries that are none (ARG-01) or doubled (TEXT-06) and
    for what is no row of whole numbers (TEXT-09), IndexRangeError for a number that stands for nothing (TEXT-08).

    >>> join("abc好")([5, 4, 2, 3, 0, 0]), join(["the", "cat"])([2, 3, 1])
    ('好cab', 'the cat �')
    """
    if separator is None:
        separator = "" if isinstance(entries, str) else " "
    return Join(entries, separator)
