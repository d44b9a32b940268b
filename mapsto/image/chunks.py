"""The chunks that a PNG is made of, walked before a decoder sees them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from mapsto.image.refused import damaged, too_many

# A decoder goes through the chunks one by one: about a microsecond each, of 12 bytes at least. libpng writes 8 KiB into
# one, others a row of pixels.
MOST_CHUNKS, LEAST_CHUNK = 1024, 256
# What says nothing about pixels. Pillow inflates it, up to 64 MiB a picture of texts and without end of profiles.
PASSED_OVER = frozenset((b"tEXt", b"zTXt", b"iTXt", b"iCCP"))

_HEAD, _SUM = struct.Struct(">I4s"), struct.Struct(">I")  # length and kind; checksum


class Chunk(NamedTuple):
    """Its kind, and where in the file it begins and ends."""

    kind: bytes
    begin: int
    end: int


def size_of_png(content: bytes, name: str) -> tuple[int, int]:
    """A PNG's bytes ↦ width and height.

    Raises, with the name in the message, FormatError (IMAGE-03) if that is not where it begins, and LimitError
    (IMAGE-09) for more chunks than 1024 and one for each 256 bytes.

    >>> size_of_png(bytes.fromhex("89504e470d0a1a0a0000000d494844520000000300000002"), "")
    (3, 2)
    """
    if content[12:16] != b"IHDR" or len(content) < 24:
        raise damaged(name, "it does not begin with its size")
    most = MOST_CHUNKS + len(content) // LEAST_CHUNK
    for place, _ in enumerate(chunks(content)):
        if place >= most:
            raise too_many(name, most, "chunks")
    width, height = struct.unpack_from(">II", content, 16)
    return width, height


def without_texts(content: bytes, name: str) -> bytes:
    """A PNG's bytes ↦ the same without texts and colour profiles. Raises FormatError (IMAGE-03) for a wrong checksum.

    >>> text = bytes(4) + b"tEXt" + zlib.crc32(b"tEXt").to_bytes(4)
    >>> without_texts(b"\\x89PNG\\r\\n\\x1a\\n" + text + b"rest", "")
    b'\\x89PNG\\r\\n\\x1a\\nrest'
    """
    view, pieces, place = memoryview(content), [], 0
    for kind, begin, end in chunks(content):
        if kind in PASSED_OVER:
            if _SUM.unpack_from(content, end - 4) != (zlib.crc32(view[begin + 4 : end - 4]),):
                raise damaged(name, f"the checksum of a chunk {kind.decode()} is wrong")
            pieces.append(view[place:begin])
            place = end
    return b"".join([*pieces, view[place:]]) if pieces else content


def chunks(content: bytes) -> Iterator[Chunk]:
    """A PNG's bytes ↦ its whole chunks, up to the last."""
    begin, kind = 8, b""
    while kind != b"IEND" and begin + 12 <= len(content):
        length, kind = _HEAD.unpack_from(content, begin)
        end = begin + 12 + length
        if end > len(content):
            return
        yield Chunk(kind, begin, end)
        begin = end
