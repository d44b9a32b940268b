"""What a request may cost: bytes of its body, values of its JSON, pixels of its pictures, counted before it is paid."""

from __future__ import annotations

import itertools
import json
import operator
import re
from collections.abc import Sequence
from typing import Any

from fastapi import Request

from mapsto.core.errors import LimitError
from mapsto.core.spec import Spec
from mapsto.image.head import work_of
from mapsto.server.model import Item, Served

BYTES_A_VALUE = 64  # of JSON: 24 for a number of 64 bits, and as many again to stand on a line of its own
SPARE_VALUES, SPARE_BYTES = 16 << 10, 64 << 10  # for what a request says besides its examples
MOST_DIGITS = 400  # of a whole number; the largest of 64-bit floats has 309
LONG_BODY = 64 << 10

ONLY_DIGITS = bytes(ord("0") if chr(sign).isdigit() else ord(" ") for sign in range(128)).ljust(256)
TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)  # of JSON; one that does not end ends with the body


def values_of(spec: Spec) -> int:
    """How many numbers and lists an example is, as nested lists.

    >>> import numpy as np
    >>> values_of(Spec(np.dtype(np.uint8), (8, 8, 1)))
    137
    """
    return sum(itertools.accumulate(spec.shape, operator.mul, initial=1))


async def received(request: Request, served: Served, most: int, max_bytes: int) -> bytes:
    """The body of a request of `most` examples at most, as far as it can be meant.

    A model that takes nothing but numbers needs so many bytes: Raises LimitError (SERVE-12) for more, by the header
    Content-Length or as soon as they have arrived.
    """
    limit = max_bytes
    if served.takes == "numbers":
        limit = min(limit, most * BYTES_A_VALUE * values_of(served.input) + SPARE_BYTES)
    pieces, count = [], int(request.headers.get("content-length", "0"))
    if count > limit:
        raise too_much(served, limit, "bytes")
    count = 0
    async for piece in request.stream():
        pieces.append(piece)
        count += len(piece)
        if count > limit:
            raise too_much(served, limit, "bytes")
    return b"".join(pieces)


def check_values(served: Served, text: bytes, most: int) -> None:
    """Raises LimitError (SERVE-12) for JSON of more lists and values than `most` examples have.

    Reading JSON keeps every other thread waiting, 0.1 µs for each value and 0.3 µs for each list.
    """
    limit = most * (values_of(served.input) + 2) + SPARE_VALUES
    if marks(text, 0, len(text)) > limit and (served.takes != "text" or marks_between_texts(text, limit) > limit):
        raise too_much(served, limit, "values")


def too_much(served: Served, limit: int, what: str) -> LimitError:
    fix = "send fewer examples at a time, with as few spaces as may be"
    return LimitError("SERVE-12", name=served.name, limit=limit, what=what, fix=fix)


def marks(text: bytes, begin: int, end: int) -> int:
    """How many commas and opening brackets stand there: before every value of JSON but the first is one, or a key."""
    return sum(text.count(mark, begin, end) for mark in (b",", b"[", b"{"))


def marks_between_texts(text: bytes, limit: int) -> int:
    """The same outside of texts, which may hold as many as they like; texts count as well. Beyond the limit it stops.

    >>> marks_between_texts(b'{"example": "a, [b], c"}', 10)
    3
    """
    count = place = 0
    for found in TEXT.finditer(text):
        count += 1 + marks(text, place, found.start())
        place = found.end()
        if count > limit:
            return count
    return count + marks(text, place, len(text))


def value_in(text: bytes) -> Any:
    """UTF-8 ↦ what JSON it is. Raises ValueError, also for what readers of JSON disagree about.

    >>> value_in(b'{"example": [1, 2.5]}')
    {'example': [1, 2.5]}
    """
    hooks: dict[str, Any] = {"parse_constant": no_number, "object_pairs_hook": no_key_twice}
    if len(text) > LONG_BODY and b"0" * MOST_DIGITS in text.translate(ONLY_DIGITS):
        hooks["parse_int"] = whole
    try:
        return json.loads(text.decode(), **hooks)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def whole(digits: str) -> int:
    """The time that Python takes for a whole number grows as the square of its digits: 0.1 ms for 4000."""
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a whole number has more than {MOST_DIGITS} digits")
    return int(digits)


def no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


def no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The keys and values of an object ↦ the object; which of two values counts, readers disagree about."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has a key twice")
    return found


def check_pixels(items: Sequence[Item], limit: int) -> None:
    """Raises LimitError (SERVE-11) for the pictures of a request if they have more pixels together than one may have.

    A picture that is refused by itself does not count: it will not be decoded.
    """
    if len(items) > 1:
        works = [work_of(item) for item in items if isinstance(item, bytes)]
        pixels = sum(work for work in works if work <= limit)
        if pixels > limit:
            raise LimitError("SERVE-11", pixels=pixels, limit=limit, fix="send them in several requests")
