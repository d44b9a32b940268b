"""Object code kept on disk, so that a program compiled once starts at once the next time.

An entry is a file named by its key, the checksum of all that the code depends on. It begins with a header: magic bytes,
the key, the length of the code, the checksum of all the rest. Nothing of it reaches the linker before these are
verified: LLVM loads object code with flipped bits without a word. What is damaged is compiled anew.

An entry is written to a file of its own and renamed, so nobody ever sees a part of one, however many write it at once.
The folder must belong to the user alone, since code in it is run; one that does not, or that cannot be written to, is
not used.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import sys
import tempfile
import time
from functools import cache
from hashlib import sha256
from itertools import count
from pathlib import Path

from mapsto.core.notes import note

LIMIT = 256 << 20  # bytes of all entries; the oldest go first
ABANDONED = 3600  # seconds after which what somebody began to write is swept
LONGEST = 64 << 20  # bytes of one entry
MAGIC = b"mapsto\x00\x01"
HEADER = struct.Struct("<8s32sQ32s")
OPENED = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)

_writes = count()


def key_of(*parts: str) -> bytes:
    """Texts ↦ their common checksum; ("ab", "c") and ("a", "bc") differ.

    >>> len(key_of("ab", "c")), key_of("ab", "c") == key_of("a", "bc")
    (32, False)
    """
    total = sha256()
    for part in parts:
        text = part.encode()
        total.update(struct.pack("<Q", len(text)) + text)
    return total.digest()


def folder() -> Path | None:
    """Where entries are: what MAPSTO_CACHE names, else the user's own folder for caches; None if nothing is kept.

    MAPSTO_CACHE of "" or "off" turns the cache off.
    """
    named = os.environ.get("MAPSTO_CACHE")
    if named in ("", "off"):
        return None
    try:
        path = Path(named).expanduser().absolute() if named else _usual()
    except RuntimeError:  # nobody's home: "~nobody/cache", or a user that the system does not know
        note(f"compiled code is not kept: there is no folder {named or '~'}")
        return None
    reason = _refused(path)
    if reason and (named or reason[0]):
        note(f"compiled code is not kept: {path} {reason[1]}")
    return None if reason else path


def _usual() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mapsto"
    if os.name == "nt" and "LOCALAPPDATA" in os.environ:
        return Path(os.environ["LOCALAPPDATA"], "mapsto", "cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mapsto"


@cache
def _refused(path: Path) -> tuple[bool, str] | None:
    """Why a folder cannot be used, and whether that may be somebody's intention; None if it can. Made if need be."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
    except OSError as problem:
        return False, f"cannot be made ({problem.strerror})"
    if hasattr(os, "geteuid"):
        if found.st_uid != os.geteuid():
            return True, "belongs to somebody else"
        if found.st_mode & 0o022:
            return True, "can be written to by others (chmod 700 mends it)"
    if not stat.S_ISDIR(found.st_mode) or not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return False, "cannot be written to"
    return None


def read(key: bytes) -> bytes | None:
    """A key ↦ the object code kept under it, whole; None if there is none. A damaged entry gets a note."""
    place = folder()
    if place is None:
        return None
    try:
        data = _bytes_of(place / key.hex())
    except OSError:
        return None
    code = data[HEADER.size :]
    if data[: HEADER.size] == header(key, code):
        return code
    note(f"compiled code in {place} was damaged, and is compiled anew")
    return None


def _bytes_of(path: Path) -> bytes:
    descriptor = os.open(path, OPENED)
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        ours = not hasattr(os, "geteuid") or found.st_uid == os.geteuid()
        return file.read(min(found.st_size, LONGEST)) if ours and stat.S_ISREG(found.st_mode) else b""


def header(key: bytes, code: bytes) -> bytes:
    """What stands before the code of a key, 80 bytes; there is no other way to begin a whole entry."""
    length = struct.pack("<Q", len(code))
    return HEADER.pack(MAGIC, key, len(code), sha256(MAGIC + key + length + code).digest())


def write(key: bytes, code: bytes) -> None:
    """Keep object code under a key. What goes wrong is passed over: then it is compiled again the next time."""
    place = folder()
    if place is None:
        return
    _put(place / key.hex(), header(key, code) + code)
    if next(_writes) % 256 == 0:
        _trim(place)


def write_text(key: bytes, text: str) -> str:
    """Keep a text that somebody is to look at ↦ the path of its file, in the cache or where files are temporary."""
    place = folder()
    path = place / f"{key.hex()[:16]}.ll" if place else None
    if path and _put(path, text.encode()):
        return str(path)
    descriptor, name = tempfile.mkstemp(prefix="mapsto-", suffix=".ll")
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return name


def _put(path: Path, data: bytes) -> bool:
    """Write a file as a whole or not at all ↦ whether it is there. No fsync: what a crash tears the checksum shows."""
    name = None
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with open(descriptor, "wb") as file:
            file.write(data)
        os.replace(name, path)
        return True
    except OSError:
        if name is not None:
            with contextlib.suppress(OSError):
                os.unlink(name)
        return False


def _trim(place: Path) -> None:
    """Remove what was begun and abandoned, and the oldest entries above the limit."""
    with contextlib.suppress(OSError):
        files = [(entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in os.scandir(place)]
        total = sum(size for _, size, _ in files)
        for written, size, path in sorted(files):
            abandoned = path.endswith(".tmp") and time.time() - written > ABANDONED
            if total > LIMIT or abandoned:
                with contextlib.suppress(OSError):
                    os.unlink(path)
                total -= size
