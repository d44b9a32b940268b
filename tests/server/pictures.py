"""Pictures as files."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def picture(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    """u8[h, w, 1] ↦ a file."""
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0]).save(file, kind)
    return file.getvalue()


SCAN = b"\xff\xda"  # what a scan of a JPEG begins with


def with_scans(side: int, count: int) -> bytes:
    """A progressive JPEG, its last scan so many times."""
    made = io.BytesIO()
    Image.new("L", (side, side)).save(made, "JPEG", progressive=True)
    file = made.getvalue()
    last = file.rindex(SCAN)
    return file[:last] + file[last:-2] * count + b"\xff\xd9"


def bomb(width: int, height: int) -> bytes:
    """A small PNG that says it is large."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
