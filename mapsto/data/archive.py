"""Tar archives from strangers: read while streaming, within limits, and never unpacked to the disk."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, cast

from mapsto.core.errors import DataError, FormatError, LimitError, MapstoError
from mapsto.data.reading import RENEW, Counted, reading, unpacked

LIMIT_BYTES = 1 << 31  # of everything in the archive, unpacked
LIMIT_MEMBERS = 4_000_000  # ImageNet has 1.3 million files
REMAKE = "pack plain files in folders: tar -czf pictures.tar.gz pictures/"


def tar_members(
    path: str, wanted: Callable[[str], bool], limit_bytes: int = LIMIT_BYTES
) -> Iterator[tuple[str, bytes]]:
    """The path of a tar, plain, gzip, xz or bzip2 ↦ (name, content) of the wanted files, in their order.

    Names are given without empty parts and dots: `./a//b` is `a/b`.

    Raises FormatError (TAR-01) for a member whose name is absolute or leads out of its folder, for links, devices and
    sparse files, and for a name that appears twice, wanted or not; LimitError where it unpacks to more than
    `limit_bytes` (READ-03) or has too many members (TAR-02); DataError where it is no tar or damaged (TAR-03) or cannot
    be read (READ-01).
    """
    seen: set[str] = set()
    try:
        with reading(path), unpacked(path) as raw:
            counted = Counted(raw, path, limit_bytes)
            with tarfile.open(fileobj=cast(Any, counted), mode="r|") as archive:
                for member in archive:
                    cast(Any, archive).members = []  # it keeps them all, and here they are not needed again
                    name = str(PurePosixPath(member.name))  # ./a//b is a/b
                    check_member(path, name, member, seen)
                    if member.isreg() and wanted(name):
                        file = archive.extractfile(member)
                        assert file is not None
                        yield name, file.read()
            if counted.last.strip(b"\0"):
                # Cut off between two members; or another archive behind this one, which tarfile does not read.
                reason = "it does not end with a block of zeros"
                raise DataError("TAR-03", path=path, reason=reason, fix=RENEW)
    except (MapstoError, MemoryError, GeneratorExit):
        raise
    except Exception as problem:
        # A damaged header shows in tarfile as ReadError, ValueError, UnicodeError, RecursionError and others.
        reason = str(problem) or type(problem).__name__
        raise DataError("TAR-03", path=path, reason=reason[:200], fix=RENEW) from problem


def check_member(path: str, name: str, member: tarfile.TarInfo, seen: set[str]) -> None:
    """Refuse what a folder of pictures has no need of. Raises FormatError (TAR-01)."""
    parts = PurePosixPath(name).parts
    outside = ".." in parts or ".." in PureWindowsPath(name).parts
    if name.startswith(("/", "\\")) or PureWindowsPath(name).drive:
        what = "an absolute path"
    elif outside:
        what = "a path out of its folder"
    elif member.issym() or member.islnk():
        what = f"a link to {member.linkname}"
    elif not (member.isreg() or member.isdir()) or member.issparse():
        what = "neither a plain file nor a folder"
    elif name in seen and not member.isdir():
        what = "a name that appears twice"
    else:
        seen.add(name)
        if len(seen) > LIMIT_MEMBERS:
            raise LimitError("TAR-02", path=path, limit=LIMIT_MEMBERS, fix="unpack it into a folder")
        return
    raise FormatError("TAR-01", path=path, member=name[:100], what=what[:100], fix=REMAKE)
