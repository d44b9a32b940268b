"""What LLVM leaves in memory when it has done its work, given back to the system.

LLVM's library is a file of 170 MiB, of which its start reads 38 MiB and the code generation of a step 30 MiB more: code
and tables that nobody ever writes. Linux counts each page that was read as resident until it needs the room. Told that
nobody needs them now, it forgets that this process had them; who reads them again gets them from the file's cache,
within 1.5 ms for a small function. What LLVM had allocated lies between things that stay: the C library hands
such pages back if it is asked to.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator
from functools import cache
from mmap import PAGESIZE
from pathlib import Path
from typing import Any

MAPS = Path("/proc/self/maps")
LIBRARIES = ("libllvmlite", "libLLVM")
DONT_NEED = 4  # MADV_DONTNEED of Linux
SEGMENT, WRITABLE = 1, 2  # PT_LOAD and PF_W of ELF


def give_back() -> None:
    """Hand back what LLVM's library and the C library's heap hold without need, where the system is Linux.

    >>> give_back()
    """
    if not MAPS.exists():
        return
    system = _system()
    for begin, end in library_pages(MAPS.read_text()):
        system.madvise(begin, end - begin, DONT_NEED)
    if hasattr(system, "malloc_trim"):  # glibc has it, musl has not
        system.malloc_trim(0)


@cache
def _system() -> Any:
    system = ctypes.CDLL(None)
    system.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return system


def library_pages(maps: str) -> Iterator[tuple[int, int]]:
    """The text of /proc/self/maps ↦ (first address, address behind) of what is only read in LLVM's library.

    The library's own header says what that is. In `maps`, what the loader has written and then protected looks alike,
    and would be lost.
    """
    for line in maps.splitlines():
        words = line.split(maxsplit=5)
        if len(words) == 6 and int(words[2], 16) == 0 and Path(words[5]).name.startswith(LIBRARIES):
            start = int(words[0].split("-")[0], 16)
            for begin, end in read_only(words[5]):
                yield start + begin, start + end


@cache
def read_only(path: str) -> tuple[tuple[int, int], ...]:
    """The path of a library ↦ the parts of its memory that are never written, in whole pages from its start on.

    There are none where the file is not what 64-bit Linux loads. Source: System V ABI, chapter 5, "Program Header".
    """
    try:
        with open(path, "rb") as file:
            head = file.read(64)
            if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01":
                return ()
            (where,) = struct.unpack_from("<Q", head, 32)
            size, count = struct.unpack_from("<HH", head, 54)
            file.seek(where)
            table = file.read(size * count)
    except OSError:
        return ()
    found: list[tuple[int, int]] = []
    for row in range(0, len(table), size):
        kind, flags, _, address, _, _, length = struct.unpack_from("<IIQQQQQ", table, row)
        begin, end = -(-address // PAGESIZE) * PAGESIZE, (address + length) // PAGESIZE * PAGESIZE
        if kind == SEGMENT and not flags & WRITABLE and begin < end:
            found.append((begin, end))
    return tuple(found)
