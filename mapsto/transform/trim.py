"""Dead code in loops, branches and calls is left out: results and carries that nobody reads, and their inputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

from mapsto.ir.body import Body
from mapsto.ir.graph import Graph, Node, Var
from mapsto.transform.block import Call
from mapsto.transform.branch import Branch
from mapsto.transform.loop import While
from mapsto.transform.merge import last, replaced
from mapsto.transform.scan import Scan


def trimmed(graph: Graph) -> Graph:
    """A graph ↦ the same results, its loops, branches and calls without what is of no use."""
    if not any(node.primitive.inner() for node in graph.nodes):
        return graph
    needed = set(graph.results)
    kept: list[Node] = []
    same: dict[Var, Var] = {}
    for node in reversed(graph.nodes):
        if not any(var in needed for var in node.outputs):
            continue
        if not node.primitive.inner():
            kept.append(node)
            needed.update(node.inputs)
            continue
        known = unchanging(node)
        same.update(known)
        needed.update(known[var] for var in node.outputs if var in known and var in needed)
        shorter = trimmed_node(node, {var for var in node.outputs if var in needed and var not in known})
        if shorter.outputs:
            kept.append(shorter)
            needed.update(shorter.inputs)
    names = {var: last(var, same) for var in same}
    return graph.remade([replaced(node, names) for node in reversed(kept)], names)


def unchanging(node: Node) -> dict[Var, Var]:
    """The results of a loop that equal its inputs (result ↦ input): carries that every turn hands on as they are."""
    primitive = node.primitive
    if not isinstance(primitive, Scan | While):
        return {}
    graph, first = primitive.body.graph, primitive.constants
    carried = zip(graph.inputs[first:], graph.outputs, node.inputs[first:], node.outputs, strict=False)
    count = primitive.carries if isinstance(primitive, Scan) else len(node.outputs)
    return {made: given for before, after, given, made in list(carried)[:count] if before is after}


def trimmed_node(node: Node, needed: Set[Var]) -> Node:
    """A node ↦ one that makes what is needed of it."""
    primitive = node.primitive
    if isinstance(primitive, Scan):
        return trimmed_scan(node, primitive, needed)
    if isinstance(primitive, While):
        return trimmed_while(node, primitive, needed)
    if isinstance(primitive, Call):
        return trimmed_call(node, primitive, needed)
    if isinstance(primitive, Branch):
        return trimmed_choice(node, primitive, needed)
    return node


def asked_of(graph: Graph, results: Iterable[Var]) -> set[Var]:
    """The variables that some results depend on, these included."""
    found = set(results)
    for node in reversed(graph.nodes):
        if any(var in found for var in node.outputs):
            found.update(node.inputs)
    return found


def carries_asked(inner: Sequence[Var], handed: Sequence[Var], kept: Sequence[bool], asked: Set[Var]) -> list[bool]:
    """Which carries of a loop are needed: those kept so far, and those that change and that something reads."""
    return [
        has or (before in asked and before is not after) for before, after, has in zip(inner, handed, kept, strict=True)
    ]


def trimmed_scan(node: Node, scan: Scan, needed: Set[Var]) -> Node:
    """A scan ↦ one that hands out only the needed results, with the carries and inputs that these depend on."""
    graph, count = scan.body.graph, scan.carries
    carries, handed = scan.parts(graph.inputs)[1], graph.outputs[:count]
    rows = [i for i, var in enumerate(node.outputs) if i >= count and var in needed]
    kept = [var in needed for var in node.outputs[:count]]
    while True:
        wanted = [var for var, has in zip(handed, kept, strict=True) if has] + [graph.outputs[i] for i in rows]
        asked = asked_of(graph, wanted)
        more = carries_asked(carries, handed, kept, asked)
        if more == kept:
            break
        kept = more
    moving = {var for var, has in zip(carries, kept, strict=True) if has}
    own, held, arrays = scan.parts(list(zip(graph.inputs, node.inputs, strict=True)))
    constants = [pair for pair in own if pair[0] in asked] + [p for p in held if p[0] in asked and p[0] not in moving]
    going = [pair for pair in held if pair[0] in moving]
    given = [pair for pair in arrays if pair[0] in asked]
    if not (constants or going or given):
        constants = own[:1]
        given = arrays[:1] if not constants else []
    if not wanted or not (constants or going or given):
        return Node(scan, node.inputs, () if not wanted else node.outputs, node.path, node.line)
    inputs = [*constants, *going, *given]
    body = Body(Graph(tuple(inner for inner, _ in inputs), graph.nodes, tuple(wanted)).alive())
    outputs = [var for var, has in zip(node.outputs, kept, strict=False) if has] + [node.outputs[i] for i in rows]
    made = Scan(body, scan.length, len(constants), len(going), scan.reverse)
    return Node(made, tuple(outer for _, outer in inputs), tuple(outputs), node.path, node.line)


def trimmed_while(node: Node, loop: While, needed: Set[Var]) -> Node:
    """A while loop ↦ one with only the carries that the needed results or its condition depend on."""
    if not needed:
        return Node(loop, node.inputs, (), node.path, node.line)
    graph, asking, first = loop.body.graph, loop.condition.graph, loop.constants
    carries = graph.inputs[first:]
    kept = [var in needed for var in node.outputs]
    read = asked_of(asking, asking.outputs)
    tested = [asking.inputs[first + i] in read for i in range(len(carries))]
    while True:
        wanted = [var for var, has in zip(graph.outputs, kept, strict=True) if has]
        asked = asked_of(graph, wanted) | {var for var, has in zip(carries, tested, strict=True) if has}
        more = carries_asked(carries, graph.outputs, kept, asked)
        if more == kept:
            break
        kept = more
    places = list(range(first, len(node.inputs)))
    going = [i for i, has in zip(places, kept, strict=True) if has]
    still = [i for i in range(len(node.inputs)) if i not in going]
    constants = [i for i in still if graph.inputs[i] in asked or asking.inputs[i] in read]
    order = [*constants, *going]
    body = Graph(tuple(graph.inputs[i] for i in order), graph.nodes, tuple(wanted))
    condition = Graph(tuple(asking.inputs[i] for i in order), asking.nodes, asking.outputs)
    made = While(Body(condition.alive()), Body(body.alive()), len(constants))
    outputs = tuple(var for var, has in zip(node.outputs, kept, strict=True) if has)
    return Node(made, tuple(node.inputs[i] for i in order), outputs, node.path, node.line)


def trimmed_call(node: Node, call: Call, needed: Set[Var]) -> Node:
    """A call ↦ one that hands out only the needed results, of the arguments that these depend on."""
    places = tuple(i for i, var in enumerate(node.outputs) if var in needed)

    def shorter(body: Body) -> tuple[tuple[int, ...], Body]:
        graph = body.graph
        used, (short,) = trimmed_bodies([graph], places, len(graph.inputs), 1)
        return used, Body(short, body.path)

    used, body = call.body.once(("trimmed", places), shorter)
    made = Call(body.moved(call.body.path), call.again)
    outputs = tuple(node.outputs[i] for i in places)
    return Node(made, tuple(node.inputs[i] for i in used), outputs, node.path, node.line)


def trimmed_choice(node: Node, primitive: Branch, needed: Set[Var]) -> Node:
    places = tuple(i for i, var in enumerate(node.outputs) if var in needed)
    graphs = [body.graph for body in primitive.inner()]
    used, short = trimmed_bodies(graphs, places, len(node.inputs) - 1, 0)
    inputs = (node.inputs[0], *(node.inputs[1 + i] for i in used))
    outputs = tuple(node.outputs[i] for i in places)
    return Node(Branch(tuple(map(Body, short))), inputs, outputs, node.path, node.line)


def trimmed_bodies(
    graphs: Sequence[Graph], places: Sequence[int], count: int, least: int
) -> tuple[tuple[int, ...], list[Graph]]:
    """Graphs of equally many inputs ↦ the numbers of the inputs that any uses, and the graphs of these inputs alone.

    They hand out only the results at `places`. If no input is used, the first `least` are kept.
    """
    wanted = [tuple(graph.outputs[i] for i in places) for graph in graphs]
    asked = [asked_of(graph, results) for graph, results in zip(graphs, wanted, strict=True)]
    parts = list(zip(graphs, asked, strict=True))
    used = tuple(i for i in range(count) if any(graph.inputs[i] in found for graph, found in parts))
    used = used or tuple(range(count))[:least]
    short = [
        Graph(tuple(graph.inputs[i] for i in used), graph.nodes, results).alive()
        for graph, results in zip(graphs, wanted, strict=True)
    ]
    return used, short
