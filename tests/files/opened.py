"""Which files somebody opens in a folder, as the kernel tells it: C libraries open files unseen by Python."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

OPEN = 0x20
NONBLOCK = os.O_NONBLOCK


class Watched:
    """`opened` says, and forgets, whether anything was opened below the folder since it was last asked."""

    def __init__(self, folder: Path) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self.descriptor = library.inotify_init1(NONBLOCK)
        if self.descriptor < 0 or library.inotify_add_watch(self.descriptor, os.fsencode(folder), OPEN) < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    @property
    def opened(self) -> bool:
        try:
            return bool(os.read(self.descriptor, 1 << 16))
        except BlockingIOError:
            return False

    def close(self) -> None:
        os.close(self.descriptor)
