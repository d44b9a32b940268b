"""Convolutions do not compute the places that a pooling after them leaves out.

Of 13 × 13 places, windows of 2 × 2 without padding leave out a row and a column, a seventh of the convolution's work.
Going backwards through the graph, of every variable only what its users read is asked for: the first places of every
axis, up to some last. The gradient of a pooling is 0 beyond what its windows reach, so sums and convolutions ask for no
more of it.
"""

from __future__ import annotations

from mapsto.compiler.rewrites.rebuilding import Rebuilding
from mapsto.core.spec import Shape
from mapsto.ir.graph import Graph, Node, Var, bind, live_nodes
from mapsto.prims.conv import Conv, Sliding
from mapsto.prims.kinds import Elementwise
from mapsto.prims.layout import Broadcast, Reshape, Slice
from mapsto.prims.reduce import Sum
from mapsto.prims.window import WindowPick
from mapsto.prims.window_max import WindowArgMax, WindowMax

Extents = dict[Var, Shape]


def without_unread(graph: Graph) -> Graph:
    """A graph ↦ the same, in which convolutions, and what follows them, stop where nobody reads on."""
    if not any(isinstance(node.primitive, WindowMax | WindowArgMax | WindowPick) for node in graph.nodes):
        return graph
    nodes = live_nodes(graph)
    asked = asked_for(graph, nodes)
    if all(asked[var] == var.spec.shape for node in nodes for var in node.outputs if can_stop(node)):
        return graph
    return Shorter(graph, asked).rebuilt()


class Shorter(Rebuilding):
    """Puts nodes that make what is asked of them alone in the place of those that make more."""

    def __init__(self, graph: Graph, asked: Extents) -> None:
        super().__init__(graph)
        self.asked = asked

    def instead(self, node: Node, inputs: tuple[Var, ...]) -> Var | None:
        shape = self.asked[node.outputs[0]]
        match node.primitive:
            case Elementwise():
                return bind(node.primitive, *(first(x, shape) for x in inputs))
            case Broadcast(_, axes):
                part = tuple(shape[axis] if n > 1 else n for n, axis in zip(inputs[0].spec.shape, axes, strict=True))
                return bind(Broadcast(shape, axes), first(inputs[0], part))
            case Reshape() if units_moved(node) is not None:
                wanted = read_by(node, 0, self.asked, {})
                return bind(Reshape(shape), first(inputs[0], wanted))
            case WindowPick() as pick if pick.out == "x":
                fields = pick.size, pick.stride, pick.dilation, pick.before, shape[1:-1], pick.y_extent
                return bind(WindowPick("x", *fields), *inputs)
            case Conv() as conv:
                rank = len(conv.y_extent)
                y = shape if conv.out == "y" else inputs[conv.roles.index("y")].spec.shape
                fields = conv.stride, conv.dilation, conv.before, conv.x_extent, conv.w_extent, y[1 : 1 + rank]
                return bind(Conv(conv.out, *fields), *inputs)
            case _:
                return None


def reach(window: Sliding, size: Shape, before: Shape, x: Shape, y: Shape) -> Shape:
    """How far windows of a size read: the extents of that part of x."""
    rows = zip(window.stride, window.dilation, size, before, x, y, strict=True)
    return tuple(max(1, min(extent, s * (j - 1) + d * (k - 1) - p + 1)) for s, d, k, p, extent, j in rows)


def can_stop(node: Node) -> bool:
    """Whether a node can make a part of its output alone."""
    match node.primitive:
        case Elementwise() | Broadcast():
            return True
        case Reshape():
            return units_moved(node) is not None
        case Conv() | WindowPick():
            return node.primitive.out == ("y" if isinstance(node.primitive, Conv) else "x")
        case _:
            return False


def units_moved(node: Node) -> list[int] | None:
    """The input's axis for every axis of a reshape that moves axes of extent 1 alone, -1 for these; else None."""
    given, shape = node.inputs[0].spec.shape, node.outputs[0].spec.shape
    if [n for n in given if n > 1] != [n for n in shape if n > 1]:
        return None
    rest = [axis for axis, extent in enumerate(given) if extent > 1]
    return [rest.pop(0) if extent > 1 else -1 for extent in shape]


def asked_for(graph: Graph, nodes: list[Node]) -> Extents:
    """For every variable, the extents of what its users read."""
    live = reached(nodes)
    asked: Extents = {var: var.spec.shape for var in graph.results}
    for node in reversed(nodes):
        for var in node.outputs:
            asked.setdefault(var, var.spec.shape)
        for place, var in enumerate(node.inputs):
            need = read_by(node, place, asked, live)
            known = asked.get(var)
            asked[var] = need if known is None else tuple(map(max, known, need))
    return asked


def reached(nodes: list[Node]) -> Extents:
    """For every variable, the extents beyond which it is 0, as far as the gradients of poolings tell."""
    found: Extents = {}
    for node in nodes:
        x = node.inputs[0] if node.inputs else None
        pick = node.primitive
        if isinstance(pick, WindowPick) and pick.out == "x":
            shape = node.outputs[0].spec.shape
            plane = reach(pick, pick.size, pick.before, pick.x_extent, pick.y_extent)
            found[node.outputs[0]] = (shape[0], *plane, shape[-1])
        elif isinstance(pick, Reshape) and x in found and (axes := units_moved(node)) is not None:
            found[node.outputs[0]] = tuple(1 if axis < 0 else found[x][axis] for axis in axes)
    return found


def read_by(node: Node, place: int, asked: Extents, live: Extents) -> Shape:
    """The extents of what a node reads of one of its inputs."""
    var, primitive = node.inputs[place], node.primitive
    shape, out = var.spec.shape, asked[node.outputs[0]]
    match primitive:
        case WindowMax() | WindowArgMax():
            plane = reach(primitive, primitive.size, primitive.before, shape[1:-1], primitive.y_extent)
            return (shape[0], *plane, shape[-1])
        case Elementwise():
            return out
        case Broadcast():
            return tuple(out[axis] if n > 1 else n for n, axis in zip(shape, primitive.axes, strict=True))
        case Reshape() if (axes := units_moved(node)) is not None:
            found = {axis: extent for axis, extent in zip(axes, out, strict=True) if axis >= 0}
            return tuple(found.get(axis, n) for axis, n in enumerate(shape))
        case Sum():
            part = live.get(var, shape)
            return tuple(part[axis] if axis in primitive.axes else n for axis, n in enumerate(shape))
        case Conv() if primitive.out != "y" and primitive.roles[place] == "y":
            part, rank = live.get(var, shape), len(primitive.y_extent)
            return (shape[0], *part[1 : 1 + rank], *shape[1 + rank :])
        case _:
            return shape


def first(var: Var, shape: Shape) -> Var:
    """The first places of every axis."""
    if var.spec.shape == shape:
        return var
    return bind(Slice((0,) * len(shape), shape, (1,) * len(shape)), var)
