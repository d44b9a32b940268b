"""What an error's code means, with an example that raises it and the same example mended.

The texts stand in `pages/`, one file for each family of codes; a test runs every example.
"""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import indent

from mapsto.core.codes import HEADLINES
from mapsto.core.errors import MapstoError, UsageError

PAGES = Path(__file__).with_name("pages")
# What every example begins with.
PRELUDE = "import mapsto as mt, numpy as np\nfrom mapsto import data, image, losses, metrics, nn, optim, text, xp\n"
SECTION = re.compile(r"^## (?P<code>\S+)\n(?P<meaning>.*?)^```python\n(?P<wrong>.*?)^```\n(?P<mended>.*)", re.M | re.S)
MENDED = re.compile(r"^```python\n(.*?)^```\n?\s*\Z", re.M | re.S)


@dataclass(frozen=True)
class Explanation:
    """One code: its headline, what it means, an example that raises it, and the mended one. `str` is for reading."""

    code: str
    headline: str
    meaning: str
    wrong: str
    mended: str

    def __str__(self) -> str:
        parts = (
            f"{self.code}  {self.headline}",
            indent(self.meaning, "  "),
            "  raises it:",
            indent(self.wrong, "      "),
        )
        return "\n\n".join((*parts, "  does not:", indent(self.mended, "      ")))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


@cache
def page(family: str) -> tuple[str, dict[str, Explanation]]:
    """A family such as `SHAPE` ↦ what its codes are about, and their explanations by code."""
    path = PAGES / f"{family.lower()}.md"
    if not path.exists():
        return "", {}
    title, *sections = re.split(r"^(?=## )", path.read_text(encoding="utf-8"), flags=re.M)
    made = [read_section(section, path.name) for section in sections]
    return title.strip().removeprefix("# "), {one.code: one for one in made}


def read_section(text: str, name: str) -> Explanation:
    """`## CODE`, its meaning, and two blocks of Python ↦ the explanation. Raises ValueError for another form."""
    found = SECTION.fullmatch(text)
    mended = MENDED.fullmatch(found["mended"].lstrip()) if found is not None else None
    if found is None or mended is None:
        raise ValueError(f"{name}: not a code, its meaning and two examples: {text[:60]!r}")
    code = found["code"]
    meaning, wrong = found["meaning"].strip(), found["wrong"].rstrip()
    return Explanation(code, headline_of(code), meaning, wrong, mended[1].rstrip())


def headline_of(code: str) -> str:
    """The headline's template with its facts as words: `{left!r}` is ‹left›."""
    return re.sub(r"\{(\w+)[^}]*\}", r"‹\1›", HEADLINES.get(code, ""))


def families() -> Iterator[tuple[str, str, list[str]]]:
    """Every family of codes: its name, what it is about, and its codes."""
    for family in dict.fromkeys(code.split("-")[0] for code in HEADLINES):
        yield family, page(family)[0], sorted(code for code in HEADLINES if code.split("-")[0] == family)


def explain(code: str | MapstoError) -> Explanation:
    """A code such as `"SHAPE-03"`, or an error ↦ what it means, with an example that raises it and the mended one.

    Raises UsageError (ARG-02) for a code that there is not, with those that look like it.

    >>> print(explain("grad-08"))
    GRAD-08  mt.‹transform›: ‹tangents› tangents for ‹arguments› arguments
    <BLANKLINE>
      `mt.jvp` moves every argument in a direction of its own, so it takes as many tangents as arguments.
    <BLANKLINE>
      raises it:
    <BLANKLINE>
          mt.jvp(lambda a, b: a * b, (2.0, 3.0), (1.0,))
    <BLANKLINE>
      does not:
    <BLANKLINE>
          mt.jvp(lambda a, b: a * b, (2.0, 3.0), (1.0, 0.0))
    """
    wanted = code.code if isinstance(code, MapstoError) else str(code).strip().strip("[]").upper()
    found = page(wanted.split("-")[0])[1].get(wanted) if wanted in HEADLINES else None
    if found is None:
        near = difflib.get_close_matches(wanted, HEADLINES, n=5, cutoff=0.5)
        fix = "did you mean " + ", ".join(near) + "?" if near else "mapsto explain lists all codes"
        raise UsageError("ARG-02", function="explain", name="code", value=wanted, fix=fix)
    return found
