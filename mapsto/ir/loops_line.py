"""One line of a kernel's text, word by word."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

TOKEN = re.compile(r"\s*(?:(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|-inf\b)|([A-Za-z_]\w*)|(\.\.|[-+=:;,→()\[\]]))", re.ASCII)
INDENT = 2
Thing = TypeVar("Thing")


class Line:
    """The words of a line and the place that is read next. What does not fit is a ValueError with the reason."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.at = 0
        position = 0
        while text[position:].strip():
            match = TOKEN.match(text, position)
            if match is None:
                raise ValueError(f"cannot read {text[position:].strip()[:40]!r}")
            position = match.end()
            kind = ("number", "name", "sign")[(match.lastindex or 1) - 1]
            self.tokens.append((kind, match[match.lastindex or 1]))

    def peek(self, ahead: int = 0) -> tuple[str, str]:
        place = self.at + ahead
        return self.tokens[place] if place < len(self.tokens) else ("end", "the end of the line")

    def sees(self, text: str, ahead: int = 0) -> bool:
        kind, found = self.peek(ahead)
        return found == text and kind != "end"

    def next(self, kind: str) -> str:
        """The next word, which must be a number or a name."""
        found, text = self.peek()
        if found != kind:
            raise ValueError(f"a {kind} is expected, not {text}")
        self.at += 1
        return text

    def accept(self, text: str) -> bool:
        """Step over a word if it comes next."""
        there = self.sees(text)
        self.at += there
        return there

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise ValueError(f"{text} is expected, not {self.peek()[1]}")

    def whole(self) -> int:
        text = self.next("number")
        if not re.fullmatch(r"-?\d{1,18}", text):
            raise ValueError(f"{text} is no whole number")
        return int(text)

    def several(self, one: Callable[[], Thing]) -> list[Thing]:
        """One or more, with commas."""
        found = [one()]
        while self.accept(","):
            found.append(one())
        return found

    def done(self) -> None:
        if self.at < len(self.tokens):
            raise ValueError(f"{self.peek()[1]} is one word too many")


def depth_of(text: str) -> int:
    """How far a line is indented, in levels."""
    depth, rest = divmod(len(text) - len(text.lstrip()), INDENT)
    if rest or "\t" in text:
        raise ValueError(f"levels are {INDENT} spaces apart")
    return depth
