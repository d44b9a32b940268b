"""IDX, the format of MNIST: a magic number, the extents, and the elements, big-endian, often gzipped.

The header, as Yann LeCun's page on MNIST describes it: two zero bytes, a byte for the element type, a byte for the
number of axes, one unsigned 32-bit integer for each extent.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from mapsto.core.errors import DataError, LimitError

ELEMENT_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_AXES = 32  # the format allows 255, NumPy 32 (64 since 2.0)
LIMIT_BYTES = 2**32  # of elements; the largest usual set, EMNIST, has 0.6 · 10⁹
_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20


def read_idx(path: str | os.PathLike[str], limit_bytes: int = LIMIT_BYTES) -> np.ndarray[Any, Any]:
    """The path of an IDX file, plain or gzipped ↦ its array, in the type and shape of its header.

    The elements come in native byte order (u8, i8, i16, i32, f32 or f64). Never more than one byte beyond the size in
    the header is read or unpacked, so a small file cannot unpack to fill the memory.

    Raises DataError (DATA-01) where the file is missing, is not IDX, is damaged, or is shorter or longer than its
    header says; LimitError (FILE-01) where the header promises more than `limit_bytes`.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "labels-idx1-ubyte")
    >>> path.write_bytes(bytes([0, 0, 0x08, 1, 0, 0, 0, 3, 7, 2, 1]))
    11
    >>> read_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    name = os.fspath(path)
    try:
        with open(name, "rb") as raw, _unpacked(raw) as file:
            dtype, shape = _header(file, name)
            expected = math.prod(shape) * dtype.itemsize  # Python's integers: a header cannot make it overflow
            if expected > limit_bytes:
                raise LimitError(
                    "FILE-01",
                    path=name,
                    problem=f"the header promises {expected} bytes of elements, more than the limit of {limit_bytes}",
                    fix="if that is what you expect, raise limit_bytes",
                )
            body = _read(file, expected + 1)
    except (OSError, EOFError, zlib.error) as problem:
        raise DataError("DATA-01", problem=f"cannot read {name}: {_reason(problem)}", fix=_FIX) from problem
    if len(body) != expected:
        found = f"{len(body)} bytes" if len(body) < expected else f"more than {expected} bytes"
        raise DataError(
            "DATA-01",
            problem=f"{name} is {'shorter' if len(body) < expected else 'longer'} than its header says",
            operands=(
                ("header", f"{expected} bytes", f"{dtype.name}{list(shape)}"),
                ("file", found, "after the header"),
            ),
            fix=_FIX,
        )
    return np.frombuffer(body, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


_FIX = "get the file again, and compare its checksum with the publisher's"


@contextmanager
def _unpacked(raw: BinaryIO) -> Iterator[BinaryIO]:
    """A file ↦ the same, or what it unpacks to if its first bytes say gzip (names are not trusted)."""
    start = raw.read(len(_GZIP))
    raw.seek(0)
    if start != _GZIP:
        yield raw
        return
    with gzip.GzipFile(fileobj=raw) as file:
        yield file  # pyright: ignore[reportReturnType]  # a BinaryIO in all that is used here


def _header(file: BinaryIO, name: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in ELEMENT_TYPES or not 1 <= magic[3] <= MOST_AXES:
        raise DataError(
            "DATA-01",
            problem=f"{name} is not an IDX file",
            operands=(
                ("found", magic.hex(" ") or "nothing", "the first bytes"),
                ("expected", "00 00 TT NN", f"TT one of {', '.join(f'{t:02x}' for t in ELEMENT_TYPES)}; NN axes"),
            ),
            fix="give a file such as train-images-idx3-ubyte.gz",
        )
    extents = file.read(4 * magic[3])
    if len(extents) < 4 * magic[3]:
        raise DataError(
            "DATA-01",
            problem=f"{name} ends within its header",
            operands=(("header", f"{4 + 4 * magic[3]} bytes", ""), ("file", f"{4 + len(extents)} bytes", "")),
            fix=_FIX,
        )
    return np.dtype(ELEMENT_TYPES[magic[2]]), struct.unpack(f">{magic[3]}I", extents)


def _read(file: BinaryIO, most: int) -> bytearray:
    """At most `most` bytes; the memory grows with what is there, not with what the header promised."""
    body = bytearray()
    while len(body) < most:
        chunk = file.read(min(_CHUNK, most - len(body)))
        if not chunk:
            break
        body += chunk
    return body


def _reason(problem: Exception) -> str:
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return f"the gzip data is damaged ({problem})"
