"""Random graphs: some primitives on one another, as programs have them and as no program would, from a seed."""

from __future__ import annotations

from mapsto.core.spec import FLOAT32, DType
from mapsto.ir.graph import Graph
from tests.laws import moves, moves_of_integers, moves_of_many
from tests.laws.drawing import Drawing, Move
from tests.laws.samples import Array

LONGEST = 20  # moves, less one

MOVES: tuple[Move, ...] = (
    *(moves.unary, moves.binary, moves.binary, moves.scaled, moves.chosen, moves.counted, moves.narrowed, moves.along),
    *(moves.broadcast, moves.reshape, moves.reshape, moves.transposed, moves.flipped, moves.cut, moves.padded),
    *(moves.joined, moves.folded, moves.folded, moves.softmax, moves.normalised),
    *(moves_of_many.product, moves_of_many.product, moves_of_many.convolved, moves_of_many.pooled),
    *(moves_of_many.taken, moves_of_many.put),
    *(moves_of_integers.whole, moves_of_integers.truths, moves_of_integers.dropped, moves_of_integers.one_hot),
)


def drawn_graph(drawing: Drawing, steps: int) -> Graph:
    """The graph of so many moves: what nobody uses is a result, and some of the rest, and a few values are guarded."""
    for _ in range(steps):
        made = drawing.choice(MOVES)(drawing)
        if made is not None and 0 < made.spec.size <= 4 * drawing.most:
            drawing.pool.append(made)
    used = {var for node in drawing.builder.nodes for var in node.inputs}
    ends = [var for var in drawing.pool if var not in used][:4] or [drawing.pool[-1]]
    outputs = [*ends, *(var for var in drawing.pool if drawing.chance(0.15))]
    guards = tuple((f"value {n}", var) for n, var in enumerate(drawing.pool) if drawing.chance(0.04))
    return Graph(tuple(drawing.inputs), tuple(drawing.builder.nodes), tuple(outputs), guards)


def random_case(seed: int, dtype: DType = FLOAT32, large: bool = False) -> tuple[Graph, list[Array]]:
    """A seed ↦ a graph, and numbers for its inputs."""
    drawing = Drawing(seed, dtype, large)
    graph = drawn_graph(drawing, int(drawing.rng.integers(1, LONGEST)))
    return graph, drawing.values(seed)
