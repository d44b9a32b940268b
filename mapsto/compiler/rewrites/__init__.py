"""A graph ↦ one that computes the same with less arithmetic, up to rounding; what keeps every bit is in `simplify`.

A rule is a function graph ↦ graph that keeps the inputs and, in their order, the outputs and guards. The graph that
users see, that is differentiated, saved and run by the reference is the one before.
"""

from __future__ import annotations

from collections.abc import Callable

from mapsto.compiler.rewrites.gathers import gathered_products
from mapsto.ir.graph import Graph

Rule = Callable[[Graph], Graph]

RULES: tuple[Rule, ...] = (gathered_products,)


def rewritten(graph: Graph) -> Graph:
    """A graph ↦ the same after all rules, one after the other."""
    for rule in RULES:
        graph = rule(graph)
    return graph
