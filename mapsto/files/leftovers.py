"""What a save leaves behind when its process is killed, a temporary file beside the target: the next one removes it."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


def temporary_for(target: Path) -> Path:
    """A new name beside a path, which says what process uses it."""
    return target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(6)}.part")


@contextlib.contextmanager
def held(path: Path | str, must: bool) -> Iterator[None]:
    """Hold a file within this block; the system lets go of it when the process ends. Raises OSError if it is held.
    Without `must`, it goes on nevertheless: some disks know no locks.

    Does nothing where files cannot be held, or renamed while they are open (Windows).
    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        with contextlib.nullcontext() if must else contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def remove_leftovers(target: Path) -> None:
    """Remove the temporary files for this path whose process is gone.

    A process of that number may be hidden, in another container or on another machine with the same disk. So the file
    must be one that nobody holds, as well; where files cannot be held, nothing is removed.
    """
    name = re.compile(re.escape(f".{target.name}.") + r"([0-9]{1,9})-[0-9a-f]{12}\.part")
    with contextlib.suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            found = name.fullmatch(entry.name)
            if found and entry.is_file(follow_symlinks=False) and is_gone(int(found[1])):
                with contextlib.suppress(OSError), held(entry.path, must=True):
                    os.unlink(entry.path)


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
