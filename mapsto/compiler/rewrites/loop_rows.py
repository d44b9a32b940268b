"""Rows that go into a loop and come out of it: gathered where they are needed, and written by kernels.

- What a loop reads row by row and was only taken from a table is taken within it. The table stays in the cache, and the
  rows are never written one behind the other.
- A row that is handed out as it came in (a state before its turn, which the derivative asks for) becomes a stage of the
  body as any other, written by all threads. Else one thread copies it between two turns, while the others wait.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set

from mapsto.compiler.rewrites.gathered import Gathered
from mapsto.core.spec import Spec
from mapsto.ir.body import Body
from mapsto.ir.graph import Builder, Graph, Node, Var, bind, building
from mapsto.prims.index import Take
from mapsto.prims.layout import Reshape, Transpose
from mapsto.transform.merge import replaced
from mapsto.transform.scan import Scan

LARGEST = 2**19  # bytes of a table that is in a second-level cache still when the next turn comes
SHORTEST = 64  # bytes that lie side by side in a row: a line of the cache


def rows_in_loops(graph: Graph) -> Graph:
    """A graph ↦ the same with such rows gathered, or written, within its loops."""
    if not any(isinstance(node.primitive, Scan) for node in graph.nodes):
        return graph
    made_by = {var: node for node in graph.nodes for var in node.outputs}
    alone = read_by_loops_alone(graph)
    builder = Builder()
    for node in graph.nodes:
        with building(builder, node.path, node.line):
            scan = node.primitive
            builder.append(changed(scan, node, made_by, alone) if isinstance(scan, Scan) else node)
    return graph.remade(builder.nodes, {}).alive()


def read_by_loops_alone(graph: Graph) -> set[Var]:
    """The variables that nothing reads but loops, row by row."""
    loops = ((node.primitive, node.inputs) for node in graph.nodes if isinstance(node.primitive, Scan))
    by_row = Counter(var for scan, inputs in loops for var in scan.parts(inputs)[2])
    uses = Counter((*(var for node in graph.nodes for var in node.inputs), *graph.results))
    return {var for var, count in by_row.items() if uses[var] == count}


def changed(scan: Scan, node: Node, made_by: Mapping[Var, Node], alone: Set[Var]) -> Node:
    """A loop with its gathers within it, and no row that it only hands out."""
    body = scan.body.graph
    constants, carries, rows = scan.parts(list(zip(body.inputs, node.inputs, strict=True)))
    inner, names = Builder(), dict[Var, Var]()
    for place, (row, array) in enumerate(rows):
        gathered = gathered_rows(array, made_by) if array in alone else None
        if gathered is not None:
            index = gathered.index.spec
            held = Gathered(Var(gathered.table.spec), Var(Spec(index.dtype, index.shape[1:])), gathered.along[1:])
            constants.append((held.table, gathered.table))
            rows[place] = held.index, gathered.index
            with building(inner, node.path, node.line):
                names[row] = held.written()
    for one in body.nodes:
        inner.append(replaced(one, names))
    handed = [names.get(var, var) for var in body.outputs]
    inputs = [*constants, *carries, *rows]
    given = {var for var, _ in inputs}
    with building(inner, node.path, node.line):
        for place in range(scan.carries, len(handed)):
            if handed[place] in given:
                handed[place] = bind(Reshape(handed[place].spec.shape), handed[place])
    made = Body(Graph(tuple(var for var, _ in inputs), tuple(inner.nodes), tuple(handed)))
    loop = Scan(made, scan.length, len(constants), scan.carries, scan.reverse)
    return Node(loop, tuple(var for _, var in inputs), node.outputs, node.path, node.line)


def gathered_rows(array: Var, made_by: Mapping[Var, Node]) -> Gathered | None:
    """What a loop reads row by row, as elements of a table to be taken in every turn; None if it is none."""
    node, layout = made_by.get(array), None
    if node is not None and isinstance(node.primitive, Transpose):
        node, layout = made_by.get(node.inputs[0]), node.primitive
    if node is None or node.primitive != Take(0):
        return None
    table, index = node.inputs
    rank = index.spec.rank
    found = Gathered(table, index, tuple(axis < rank for axis in range(array.spec.rank)))
    if layout is not None:
        found = found.arranged(layout, node.outputs[0].spec.shape)
    if found is None or not found.along[0] or found.along[-1]:
        return None
    side_by_side = found.table.spec.shape[-1] * table.spec.dtype.itemsize
    return found if side_by_side >= SHORTEST and table.spec.nbytes <= LARGEST else None
