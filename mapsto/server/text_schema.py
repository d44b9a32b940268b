"""Models of text ↦ what their examples are to look like, for the OpenAPI schema."""

from __future__ import annotations

from typing import Any

from mapsto.server.model import Served
from mapsto.text.kinds import SEPARATORS
from mapsto.text.normal import LIMIT_CHARACTERS
from mapsto.text.numbered import Numbered, Words


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
    step, length = served.before[0], served.input.shape[0]
    most = step.count - 1 if isinstance(step, Numbered) else 0
    numbers = {"type": "integer", "minimum": 0, "maximum": most}
    return {"type": "array", "minItems": length, "maxItems": length, "items": numbers}
