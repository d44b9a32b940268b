"""The files that are served: their names, and what happens when one of them changes."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mapsto.core.errors import MapstoError, UsageError
from mapsto.files.leftovers import folder_in
from mapsto.server.logs import Log
from mapsto.server.metrics import Metrics

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
NO_ROOM = "SERVE-10"  # the code of a failure that is no fault of the file's
LOOKS = 10  # between two attempts then
State = tuple[int, int, int] | None  # of a file: when it was written, its size and number; None if there is none


def named(paths: Iterable[Path]) -> dict[str, Path]:
    """Files ↦ the same by the names of their models, which stand in addresses. Raises UsageError (SERVE-01).

    >>> named([Path("nets/digits.mapsto")])
    {'digits': PosixPath('nets/digits.mapsto')}
    """
    found: dict[str, Path] = {}
    for path in paths:
        name = path.name.removesuffix(".mapsto")
        if not NAME.fullmatch(name) or name in found:
            what = f"it is the name of {found[name]} too" if name in found else "it is to stand in an address"
            fix = "rename the file: letters, digits, -, _ and . make a name, of 64 at most"
            raise UsageError("SERVE-01", path=str(path), name=name, reason=what, fix=fix)
        found[name] = path
    return found


def state_of(path: Path) -> State:
    """What tells a file from the one that stood there before."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def no_room(path: Path | str, problem: OSError) -> UsageError:
    """What the disk says ↦ the error that there is no room for a copy."""
    fix = "make room there, or set TMPDIR to another folder"
    return UsageError(NO_ROOM, path=str(path), reason=problem.strerror or problem, fix=fix)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is gone afterwards, and what killed servers left is gone at once. Raises UsageError (SERVE-10)."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(folder_in(Path(tempfile.gettempdir()), "mapsto-"))
        except OSError as problem:
            raise no_room("a file", problem) from problem
        yield folder


@dataclass
class Watch:
    """Files that are looked at every `pause` seconds; `reload(name, path)` takes in one that has changed.

    A file that is being written, and so differs from one look to the next, is waited for. One that cannot be taken in
    leaves everything as it was, is named in the log with the reason, and is tried again when it changes again; where
    only the room for its copy was missing, also after a while.
    """

    files: dict[str, Path]
    reload: Callable[[str, Path], Awaitable[None]]
    pause: float
    log: Log
    metrics: Metrics

    def __post_init__(self) -> None:
        self.known = {name: state_of(path) for name, path in self.files.items()}
        self.before = dict(self.known)
        self.pauses: dict[str, int] = {}  # looks until a file is tried again that had no room

    async def keep(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(self.pause)
            for name, path in self.files.items():
                await self.look(name, path)

    async def look(self, name: str, path: Path) -> None:
        state = state_of(path)
        settled, self.before[name] = state == self.before[name], state
        again = self.pauses.get(name, 0)
        if again > 1:
            self.pauses[name] = again - 1
        if (state == self.known[name] and again != 1) or not settled:
            return
        self.known[name] = state
        self.pauses.pop(name, None)
        try:
            await self.reload(name, path)
        except Exception as problem:
            if isinstance(problem, MapstoError) and problem.code == NO_ROOM:
                self.pauses[name] = LOOKS
            reason = problem.headline if isinstance(problem, MapstoError) else f"{type(problem).__name__}: {problem}"
            self.metrics.reloads.labels(name, "refused").inc()
            self.log("reload refused", model=name, file=str(path), reason=reason, kept="the model as it was")
        else:
            self.metrics.reloads.labels(name, "done").inc()
            self.log("reload", model=name, file=str(path))
