"""Ctrl-C at the boundary of a step: a step is taken whole or not at all."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class StepBoundary:
    """Within this block, Ctrl-C waits for `check`; a second one does not wait.

    Only the main thread of a program gets signals, and a handler that the user installed stays in charge.
    """

    def __init__(self) -> None:
        self.asked = False
        self.before: Any = None

    def __enter__(self) -> StepBoundary:
        mine = threading.current_thread() is threading.main_thread()
        if mine and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self.before = signal.signal(signal.SIGINT, self.ask)
        return self

    def __exit__(self, *error: object) -> None:
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)

    def ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def check(self) -> None:
        """Raise the KeyboardInterrupt that was asked for."""
        if self.asked:
            self.asked = False
            raise KeyboardInterrupt
