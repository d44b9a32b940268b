"""From a picture's bytes or file to its pixels, as a host step."""

from __future__ import annotations

from typing import Any, ClassVar

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.compose.combine import Host
from mapsto.core.check import one_of
from mapsto.core.spec import DTYPES, Spec
from mapsto.image.checks import size_of
from mapsto.image.picture import decode_picture

CHANNELS = {"L": 1, "RGB": 3}


class Decode(Host):
    """A PNG or JPEG (bytes, path or binary file) ↦ u8[height, width, channels]. See `decode`."""

    _root: ClassVar[str] = ""  # alone it is no part of a net: its errors name no path

    def __init__(self, size: int | tuple[int, int], mode: str) -> None:
        one_of("decode", "mode", mode, tuple(CHANNELS))
        self.size, self.mode = size_of("decode", size), mode

    @property
    def output(self) -> Spec:
        return Spec(DTYPES["u8"], (*self.size, CHANNELS[self.mode]))

    def __call__(self, source: Any) -> Array:
        return asarray(decode_picture(source, self.size, self.mode))  # type: ignore[arg-type]


def decode(size: int | tuple[int, int], mode: str = "RGB") -> Decode:
    """A picture's bytes or file ↦ its pixels, resized to (height, width), in one channel ("L") or three ("RGB").

    One number is the size of both sides.

    Bytes, path or binary file ↦ u8[height, width, c], 0 … 255. Runs on the host, one picture at a time:
    `mt.each(image.decode((28, 28), "L"))` maps a batch. A file that cannot be read (DataError), what is neither PNG nor
    JPEG (FormatError), or too large (LimitError), is refused before it is decoded. Raises UsageError for another mode
    (ARG-02) or size (ARG-01).

    >>> from mapsto import data
    >>> print(decode((8, 8), "L")(data.sample_picture()).spec)
    u8[8,8,1]
    """
    return Decode(size, mode)
