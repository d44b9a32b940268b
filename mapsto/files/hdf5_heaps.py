"""The heaps of an HDF5 file, where texts lie: looked through before the library reads one, which may not come back.

In libhdf5 (2.0 and before), a piece of a heap that says it has no bytes, not even its own head, is read for ever. The
layout is that of the "HDF5 File Format Specification", section III.E, "Disk Format: Level 1E - Global Heap".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from mapsto.files.container import Refusal, too_large

HEAP = b"GCOL\x01"  # how one begins; 3 bytes that say nothing and its size follow
HEAD = struct.Struct("<5s3xQ")
PIECE = struct.Struct("<HHIQ")  # of a piece: its number, 0 for what is free; …; its size
BLOCK = 1 << 20
MOST_PIECES = 200_000
WIDE = 8  # bytes of an address and of a length: what everybody writes


def check_heaps(file: BinaryIO) -> None:
    """Refuse a file with a heap that the library would read for ever. Raises Refusal."""
    check_widths(file)
    left = MOST_PIECES
    for place in places_of(file, HEAP):
        for _ in pieces(file, place):
            left -= 1
            if left < 0:
                raise too_large(f"more than {MOST_PIECES} pieces in heaps", f"{MOST_PIECES}")
    file.seek(0)


def check_widths(file: BinaryIO) -> None:
    """Addresses and lengths have eight bytes, as the layout of heaps here."""
    file.seek(0)
    start = file.read(16)
    at = 13 if start[8:9] in (b"\x00", b"\x01") else 9  # in the older and the newer head of a file
    if start[at : at + 2] != bytes((WIDE, WIDE)):
        raise Refusal("FILE-30", reason=f"its addresses and lengths do not have {WIDE} bytes each")


def places_of(file: BinaryIO, mark: bytes) -> Iterator[int]:
    """Where in a file some bytes stand."""
    begin, before = 0, b""
    while True:
        file.seek(begin + len(before))
        block = file.read(BLOCK)
        if not block:
            return
        text, at = before + block, -1
        while (at := text.find(mark, at + 1)) >= 0:
            yield begin + at
        before = text[1 - len(mark) :]
        begin += len(text) - len(before)


class Piece(NamedTuple):
    """A piece of a heap: where its head begins in it, its number, and how many bytes it says that it has."""

    at: int
    number: int
    size: int


def pieces(file: BinaryIO, place: int) -> Iterator[Piece]:
    """The pieces of a heap, as the library goes from one to the next. Raises Refusal."""
    file.seek(place)
    head = file.read(HEAD.size)
    if len(head) < HEAD.size:
        return
    at, end = HEAD.size, HEAD.unpack(head)[1]
    while at + PIECE.size <= end:
        file.seek(place + at)
        found = file.read(PIECE.size)
        if len(found) < PIECE.size:
            return
        number, _, _, size = PIECE.unpack(found)
        yield Piece(at, number, size)
        step = (size if number == 0 else PIECE.size + (size + 7) // 8 * 8) % 2**64
        if step == 0:
            raise Refusal("FILE-30", reason=f"a piece of the heap at byte {place} says that it has no bytes")
        at += step
