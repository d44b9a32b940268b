"""The signs or words of a text step with their numbers, and the checks that they make sense."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from mapsto.core.errors import MapstoError, UsageError
from mapsto.text.normal import normal
from mapsto.text.split import words_in

PADDING = 0  # stands behind a text that is shorter than its row
UNKNOWN = 1  # stands for what has no number of its own
FIRST = 2  # the number of the first entry
MOST_ENTRIES = 100_000  # read from a file and checked in a fraction of a second
MOST_NUMBERS = 1 << 16  # the longest row


class Table:
    """Entries ↦ their numbers: 0 is padding, 1 unknown, and the entries count from 2 in their order."""

    def __init__(self, entries: Sequence[str]) -> None:
        self.entries = tuple(entries)
        self.numbers = {entry: number for number, entry in enumerate(self.entries, FIRST)}

    @property
    def count(self) -> int:
        """How many numbers there are, padding and unknown among them."""
        return FIRST + len(self.entries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and self.entries == other.entries

    def __hash__(self) -> int:
        return hash(self.entries)

    def __repr__(self) -> str:
        return f"<{len(self.entries)}>"


def listed(function: str, name: str, entries: Any, kinds: tuple[type, ...], wanted: str) -> Sequence[str]:
    """Different texts, one or more but not too many, as they are. Raises UsageError (ARG-01, TEXT-06)."""
    if not isinstance(entries, kinds) or not all(isinstance(entry, str) for entry in cast("list[Any]", entries)):
        raise UsageError("ARG-01", function=f"text.{function}", name=name, value=short(entries), wanted=wanted)
    entries = cast("Sequence[str]", entries)
    if not 1 <= len(entries) <= MOST_ENTRIES:
        found = f"of {len(entries)} entries" if entries else entries
        raise UsageError("ARG-01", function=f"text.{function}", name=name, value=found, wanted=wanted)
    if len(set(entries)) < len(entries):
        twice = next(entry for entry, count in Counter(entries).items() if count > 1)
        raise UsageError("TEXT-06", function=function, entry=twice[:40], name=name, fix="leave one of them out")
    return entries


def table_of_signs(alphabet: Any) -> Table:
    """An alphabet ↦ its table. Raises UsageError: ARG-01 for none, TEXT-06 for doubles, TEXT-07 for one NFC changes."""
    signs = listed("characters", "alphabet", alphabet, (str,), f"a text of 1 to {MOST_ENTRIES} different characters")
    for sign in signs:
        if "\ud800" <= sign <= "\udfff" or unicodedata.normalize("NFC", sign) != sign:
            fix = "leave it out, or make the alphabet by text.alphabet(texts)"
            raise UsageError("TEXT-07", function="characters", entry=sign, kind="character", fix=fix)
    return Table(signs)


def table_of_words(vocabulary: Any, lower: bool) -> Table:
    """A vocabulary ↦ its table. Raises UsageError: ARG-01 for none, TEXT-06 for doubles, TEXT-07 for no words."""
    wanted = f"a list of 1 to {MOST_ENTRIES} different words"
    words = listed("words", "vocabulary", vocabulary, (list, tuple), wanted)
    if not same(words, lower):
        wrong = next(word for word in words if not same([word], lower))
        fix = "leave it out, or make the vocabulary by text.vocabulary(texts)"
        if lower and same([wrong.lower()], lower):
            fix = "write it in small letters, or give lower=False"
        raise UsageError("TEXT-07", function="words", entry=wrong[:40], kind="word", fix=fix)
    return Table(words)


def same(words: Sequence[str], lower: bool) -> bool:
    """Whether a text of these words would be cut into just these again."""
    try:
        return list(words_in(normal("words", "\n".join(words), lower, most=None))) == list(words)
    except MapstoError:
        return False


def short(value: Any) -> Any:
    """A value as an error may show it."""
    return value if len(repr(value)) <= 60 else f"{repr(value)[:59]}…"
