"""Models of text ↦ what their examples are to look like, for the OpenAPI schema."""

from __future__ import annotations

from typing import Any

from mapsto.server.body import bounds_of
from mapsto.server.model import Served
from mapsto.text.kinds import SEPARATORS
from mapsto.text.normal import LIMIT_CHARACTERS
from mapsto.text.numbered import Words


def escaped(code: int) -> str:
    """A code point as a regular expression of JSON Schema has it."""
    return f"\\u{code:04x}" if code < 0x10000 else chr(code)


# Any sign but those that are no part of a word: a text needs one.
PATTERN = f"[^{''.join(f'{escaped(first)}-{escaped(last)}' for first, last in SEPARATORS)}]"


def text_schema(served: Served) -> dict[str, Any]:
    """A text that the model takes: not empty, not too long, and with a word in it where words are what it reads."""
    schema = {"type": "string", "minLength": 1, "maxLength": LIMIT_CHARACTERS}
    return {**schema, "pattern": PATTERN} if isinstance(served.before[0], Words) else schema


def number_row(served: Served) -> dict[str, Any]:
    """The numbers of a text's pieces, as the net takes them: all of them below how many there are."""
    (least, most), length = bounds_of(served), served.input.shape[0]
    numbers = {"type": "integer", "minimum": least, "maximum": most}
    return {"type": "array", "minItems": length, "maxItems": length, "items": numbers}
