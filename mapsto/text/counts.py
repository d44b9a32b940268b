"""From texts to the characters or words that are worth a number, the most frequent first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from mapsto.core.check import truth, whole_number
from mapsto.core.errors import DataError, UsageError
from mapsto.text.normal import normal
from mapsto.text.split import words_in
from mapsto.text.table import MOST_ENTRIES


def alphabet(texts: Iterable[str], most: int = 10_000, *, least: int = 1) -> str:
    """Texts ↦ their characters as one text, the most frequent first: what `characters` takes.

    At most `most` of them, of those that occur `least` times or more; of equally frequent ones the smaller code point
    comes first, so the order of the texts makes no difference. All is counted in Unicode's NFC. Raises UsageError for
    one text instead of several, or what is no text (TEXT-01), and counts out of range (ARG-01); DataError if nothing
    is left (TEXT-10), or a text has half a sign (TEXT-02).

    >>> alphabet(["banana", "band"])
    'anbd'
    """
    counts: Counter[str] = Counter()
    for one in several("alphabet", texts):
        counts.update(normal("alphabet", one, most=None))
    return "".join(most_frequent("alphabet", "character", counts, most, least))


def vocabulary(texts: Iterable[str], most: int = 10_000, *, least: int = 1, lower: bool = True) -> tuple[str, ...]:
    """Texts ↦ their words, the most frequent first: what `words` takes, which says what a word is.

    At most `most` of them, of those that occur `least` times or more; of equally frequent ones the first in the order
    of code points comes first. Raises what `alphabet` raises.

    >>> vocabulary(["The cat and the dog.", "A cat!"], most=3)
    ('cat', 'the', '!')
    """
    truth("text.vocabulary", "lower", lower)
    counts: Counter[str] = Counter()
    for one in several("vocabulary", texts):
        counts.update(words_in(normal("vocabulary", one, lower, most=None)))
    return tuple(most_frequent("vocabulary", "word", counts, most, least))


def several(function: str, texts: Any) -> Iterable[Any]:
    """Several texts. One alone would be taken for a list of characters. Raises UsageError (TEXT-01)."""
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
        found = f"one {type(texts).__name__} instead of several"
        raise UsageError("TEXT-01", function=function, found=found, fix=f"put it into a list: text.{function}([text])")
    return texts  # type: ignore[reportUnknownVariableType]


def most_frequent(function: str, kind: str, counts: Counter[str], most: int, least: int) -> list[str]:
    most = whole_number(f"text.{function}", "most", most, most=MOST_ENTRIES)
    least = whole_number(f"text.{function}", "least", least)
    frequent = [(-count, piece) for piece, count in counts.items() if count >= least]
    if not frequent:
        fix = "give more texts" if counts else "give texts that are not empty"
        raise DataError("TEXT-10", function=function, kind=kind, least=least, fix=fix)
    return [piece for _, piece in sorted(frequent)[:most]]
