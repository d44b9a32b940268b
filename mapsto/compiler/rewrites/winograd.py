"""Convolutions of 3×3 places, two by two places at a time: 16 products instead of 36.

T = Σ x·w·y (see `prims.conv`) over a tile of 4×4 places of x, the 3×3 of w, and 2×2 of y is a sum of 16 products of
three numbers, each a small sum of its own (Winograd 1980; Lavin and Gray, Fast algorithms for convolutional neural
networks, 2015, section 4.1): T = Σ V[f,t,c] · U[f,c,o] · M[f,t,o] over the places f and the tiles t, with

    V = Bᵀ x B,  U = G w Gᵀ,  M = A y Aᵀ.

`out` leaves one of them out: two are transformed, multiplied place by place, and the transpose of the third's map
follows. So three matrices serve the forward pass and both gradients, and what these share is one node.
"""

from __future__ import annotations

from math import prod

from mapsto.compiler.rewrites.rebuilding import Rebuilding
from mapsto.core.spec import FLOAT32, FLOAT64, Spec
from mapsto.ir.graph import Graph, Node, Var, bind, building
from mapsto.prims.contract import Contract
from mapsto.prims.conv import Conv
from mapsto.prims.layout import Reshape, Transpose
from mapsto.prims.tiling import Matrix, Tiling

MAPS: dict[str, Matrix] = {
    "x": ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
    "w": ((2, 0, 0), (1, 1, 1), (1, -1, 1), (0, 0, 2)),
    "y": ((1, 0), (1, 1), (1, -1), (0, -1)),
}
PAYS = ("y", "x")  # the gradient of w moves as much as it saves: V and M again, and a sum of 16 places a chunk
BYTE = 2.0  # operations in the time that a byte takes to or from a second-level cache
EXAMPLE = 2**20  # bytes of V and M that a second-level cache has room for
KERNEL = 2**19  # bytes of U that every chunk of a group would read again
LETTERS = {"x": "njabkc", "w": "abco", "y": "njabko"}  # j and k are the tiles, a and b the places


def in_tiles(graph: Graph) -> Graph:
    """A graph ↦ the same with its convolutions by tiles, where that pays."""
    return Tiles(graph).rebuilt() if any(map(fits, graph.nodes)) else graph


class Tiles(Rebuilding):
    """Puts products of tiles in the place of convolutions.

    Kernels that are inputs, or only reshaped, are transformed at the very beginning: then whatever reads them can join
    what it reads.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        for node in self.nodes:
            if isinstance(node.primitive, Reshape) and node.inputs[0] in graph.inputs:
                (self.names[node.outputs[0]],) = self.plain(node, node.inputs)
        for node in filter(fits, self.nodes):
            conv = node.primitive
            assert isinstance(conv, Conv)
            with building(self.builder, node.path, node.line):
                for role, var in zip(conv.roles, node.inputs, strict=True):
                    if role == "w" and var in self.names:
                        transformed(conv, role, self.names[var])

    def instead(self, node: Node, inputs: tuple[Var, ...]) -> Var | None:
        conv = node.primitive
        return by_tiles(conv, *inputs) if isinstance(conv, Conv) and fits(node) else None


def fits(node: Node) -> bool:
    """Whether a node is a convolution that this pays for."""
    conv = node.primitive
    if not isinstance(conv, Conv) or conv.out not in PAYS or not can_be_tiled(conv):
        return False
    first = node.inputs[0].spec
    found = conv.extents([var.spec for var in node.inputs])
    if first.dtype not in (FLOAT32, FLOAT64) or found["g"] > 1:
        return False
    return pays(conv, found["n"], found["c"], found["o"], first.dtype.itemsize)


def can_be_tiled(conv: Conv) -> bool:
    return conv.w_extent == (3, 3) and conv.stride == (1, 1) and conv.dilation == (1, 1)


def pays(conv: Conv, n: int, c: int, o: int, itemsize: int) -> bool:
    """Whether what is saved in arithmetic is more than what goes to and from memory for it, all in operations."""
    tiles, places = prod(tile_counts(conv)), prod(conv.y_extent)
    moved = 16 * itemsize * (c + o) * tiles  # V and M of an example
    kernel = 25 * itemsize * c * o  # w is read, U written
    direct, tiled = 2 * 9 * places * c * o, 2 * 16 * tiles * c * o
    if moved > EXAMPLE or 16 * itemsize * c * o > KERNEL:
        return False
    return n * (tiled + 2 * moved * BYTE) + kernel * BYTE < n * direct


def tile_counts(conv: Conv) -> tuple[int, ...]:
    """How many tiles lie along each axis; the last may reach over the border."""
    return tuple(-(-extent // 2) for extent in conv.y_extent)


def by_tiles(conv: Conv, *operands: Var) -> Var:
    """A convolution of two of x, w, y, as the third."""
    first, second = (transformed(conv, role, var) for role, var in zip(conv.roles, operands, strict=True))
    product = bind(Contract(*(LETTERS[role] for role in (*conv.roles, conv.out))), first, second)
    (spec,) = conv.type(*(var.spec for var in operands))
    return back(conv, product, spec)


def squeezed(role: str, var: Var) -> Var:
    """Without the axis of groups."""
    axis = 2 if role == "w" else 3
    shape = var.spec.shape
    return bind(Reshape((*shape[:axis], *shape[axis + 1 :])), var)


def tilings(conv: Conv, role: str, out: str) -> tuple[Tiling, Tiling]:
    """The maps along both spatial axes of an operand, in the order from operand to tiles."""
    first = 0 if role == "w" else 1
    made: list[Tiling] = []
    for number in range(2):
        before = conv.before[number] if role == "x" else 0
        over, step, count = (2, 3, 1) if role == "w" else (1, 2, tile_counts(conv)[number])
        axis = first + 2 * number
        made.append(Tiling(out, axis, MAPS[role], over, step, before, conv.space(role)[number], count))
    return made[0], made[1]


def transformed(conv: Conv, role: str, var: Var) -> Var:
    """An operand ↦ its tiles by LETTERS."""
    rows, columns = tilings(conv, role, "t")
    tiles = bind(columns, bind(rows, squeezed(role, var)))
    if role == "w":
        _, a, _, b, c, o = tiles.spec.shape
        return bind(Reshape((a, b, c, o)), tiles)
    return bind(Transpose((0, 1, 2, 4, 3, 5)), tiles)


def back(conv: Conv, tiles: Var, spec: Spec) -> Var:
    """Tiles ↦ the operand, by the transposes of the same maps."""
    rows, columns = tilings(conv, conv.out, "x")
    if conv.out == "w":
        a, b, c, o = tiles.spec.shape
        tiles = bind(Reshape((1, a, 1, b, c, o)), tiles)
    else:
        tiles = bind(Transpose((0, 1, 2, 4, 3, 5)), tiles)
    return bind(Reshape(spec.shape), bind(rows, bind(columns, tiles)))
