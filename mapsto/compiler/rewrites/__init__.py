"""A graph ↦ one that computes the same with less arithmetic, up to rounding; what keeps every bit is in `simplify`.

A rule is a function graph ↦ graph that keeps the inputs and, in their order, the outputs and guards. The graph that
users see, that is differentiated, saved and run by the reference is the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from mapsto.compiler.rewrites.gathers import gathered_products
from mapsto.compiler.rewrites.loop_rows import rows_in_loops
from mapsto.compiler.rewrites.panels import in_panels
from mapsto.compiler.rewrites.sums_by_rows import sums_by_rows
from mapsto.compiler.rewrites.unread import without_unread
from mapsto.compiler.rewrites.winograd import in_tiles
from mapsto.ir.graph import Graph, Var

Rule = Callable[[Graph], Graph]

RULES: tuple[Rule, ...] = (without_unread, in_tiles, gathered_products, sums_by_rows, rows_in_loops)


def rewritten(graph: Graph, parameters: Collection[Var] = ()) -> Graph:
    """A graph ↦ the same after all rules, one after the other; `parameters` are inputs that are seldom others."""
    for rule in RULES:
        graph = rule(graph)
    return in_panels(graph, parameters)
