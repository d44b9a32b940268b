"""A text from a stranger ↦ the same text in one way of writing it, Unicode's NFC; limits first."""

from __future__ import annotations

import unicodedata
from typing import Any

from mapsto.core.errors import DataError, LimitError, UsageError
from mapsto.text.kinds import KINDS, MARK

LIMIT_CHARACTERS = 1 << 20  # of one text, Unicode's code points; 1 MiB of English, half a novel
# Marks on one letter. Unicode's own bound for streams is 30 (UAX 15, section 13), and no language comes near it.
# Without a bound, 80,000 marks in a row take three seconds to normalise, for that takes their number squared.
LIMIT_MARKS = 30


def normal(function: str, text: Any, lower: bool = False, most: int | None = LIMIT_CHARACTERS) -> str:
    """A text ↦ the same in NFC (UAX 15), in which é is one sign however it was typed; with `lower` in small letters.

    `most` bounds its length. Raises UsageError (TEXT-01) for what is no text, LimitError for one that is too long
    (TEXT-04) or piles marks upon a letter (TEXT-05), DataError (TEXT-02) for half a sign.

    >>> normal("words", "Cafe\\u0301", lower=True)
    'café'
    """
    if not isinstance(text, str):
        fix = "turn bytes into text first: content.decode()" if isinstance(text, bytes) else "give a str"
        raise UsageError("TEXT-01", function=function, found=type(text).__name__, fix=fix)
    if most is not None and len(text) > most:
        raise LimitError("TEXT-04", function=function, found=len(text), limit=most, fix="give a part of it")
    if text.isascii():
        return text.lower() if lower else str(text)
    try:
        text.encode()
    except UnicodeEncodeError as problem:
        fix = 'repair it: text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")'
        raise DataError("TEXT-02", function=function, place=problem.start, fix=fix) from problem
    place = text.translate(KINDS).find(MARK * (LIMIT_MARKS + 1))
    if place >= 0:
        raise LimitError("TEXT-05", function=function, limit=LIMIT_MARKS, place=place, fix="mend the text there")
    return unicodedata.normalize("NFC", text.lower() if lower else text)
