"""What a killed process leaves behind, temporary files beside a target and folders: the next one removes it."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


def temporary_for(target: Path) -> Path:
    """A new name beside a path, which says what process uses it."""
    return target.with_name(new_name(f".{target.name}.", ".part"))


def new_name(before: str, after: str) -> str:
    return f"{before}{os.getpid()}-{secrets.token_hex(6)}{after}"


@contextlib.contextmanager
def held(path: Path | str, must: bool) -> Iterator[None]:
    """Lock a file or folder within this block. The system unlocks it when the process ends.

    Raises OSError if another process holds it. Without `must` the block runs nevertheless, since some disks know no
    locks. Does nothing where files cannot be held, or renamed while they are open (Windows).
    """
    if fcntl is None:
        yield
        return
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except IsADirectoryError:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with contextlib.nullcontext() if must else contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def folder_in(parent: Path, before: str, after: str = "") -> Iterator[Path]:
    """A new folder of this user's within this block, called `before`, the process, `after`. Raises OSError.

    Those that killed processes left under such names go away first.
    """
    remove_leftovers(parent, before, after)
    name = new_name(before, after)
    folder, unseen = parent / name, parent / f".{name}.new"
    unseen.mkdir(0o700)
    try:
        with held(unseen, must=False):  # before it has a name by which others remove it
            unseen.rename(folder)
            yield folder
    finally:
        for path in (unseen, folder):
            shutil.rmtree(path, ignore_errors=True)


def remove_leftovers(parent: Path, before: str, after: str = ".part") -> None:
    """Remove this user's temporary files and folders of such names whose process is gone. No link is followed.

    A process of that number may be hidden, in another container or on another machine with the same disk. So what is
    removed must be held by nobody, as well; where files cannot be held, nothing is removed.
    """
    name = re.compile(re.escape(before) + r"([0-9]{1,9})-[0-9a-f]{12}" + re.escape(after))
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            found = name.fullmatch(entry.name)
            if not found or not is_gone(int(found[1])):
                continue
            with contextlib.suppress(OSError):
                if entry.stat(follow_symlinks=False).st_uid == os.geteuid():
                    remove(entry)


def remove(entry: os.DirEntry[str]) -> None:
    """Remove a file, or a folder with all that is in it, if nobody holds it; anything else stays. Raises OSError."""
    if entry.is_file(follow_symlinks=False):
        with held(entry.path, must=True):
            os.unlink(entry.path)
    elif entry.is_dir(follow_symlinks=False):
        with held(entry.path, must=True):
            shutil.rmtree(entry.path)


def is_gone(process: int) -> bool:
    """Whether there is no process of this number here."""
    if fcntl is None:  # where there are no locks, asking would end the process
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
