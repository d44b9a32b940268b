"""Tables in colour for the terminal, as plain text and as HTML."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

from mapsto.core.lazy import optional

if TYPE_CHECKING:
    import rich.box
    import rich.console
    import rich.table
    import rich.text
else:
    rich = optional("rich", extra="", parts=("box", "console", "table", "text"))

RULED = "    \n    \n ── \n    \n ── \n    \n    \n    \n"  # a rule below the headings and between sections
WIDE = 1000  # text and HTML are as wide as they need to be
PAGE = "<pre style=\"line-height:1.25; font-family:Menlo,Consolas,'DejaVu Sans Mono',monospace\">{code}</pre>"


def painted(
    title: str,
    heads: Sequence[str],
    lines: Sequence[Sequence[str]],
    depths: Sequence[int],
    caption: str,
    words: Sequence[str] = ("cyan", "magenta", "green"),
) -> rich.console.Group:
    """Cells ↦ what rich prints. The last line is the total; the first columns are words in colours, then numbers."""
    text = rich.text.Text
    table = rich.table.Table(box=rich.box.Box(RULED), header_style="bold", show_edge=False, pad_edge=False)
    for i, head in enumerate(heads):
        table.add_column(text(head), justify="left" if i < len(words) else "right", no_wrap=i != 2, overflow="ellipsis")
    for line, depth in zip(lines, depths, strict=False):
        styles = [words[0] if depth == 0 else f"dim {words[0]}", *words[1:]]
        told = [text(cell, style) for cell, style in zip(line, styles, strict=False)]
        table.add_row(*told, *map(counted, line[len(words) :]))
    table.add_section()
    table.add_row(*(text(cell, "bold") for cell in lines[-1]))
    return rich.console.Group(text(title, "bold"), text(), table, text(), text(caption, "dim"))


def counted(cell: str) -> rich.text.Text:
    return rich.text.Text(cell, {"–": "dim", "?": "yellow"}.get(cell, ""))


def as_text(what: Any) -> str:
    """What rich prints ↦ the same without colour, no line longer than it must be."""
    console = rich.console.Console(
        file=StringIO(), width=WIDE, color_system=None, force_jupyter=False, legacy_windows=False
    )
    with console.capture() as captured:
        console.print(what)
    return "\n".join(line.rstrip() for line in captured.get().rstrip().split("\n"))


def as_html(what: Any) -> str:
    """What rich prints ↦ HTML that needs no style sheet."""
    console = rich.console.Console(file=StringIO(), width=WIDE, record=True, force_terminal=True, force_jupyter=False)
    console.print(what)
    lines = console.export_html(inline_styles=True, code_format=PAGE).split("\n")
    return "\n".join(line.rstrip() for line in lines)


def number(count: int | None) -> str:
    return "?" if count is None else f"{count:,}" if count else "–"


def memory(nbytes: int) -> str:
    """Bytes in words: `136.0 KiB`."""
    if nbytes < 1024:
        return f"{nbytes} bytes"
    power = min(int(math.log2(nbytes)) // 10, 4)
    return f"{nbytes / 1024**power:.1f} {' KMGT'[power]}iB"


def rounded(count: int) -> str:
    """A count to three digits, before a unit: `1.23 M`."""
    if count < 1000:
        return f"{count} "
    power = min(int(math.log10(count * 1.0005)) // 3, 5)  # 999,999 is 1.00 M
    value = count / 1000**power
    return f"{value:.{max(2 - int(math.log10(value)), 0)}f} {' kMGTP'[power]}"
