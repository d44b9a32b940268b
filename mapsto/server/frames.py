"""What a server and a process that computes say to each other: JSON, and bytes behind it.

A frame is the length of the JSON (4 bytes, little-endian), that of the bytes (8), then both. No pickle: a process that
has been taken over by a hostile picture cannot say more than this.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.core import errors
from mapsto.core.errors import MapstoError
from mapsto.core.spec import Spec
from mapsto.server.model import Item, Outcome

LENGTHS = struct.Struct("<IQ")
Said = dict[str, Any]


def packed(said: Said, data: bytes = b"") -> bytes:
    """JSON and bytes ↦ a frame."""
    text = json.dumps(said).encode()
    return LENGTHS.pack(len(text), len(data)) + text + data


def from_items(items: Sequence[Item]) -> tuple[list[tuple[str, int]], bytes]:
    """Examples ↦ kind and length of each, and all their bytes."""
    kinds: list[tuple[str, int]] = []
    pieces: list[bytes] = []
    for item in items:
        kind = "raw" if isinstance(item, bytes) else "text" if isinstance(item, str) else "numbers"
        piece = (
            item.encode(errors="surrogatepass")
            if isinstance(item, str)
            else item
            if isinstance(item, bytes)
            else item.tobytes()
        )
        kinds.append((kind, len(piece)))
        pieces.append(piece)
    return kinds, b"".join(pieces)


def to_items(kinds: Sequence[tuple[str, int]], data: bytes, spec: Spec) -> list[Item]:
    """The reverse; numbers are of the spec.

    >>> spec = Spec(np.dtype(np.float32), (2,))
    >>> kinds, data = from_items([b"picture", "words", np.ones(2, np.float32)])
    >>> to_items(kinds, data, spec)
    [b'picture', 'words', array([1., 1.], dtype=float32)]
    """
    items: list[Item] = []
    begin = 0
    for kind, length in kinds:
        piece, begin = data[begin : begin + length], begin + length
        if kind == "numbers":
            items.append(np.frombuffer(piece, spec.dtype).reshape(spec.shape))
        else:
            items.append(piece.decode(errors="surrogatepass") if kind == "text" else piece)
    return items


def from_outcomes(outcomes: Sequence[Outcome]) -> tuple[list[Said | None], bytes]:
    """What became of examples ↦ for each its error, if any; and the bytes of the rows of the others."""
    said = [as_data(one) if isinstance(one, MapstoError) else None for one in outcomes]
    return said, b"".join(np.ascontiguousarray(one).tobytes() for one in outcomes if not isinstance(one, MapstoError))


def to_outcomes(said: Sequence[Said | None], data: bytes, spec: Spec) -> list[Outcome]:
    """The reverse; rows are of the spec."""
    count = sum(one is None for one in said)
    rows: Any = iter(np.frombuffer(data, spec.dtype).reshape(count, *spec.shape))
    return [next(rows) if one is None else as_error(one) for one in said]


def as_data(error: MapstoError) -> Said:
    """An error ↦ what JSON has of it."""
    facts = {name: value if isinstance(value, (int, float)) else str(value) for name, value in error.facts.items()}
    operands = [[name, str(value), str(remark)] for name, value, remark in error.operands]
    kind = type(error).__name__
    return {
        "kind": kind,
        "code": error.code,
        "facts": facts,
        "operands": operands,
        "fix": error.fix,
        "path": error.path,
    }


def as_error(said: Said) -> MapstoError:
    """The reverse.

    >>> as_error(as_data(errors.FormatError("IMAGE-03", path="a.png", reason="end of file"))).headline
    'a.png: damaged or cut off: end of file'
    """
    kind: type[MapstoError] = getattr(errors, said["kind"])
    operands = tuple((name, value, remark) for name, value, remark in said["operands"])
    return kind(said["code"], operands=operands, fix=said["fix"], path=said["path"], **said["facts"])
