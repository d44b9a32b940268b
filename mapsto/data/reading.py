"""Reading files of samples: what the system says becomes one error, and unpacking has a limit."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from mapsto.core.errors import DataError, LimitError, UsageError

RENEW = "get the file again, and compare its checksum with the publisher's"
MISSING = "check the path"
CHUNK = 1 << 20
# First bytes ↦ how to unpack; names are not trusted.
UNPACKERS = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ\x00": lzma.open, b"BZh": bz2.open}
LONGEST = max(map(len, UNPACKERS))


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Within it, what the system and the unpackers raise is a DataError (READ-01)."""
    try:
        yield
    except OSError as problem:
        missing = problem.strerror is not None and not isinstance(problem, gzip.BadGzipFile)
        reason = problem.strerror if missing else f"the packed data is damaged ({problem})"
        raise DataError("READ-01", path=path, reason=reason, fix=MISSING if missing else RENEW) from problem
    except (EOFError, zlib.error, lzma.LZMAError) as problem:
        reason = f"the packed data is damaged ({problem})"
        raise DataError("READ-01", path=path, reason=reason, fix=RENEW) from problem


@contextmanager
def unpacked(path: str) -> Iterator[BinaryIO]:
    """A path ↦ the open file, or what it unpacks to if its first bytes say gzip, xz or bzip2."""
    with open(path, "rb") as raw:
        start = raw.read(LONGEST)
        raw.seek(0)
        opener = next((opener for magic, opener in UNPACKERS.items() if start.startswith(magic)), None)
        if opener is None:
            yield raw
            return
        with cast(Any, opener)(raw, "rb") as file:
            yield file


class Counted:
    """A file that refuses to give more than `limit` bytes: a small file cannot unpack to fill the memory."""

    def __init__(self, file: BinaryIO, path: str, limit: int) -> None:
        self.file, self.path, self.limit = file, path, limit
        self.left = limit
        self.last = b""  # what was read last, up to a block of a tar

    def read(self, size: int) -> bytes:
        content = self.file.read(min(size, self.left + 1))
        self.left -= len(content)
        self.last = (self.last + content)[-512:]
        if self.left < 0:
            fix = "if that is what you expect, raise limit_bytes, or unpack it into a folder"
            raise LimitError("READ-03", path=self.path, limit=self.limit, fix=fix)
        return content


def read_at_most(file: BinaryIO, most: int) -> bytearray:
    """At most `most` bytes; the memory grows with what is there, not with what a header promised."""
    body = bytearray()
    while len(body) < most:
        chunk = file.read(min(CHUNK, most - len(body)))
        if not chunk:
            break
        body += chunk
    return body


def path_text(path: Any) -> str:
    """A path as text; `~` is the user's folder. Raises UsageError (ARG-01) for what is no path."""
    if not isinstance(path, str | os.PathLike):
        wanted = "a path, as text or as a pathlib.Path"
        raise UsageError("ARG-01", function="reading a file", name="path", value=path, wanted=wanted)
    return os.path.expanduser(os.fspath(path))
