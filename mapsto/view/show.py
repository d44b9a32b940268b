"""`mt.show`: a net, a graph or a compiled step, as a person reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mapsto.compiler.compile import Compiled
from mapsto.core.lazy import optional
from mapsto.ir.graph import Graph
from mapsto.ir.show import show as graph_text
from mapsto.view.graph import GraphView
from mapsto.view.program import program_of
from mapsto.view.table import table_of

if TYPE_CHECKING:
    import rich.console
else:
    rich = optional("rich", extra="", parts=("console",))


def show(what: Any) -> None:
    """Print a mapping as a table, a graph as source, or a compiled step as a table of what it costs.

    The table has a row for every mapping within: its path, its class, what it yields for one example, its parameters,
    and its operations on floats for one example. The numbers of a row include the rows indented below it.
    `mapsto.view.table.table_of(net)` is the same as data. Raises UsageError for anything else.

    >>> from mapsto import nn
    >>> show(nn.Dropout(0.5))
    Dropout
    <BLANKLINE>
    path    mapping   output   parameters   FLOPs
    ─────────────────────────────────────────────
    net     Dropout   ?                 –       ?
    ─────────────────────────────────────────────
    total                               –       ?
    <BLANKLINE>
    0 parameters in 0 bytes
    ? is not known: init recorded no input there, or it takes more than arrays
    """
    if isinstance(what, Graph):
        print(graph_text(what, origins=True))
    elif isinstance(what, GraphView):
        print(what)
    else:
        table = program_of(what) if isinstance(what, Compiled) else table_of(what)
        console = rich.console.Console()
        if console.is_terminal or console.is_jupyter:
            console.print(table)
        else:  # in a file no line is too long
            print(table)
