"""Texts that a stranger's HDF5 file says of its parts: those with lengths of their own are read here, not by h5py.

Asked for such a text, libhdf5 (2.0 and before) makes room for as many bytes as the file says that it has, up to 4 GiB,
before it looks whether they are there. Layouts are those of the "HDF5 File Format Specification": sections IV.A.1,
"Data Object Headers", IV.A.2.m, "The Attribute Message", and III.E, "Global Heap".
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from mapsto.files.container import Refusal, too_large
from mapsto.files.hdf5_heaps import HEAP, PIECE, pieces
from mapsto.files.hdf5_parts import LONGEST, MOST_PARTS, h5py, shown

ATTRIBUTE, CONTINUED = 0x0C, 0x10  # kinds of messages in the head of a group
SHARED = 2  # the flag of a message that stands elsewhere
PLACE = struct.Struct("<QQ")  # where a head goes on, and for how many bytes
TEXT = struct.Struct("<IQI")  # how many bytes a text has, in which heap, and as which piece
MOST_HEAD, MOST_BLOCKS = 4 << 20, 1000  # bytes of a block of a head, and blocks
ELSEWHERE = "write it in the older format: h5repack --low=0 old.h5 new.h5"


class Message(NamedTuple):
    """What stands in the head of a group."""

    kind: int
    flags: int
    content: bytes


class Texts:
    """The texts of one open file."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.heaps: dict[int, dict[int, tuple[int, int]]] = {}

    def one(self, group: Any, name: str) -> str:
        """An attribute that is one text; empty if there is none, or something else. Raises Refusal."""
        if name not in group.attrs:
            return ""
        kind = group.attrs.get_id(name)
        if kind.shape != () or h5py.check_string_dtype(kind.dtype) is None:
            return ""
        return self.read(group, name, kind)[0]

    def several(self, group: Any, name: str) -> list[str]:
        """An attribute that is a list of texts. Raises Refusal."""
        kind = group.attrs.get_id(name)
        if h5py.check_string_dtype(kind.dtype) is None or kind.shape is None or len(kind.shape) != 1:
            raise Refusal("FILE-30", reason=f"{name} of {shown(group)} is no list of texts")
        return self.read(group, name, kind)

    def read(self, group: Any, name: str, kind: Any) -> list[str]:
        count, length = math.prod(kind.shape), h5py.check_string_dtype(kind.dtype).length
        if count > MOST_PARTS or (length or 0) > LONGEST:
            raise too_large(f"{name} with {count} texts of {length} bytes", f"{MOST_PARTS} of {LONGEST}")
        if length is None:
            found = self.own(group, name, count)
        else:
            whole = group.attrs[name]
            found = [bytes(whole)] if kind.shape == () else [bytes(one) for one in whole]
        return [one.decode("utf-8", "surrogateescape") for one in found]

    def own(self, group: Any, name: str, count: int) -> list[bytes]:
        """So many texts with a length each. Raises Refusal."""
        head = h5py.h5o.get_info(group.id).addr
        content = next((raw for found, raw in attributes(self.file, head) if found == name.encode()), None)
        if content is None or len(content) < count * TEXT.size:
            raise Refusal("FILE-30", ELSEWHERE, reason=f"{name} of {shown(group)} is not in its head")
        return [self.text(*TEXT.unpack_from(content, at * TEXT.size)) for at in range(count)]

    def text(self, length: int, heap: int, number: int) -> bytes:
        if length > LONGEST:
            raise too_large(f"a text of {length} bytes", f"{LONGEST}")
        if length == 0:
            return b""
        if heap not in self.heaps:
            if at(self.file, heap, len(HEAP)) != HEAP:
                raise Refusal("FILE-30", reason=f"a text is to stand in a heap at byte {heap}, where there is none")
            self.heaps[heap] = {piece.number: (piece.at, piece.size) for piece in pieces(self.file, heap)}
        begin, size = self.heaps[heap].get(number, (0, 0))
        if length > size:
            raise Refusal("FILE-30", reason=f"a text of {length} bytes is to stand in {size} of a heap")
        return at(self.file, heap + begin + PIECE.size, length).partition(b"\0")[0]


def at(file: BinaryIO, place: int, count: int) -> bytes:
    """Exactly so many bytes at a place of a file. Raises Refusal."""
    if place >= 2**63 or count > MOST_HEAD:
        raise Refusal("FILE-30", reason=f"a part of {count} bytes at byte {place}")
    file.seek(place)
    found = file.read(count)
    if len(found) < count:
        raise Refusal("FILE-30", reason=f"a part of {count} bytes at byte {place}, where the file ends")
    return found


def attributes(file: BinaryIO, place: int) -> Iterator[tuple[bytes, bytes]]:
    """Where the head of a group begins ↦ the names and contents of the attributes in it. Raises Refusal."""
    for message in messages(file, place):
        content = message.content
        if message.kind != ATTRIBUTE or message.flags & SHARED or len(content) < 9:
            continue
        version, begin = content[0], 9 if content[0] == 3 else 8
        sizes = struct.unpack_from("<3H", content, 2)  # of name, type and shape, which precede the content
        name = content[begin : begin + sizes[0]]
        before = sum(size + -size % 8 if version == 1 else size for size in sizes)
        yield name.partition(b"\0")[0], content[begin + before :]


def messages(file: BinaryIO, place: int) -> Iterator[Message]:
    """Where the head of a group begins ↦ what stands in it, block by block. Raises Refusal."""
    start = at(file, place, 16)
    newer = start[:4] == b"OHDR"
    if (start[4] != 2) if newer else (start[0] != 1):  # its version
        raise Refusal("FILE-30", reason=f"no group begins at byte {place}")
    if newer:
        flags = start[5]
        before = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        size = int.from_bytes(at(file, place + before, width), "little")
        blocks = [(place + before + width, size)]
        head = struct.Struct("<BHB2x" if flags & 4 else "<BHB")
    else:
        blocks = [(place + 16, int.from_bytes(start[8:12], "little"))]
        head = struct.Struct("<HHB3x")
    seen = 0
    while blocks:
        begin, size = blocks.pop(0)
        seen += 1
        if seen > MOST_BLOCKS:
            raise too_large(f"the head of a group in more than {MOST_BLOCKS} blocks", f"{MOST_BLOCKS}")
        for message in in_block(at(file, begin, size), head):
            if message.kind == CONTINUED and len(message.content) >= PLACE.size:
                begin, size = PLACE.unpack_from(message.content)
                blocks.append((begin + 4, size - 8) if newer and size >= 8 else (begin, size))  # a mark and a checksum
            yield message


def in_block(block: bytes, head: struct.Struct) -> Iterator[Message]:
    place = 0
    while place + head.size <= len(block):
        kind, size, flags = head.unpack_from(block, place)
        place += head.size
        yield Message(kind, flags, block[place : place + size])
        place += size
