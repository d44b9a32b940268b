"""A graph as a table: what is done for every mapping within it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mapsto.ir.graph import Graph
from mapsto.view.paint import as_html, as_text, memory, number, painted, rounded
from mapsto.view.turns import worked


@dataclass(frozen=True)
class Cost:
    """What one mapping asks for: operations of the graph, those on floats, and the bytes of the arrays they make."""

    path: str
    operations: int
    flops: int
    nbytes: int


@dataclass(frozen=True)
class ProgramTable:
    """The costs of a graph by the path of the mapping that asked for them, in the order of the work."""

    name: str
    programs: int
    inputs: int
    rows: tuple[Cost, ...]

    @property
    def total(self) -> Cost:
        sums = (sum(getattr(row, field) for row in self.rows) for field in ("operations", "flops", "nbytes"))
        return Cost("total", *sums)

    def __rich__(self) -> Any:
        lines = [
            [
                row.path,
                number(row.operations),
                f"{rounded(row.flops)}".strip() if row.flops else "–",
                memory(row.nbytes),
            ]
            for row in (*self.rows, self.total)
        ]
        title = f"{self.name}: {number(self.inputs)} arrays in, {number(self.total.operations)} operations"
        plural = "s" if self.programs != 1 else ""
        caption = f"{self.programs} program{plural} traced so far; derivatives count for the mapping they belong to"
        heads = ["path", "operations", "FLOPs", "made"]
        return painted(title, heads, lines, [0] * len(self.rows), caption, words=("cyan",))

    def __str__(self) -> str:
        return as_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self)


def program_table(name: str, graph: Graph, programs: int = 1) -> ProgramTable:
    """A graph ↦ the table of what its mappings cost.

    >>> import mapsto as mt
    >>> program_table("f", mt.graph(lambda x: 2 * mt.xp.exp(x))(mt.xp.ones(3)).graph).total.operations
    4
    """
    return ProgramTable(name, programs, len(graph.inputs), costs(graph))


def costs(graph: Graph) -> tuple[Cost, ...]:
    """By path, in the order of first appearance; what no mapping asked for is `own`. A loop counts in every turn."""
    found: dict[str, Cost] = {}
    for node, turns in worked(graph):
        path = node.path or "own"
        known = found.get(path, Cost(path, 0, 0, 0))
        specs = [var.spec for var in node.outputs]
        made = sum(spec.size * spec.dtype.itemsize for spec in specs)
        found[path] = Cost(
            path, known.operations + turns, known.flops + turns * node.flops, known.nbytes + turns * made
        )
    return tuple(found.values())
