"""What the head of a PNG or JPEG says, before a decoder sees it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from mapsto.core.errors import FormatError, MapstoError
from mapsto.image.chunks import size_of_png
from mapsto.image.segments import size_and_scans

# Only these two: Pillow reads some forty formats, and their decoders have had holes (FITS, EPS, PDF, JPEG 2000).
SIGNATURES = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}
FREE_SCANS = 20  # libjpeg writes 10 scans, for CMYK 18; encoders that try for the shortest file seldom more


class Head(NamedTuple):
    """Which kind a picture is, its size, and of how many scans; a PNG is one."""

    kind: Literal["PNG", "JPEG"]
    width: int
    height: int
    scans: int = 1

    @property
    def work(self) -> int:
        """Its pixels; those of more than 20 scans count for more, in proportion.

        >>> Head("JPEG", 100, 10, 10).work, Head("JPEG", 100, 10, 60).work
        (1000, 3000)
        """
        return self.width * self.height * max(self.scans, FREE_SCANS) // FREE_SCANS


def head_of(content: bytes, name: str = "<bytes>") -> Head:
    """The bytes of a PNG or JPEG ↦ what its head says; nothing is decoded.

    Raises, with the name in the message, FormatError for what is neither (IMAGE-01) or tells no size (IMAGE-03), and
    LimitError (IMAGE-09) for more scans, segments or chunks than any encoder writes.

    >>> head_of(bytes.fromhex("89504e470d0a1a0a0000000d494844520000000300000002"))
    Head(kind='PNG', width=3, height=2, scans=1)
    """
    kind = next((kind for start, kind in SIGNATURES.items() if content.startswith(start)), None)
    if kind is None:
        start = content[:8].hex(" ") or "nothing"
        raise FormatError("IMAGE-01", path=name, start=start, fix="save it as PNG or JPEG")
    if kind == "PNG":
        return Head("PNG", *size_of_png(content, name))
    return Head("JPEG", *size_and_scans(content, name))


def work_of(content: bytes) -> int:
    """The bytes of a picture ↦ as how many pixels it is decoded; 0 if it is refused before."""
    try:
        return head_of(content).work
    except MapstoError:
        return 0
