"""`mt.show`: a net, a graph or a compiled step, as a person reads it, down to its instructions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mapsto.compiler.compile import Compiled
from mapsto.core.check import truth
from mapsto.core.lazy import optional
from mapsto.ir.graph import Graph
from mapsto.ir.show import show as graph_text
from mapsto.view.graph import GraphView
from mapsto.view.inside import level_of
from mapsto.view.table import table_of

if TYPE_CHECKING:
    import rich.console
else:
    rich = optional("rich", extra="", parts=("console",))


def show(what: Any, *, kernel: int | str | None = None, level: str | None = None, measure: bool = False) -> None:
    """Print a mapping as a table, a graph as source, or a compiled step as the table of its kernels.

    The table of a net has a row for every mapping within: its path, its class, what it yields for one example, its
    parameters, and its operations on floats for one example. The numbers of a row include the rows indented below it.
    `mapsto.view.table.table_of(net)` is the same as data.

    Of a compiled function that was called, the table has a row for every kernel: the phase it runs in, the mappings and
    primitives it took in, what it runs over and in how many chunks, its operations on floats, the bytes that it reads
    and writes in memory, its work space. With `measure`, every kernel is also run by itself, on numbers made up for it.
    `kernel=3` is a page on that kernel: its arrays, the formulas of its stages, its loops. `level` leads further up and
    down, for all kernels or the one that is named: "mappings" (what every layer costs), "graph", "kernels", "stages",
    "loops" (docs/loops.md), "llvm", "asm". So do graphs: `mt.show(mt.graph(f)(x), level="loops")`.

    Raises UsageError for anything else, StateError for a compiled function that was never called.

    >>> import mapsto as mt
    >>> show(mt.graph(lambda x: mt.xp.exp(x) / 2)(mt.xp.ones(40)), level="stages")
    kernel k0
      a0  in   f32[40]  x
      a1  out  f32[40]  div
    <BLANKLINE>
      a1[i<40] = exp(a0[i]) / 2.0
    """
    if isinstance(what, Compiled) or kernel is not None or level is not None or measure:
        told = level_of(what, kernel, level, truth("mt.show", "measure", measure))
    elif isinstance(what, Graph):
        told = graph_text(what, origins=True)
    else:
        told = what if isinstance(what, GraphView) else table_of(what)
    console = rich.console.Console()
    if hasattr(told, "__rich__") and (console.is_terminal or console.is_jupyter):
        console.print(told)
    else:  # in a file no line is too long
        print(told)
