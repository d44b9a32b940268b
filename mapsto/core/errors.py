"""Errors as data: a code, the facts, both operands, the mapping's path, the user's line and the fix.

The headline of every code stands in one table (`core.codes`), so an error can be explained and translated; `render`
turns the data into at most 12 lines of text, the last of which say where it happened and what to do.
"""

from __future__ import annotations

from typing import Any

from mapsto.core import where
from mapsto.core.codes import HEADLINES

LINES = 12  # of a message, so that it is read
LINE = 600  # characters of one of them: a value from a broken file may have any length
Operand = tuple[str, object, str]  # name, value or spec, remark


class MapstoError(Exception):
    """The base of everything mapsto raises on purpose."""

    def __init__(
        self, code: str, *, operands: tuple[Operand, ...] = (), fix: str = "", path: str | None = None, **facts: Any
    ) -> None:
        self.code = code
        self.facts = facts
        self.operands = operands
        self.fix = fix
        self.path = where.current_path() if path is None else path
        self.line = where.user_line()
        super().__init__(self.render())

    @property
    def headline(self) -> str:
        """What is wrong, in one line: the code's template with the facts in it."""
        return one_line(HEADLINES[self.code].format(path=self.path, **self.facts))

    def render(self) -> str:
        """The headline with its place and code, the operands, the user's line and the fix."""
        place = f"in {self.path}: " if self.path and "{path}" not in HEADLINES[self.code] else ""
        rows = [(name, one_line(value), one_line(remark)) for name, value, remark in self.operands]
        last = [(name, one_line(value), "") for name, value in (("line", self.line), ("fix", self.fix)) if value]
        room = LINES - 1 - len(last)
        if len(rows) > room:  # what to do counts more than the tenth operand
            rows[room - 1 :] = [("…", f"and {len(rows) - room + 1} more", "")]
        rows += last
        width = max((len(name) for name, _, _ in rows), default=0)
        wide = max((len(value) for _, value, remark in rows if remark), default=0)
        lines = [f"{place}{self.headline}  [{self.code}]"]
        for name, value, remark in rows:
            lines.append(f"  {name:<{width}}  {value:<{wide if remark else 0}}    {remark}".rstrip())
        return "\n".join(lines)

    def place(self, path: str, line: str) -> None:
        """Say where the program asked for what failed, if nothing is known but where it ran."""
        if not self.path:
            self.path, self.line = path, line or self.line
            self.args = (self.render(),)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), dict(self.__dict__))


def one_line(value: object) -> str:
    """A value as a line, without its middle if that is too long.

    >>> len(one_line("word " * 1000))
    600
    """
    text = " ".join(str(value).splitlines())
    return text if len(text) <= LINE else f"{text[: LINE - 203]} … {text[-200:]}"


def _restore(kind: type[MapstoError], state: dict[str, Any]) -> MapstoError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args = (error.render(),)
    return error


class ShapeError(MapstoError, ValueError):
    """Shapes that do not fit each other or do not exist."""


class AxisError(ShapeError, IndexError):
    """An axis that an array does not have. To programs for every array library it is an IndexError, as NumPy's."""


class DTypeError(MapstoError, TypeError):
    """Element types that do not fit each other or do not exist."""


class UsageError(MapstoError, TypeError):
    """A call that cannot mean anything: wrong kind of argument, wrong order of steps."""


class DataError(MapstoError, ValueError):
    """Data that does not fit its description: labels, files of samples, empty sets."""


class FormatError(MapstoError, ValueError):
    """A file that is not what it claims to be."""


class LimitError(MapstoError, ValueError):
    """Input larger than what is accepted, refused before it is decoded."""


class IndexRangeError(MapstoError, IndexError):
    """An index outside its axis, or one that does not fit the array."""


class NonFiniteError(MapstoError, ArithmeticError):
    """A loss or gradient that is NaN or infinite; raised before anything is updated."""


class TraceError(MapstoError, TypeError):
    """A traced value used where only a known number will do, or outside its trace."""


class FrozenError(MapstoError, AttributeError):
    """An assignment to a finished mapping; mappings are immutable."""


class DonatedError(MapstoError, RuntimeError):
    """An array used after it was given away to a compiled function."""


class CompileError(MapstoError, RuntimeError):
    """Native code that could not be made."""


class StateError(MapstoError, RuntimeError):
    """A mapping used before its parameters exist, or in the wrong mode."""


class PathError(MapstoError, KeyError):
    """A path that selects nothing."""

    __str__ = Exception.__str__  # KeyError would show the repr


class UnknownNameError(MapstoError, AttributeError):
    """A name or method of another framework, answered with the one here."""


class UnknownImportError(MapstoError, ImportError):
    """The same in `from package import name`."""
