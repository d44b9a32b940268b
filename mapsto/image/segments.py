"""The segments that a JPEG is made of, walked before a decoder sees them."""

from __future__ import annotations

import re
import struct

from mapsto.image.refused import damaged, too_many

# A progressive JPEG is decoded by going over the whole picture once a scan, however few bytes the scan has (17 ms at 49
# million pixels). Encoders that try for the shortest file write up to some 30.
MOST_SCANS = 64
# Pillow joins segments with EXIF in a time that grows as their square. A colour profile may take 255.
MOST_SEGMENTS = 512

_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # within a scan's data, FF is followed by 0, or by D0 … D7
_STRETCH = 1 << 20  # bytes that one search passes: other threads wait for so long
_ALONE, _START, _END, _SCAN = 0x01, 0xD8, 0xD9, 0xDA  # markers
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers of segments that tell the picture's size


def size_and_scans(content: bytes, name: str) -> tuple[int, int, int]:
    """A JPEG's bytes ↦ width, height and number of scans.

    The segments are walked as libjpeg does: what stands between them is passed over, and the picture's end ends them.
    Raises, with the name in the message, FormatError (IMAGE-03) for a size that is missing or told twice, and
    LimitError (IMAGE-09) for more than 64 scans, or 512 segments before the first. Source: ITU-T T.81, annex B.

    >>> size_and_scans(bytes.fromhex("ffd8 ffc0 0008 08 0002 0003 00 ffda 0002 1234 ffd9"), "")
    (3, 2, 1)
    """
    size, scans, segments, place = b"", 0, 0, 2
    while True:
        found = next_marker(content, place)
        segments += 1 if scans else 1 + found - place  # Pillow looks at each byte between the first ones
        if segments > MOST_SEGMENTS:
            raise too_many(name, MOST_SEGMENTS, "segments")
        if found + 2 > len(content) or content[found + 1] == _END:
            break
        marker, place = content[found + 1], found + 2
        if marker == _ALONE:
            continue
        scans += marker == _SCAN
        if scans > MOST_SCANS:
            raise too_many(name, MOST_SCANS, "scans")
        if marker == _START or (size and marker in _FRAMES):
            raise damaged(name, "another picture begins within it")
        if marker in _FRAMES:
            size = content[place + 3 : place + 7]
        length = int.from_bytes(content[place : place + 2], "big")
        if length < 2:
            raise damaged(name, "a segment has no length")
        place += length
    if len(size) != 4:
        raise damaged(name, "it tells no size")
    height, width = struct.unpack(">HH", size)
    return width, height, scans


def next_marker(content: bytes, place: int) -> int:
    """Where the next marker stands from a place on; the length of all if there is none."""
    while place < len(content):
        found = _MARKER.search(content, place, place + _STRETCH + 1)
        if found:
            return found.start()
        place += _STRETCH
    return len(content)
