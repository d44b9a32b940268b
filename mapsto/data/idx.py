"""IDX, the format of MNIST: a magic number, the extents, and the elements, big-endian, often gzipped.

The header, as Yann LeCun's page on MNIST describes it: two zero bytes, a byte for the element type, a byte for the
number of axes, one unsigned 32-bit integer for each extent.
"""

from __future__ import annotations

import math
import os
import struct
from typing import Any, BinaryIO

import numpy as np

from mapsto.core.errors import DataError, LimitError
from mapsto.data.reading import RENEW, path_text, read_at_most, reading, unpacked

ELEMENT_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_AXES = 32  # the format allows 255, NumPy 32 (64 since 2.0)
LIMIT_BYTES = 2**32  # of elements; the largest usual set, EMNIST, has 0.6 · 10⁹


def read_idx(path: str | os.PathLike[str], limit_bytes: int = LIMIT_BYTES) -> np.ndarray[Any, Any]:
    """The path of an IDX file, plain or gzipped ↦ its array, in the type and shape of its header.

    The elements come in native byte order (u8, i8, i16, i32, f32 or f64). Never more than one byte beyond the size in
    the header is read or unpacked, so a small file cannot unpack to fill the memory.

    Raises DataError where the file is missing or damaged (READ-01), is not IDX (IDX-01), or is shorter or longer than
    its header says (IDX-02, IDX-03); LimitError (IDX-04) where the header promises more than `limit_bytes`.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "labels-idx1-ubyte")
    >>> path.write_bytes(bytes([0, 0, 0x08, 1, 0, 0, 0, 3, 7, 2, 1]))
    11
    >>> read_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    name = path_text(path)
    with reading(name), unpacked(name) as file:
        dtype, shape = idx_header(file, name)
        expected = math.prod(shape) * dtype.itemsize  # Python's integers: a header cannot make it overflow
        # A zero elsewhere does not excuse an absurd extent: NumPy refuses such a shape.
        if math.prod(max(extent, 1) for extent in shape) * dtype.itemsize > limit_bytes:
            fix = "if that is what you expect, raise limit_bytes"
            raise LimitError("IDX-04", path=name, size=expected, limit=limit_bytes, fix=fix)
        body = read_at_most(file, expected + 1)
    if len(body) != expected:
        found = f"{len(body)} bytes" if len(body) < expected else f"more than {expected} bytes"
        raise DataError(
            "IDX-03",
            path=name,
            difference="shorter" if len(body) < expected else "longer",
            operands=(
                ("header", f"{expected} bytes", f"{dtype.name}{list(shape)}"),
                ("file", found, "after the header"),
            ),
            fix=RENEW,
        )
    return np.frombuffer(body, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def idx_header(file: BinaryIO, name: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """The start of the file ↦ the type and extents it promises."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in ELEMENT_TYPES or not 1 <= magic[3] <= MOST_AXES:
        raise DataError(
            "IDX-01",
            path=name,
            operands=(
                ("found", magic.hex(" ") or "nothing", "the first bytes"),
                ("expected", "00 00 TT NN", f"TT one of {', '.join(f'{t:02x}' for t in ELEMENT_TYPES)}; NN axes"),
            ),
            fix="give a file such as train-images-idx3-ubyte.gz",
        )
    extents = file.read(4 * magic[3])
    if len(extents) < 4 * magic[3]:
        sizes = (("header", f"{4 + 4 * magic[3]} bytes", ""), ("file", f"{4 + len(extents)} bytes", ""))
        raise DataError("IDX-02", path=name, operands=sizes, fix=RENEW)
    return np.dtype(ELEMENT_TYPES[magic[2]]), struct.unpack(f">{magic[3]}I", extents)
