"""Tables in colour for the terminal, as plain text and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

RULED = box.Box("    \n    \n ── \n    \n ── \n    \n    \n    \n")  # a rule below the headings and between sections
WIDE = 1000  # text and HTML are as wide as they need to be
PAGE = "<pre style=\"line-height:1.25; font-family:Menlo,Consolas,'DejaVu Sans Mono',monospace\">{code}</pre>"


def painted(
    title: str, heads: Sequence[str], lines: Sequence[Sequence[str]], depths: Sequence[int], caption: str
) -> Group:
    """Cells ↦ what rich prints. The last line is the total; the first three columns are words, the others numbers."""
    table = Table(box=RULED, header_style="bold", show_edge=False, pad_edge=False)
    for i, head in enumerate(heads):
        table.add_column(Text(head), justify="left" if i < 3 else "right", no_wrap=i != 2, overflow="ellipsis")
    for line, depth in zip(lines, depths, strict=False):
        name, kind, output, *numbers = line
        style = "cyan" if depth == 0 else "dim cyan"
        cells = [Text(name, style), Text(kind, "magenta"), Text(output, "green"), *map(counted, numbers)]
        table.add_row(*cells)
    table.add_section()
    table.add_row(*(Text(cell, "bold") for cell in lines[-1]))
    return Group(Text(title, "bold"), Text(), table, Text(), Text(caption, "dim"))


def counted(cell: str) -> Text:
    return Text(cell, {"–": "dim", "?": "yellow"}.get(cell, ""))


def as_text(what: Any) -> str:
    """What rich prints ↦ the same without colour, no line longer than it must be."""
    console = Console(file=StringIO(), width=WIDE, color_system=None, force_jupyter=False, legacy_windows=False)
    with console.capture() as captured:
        console.print(what)
    return "\n".join(line.rstrip() for line in captured.get().rstrip().split("\n"))


def as_html(what: Any) -> str:
    """What rich prints ↦ HTML that needs no style sheet."""
    console = Console(file=StringIO(), width=WIDE, record=True, force_terminal=True, force_jupyter=False)
    console.print(what)
    lines = console.export_html(inline_styles=True, code_format=PAGE).split("\n")
    return "\n".join(line.rstrip() for line in lines)
