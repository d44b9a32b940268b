"""What a check yields: a table of laws, each passed, failed with its smallest example, or not applicable."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mapsto.array.array import Array
from mapsto.core.errors import PathError

Verdict = Literal["passed", "failed", "does not apply"]
SHOWN = 64  # numbers of an array that are printed; of a larger one, only some


@dataclass(frozen=True, eq=False)
class Counterexample:
    """The smallest example found that breaks a law: the arguments by path, and where, expected and found in words."""

    inputs: dict[str, Array]
    where: str
    expected: str
    found: str
    remark: str = ""

    def lines(self) -> list[str]:
        told = [("where", self.where), ("expected", self.expected), ("found", self.found), ("remark", self.remark)]
        with np.printoptions(threshold=SHOWN, edgeitems=2, precision=6, linewidth=100):
            told += [(path, repr(array)) for path, array in self.inputs.items()]
        told = [(name, text) for name, text in told if text]
        width = max(len(name) for name, _ in told)
        gap = "\n" + " " * (width + 4)
        return [f"  {name:<{width}}  {text.replace(chr(10), gap)}" for name, text in told]


@dataclass(frozen=True, eq=False)
class Law:
    """One law: its name, the verdict, in `note` how closely it was held or why it does not apply."""

    name: str
    verdict: Verdict
    note: str = ""
    counterexample: Counterexample | None = None


@dataclass(frozen=True, eq=False)
class Report:
    """The laws that `mt.check` tried. True if none failed; `report["vmap = loop"]` is one law; print it as a table."""

    title: str
    laws: tuple[Law, ...]

    @property
    def passed(self) -> bool:
        """Whether no law failed. One that does not apply is no failure."""
        return not self.failed

    @property
    def failed(self) -> list[Law]:
        return [law for law in self.laws if law.verdict == "failed"]

    def __bool__(self) -> bool:
        return self.passed

    def __iter__(self) -> Iterator[Law]:
        return iter(self.laws)

    def __getitem__(self, name: str) -> Law:
        found = [law for law in self.laws if law.name == name]
        if not found:
            raise PathError("MAP-06", pattern=name, fix="the laws are " + ", ".join(law.name for law in self.laws))
        return found[0]

    def __str__(self) -> str:
        width = max(len(law.name) for law in self.laws)
        lines = [self.title, ""]
        lines += [f"{law.name:<{width}}  {law.verdict:<14}  {law.note}".rstrip() for law in self.laws]
        for law in self.failed:
            lines += ["", f"{law.name} failed"]
            lines += law.counterexample.lines() if law.counterexample is not None else []
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"
