"""A vector times a matrix of parameters takes as long as reading the matrix: it is laid out in the order it is read in.

A thread computes some columns of the result. Of a matrix stored row by row it would read a piece of every row; so its
columns are made a panel, which lies in one piece. Of a matrix with few columns the transpose is read row by row, and
each column is a sum of its own over whole vectors. Both layouts follow from parameters alone, so they are made once.
"""

from __future__ import annotations

from collections.abc import Collection

from mapsto.compiler.rewrites.rebuilding import Rebuilding
from mapsto.core.spec import FLOAT32, FLOAT64
from mapsto.ir.graph import Graph, Node, Var, bind
from mapsto.prims.contiguous import Contiguous
from mapsto.prims.contract import LETTERS, Contract
from mapsto.prims.layout import Reshape, Transpose

SMALLEST, LARGEST = 2**13, 2**26  # bytes of a matrix that is laid out anew: less is no work, more is never in a cache
FEW = 32  # columns that are made rows
WIDTHS = (128, 64, 256, 192, 96, 160, 80, 112, 144, 176, 208, 224, 240)  # columns of a panel, the best first


def in_panels(graph: Graph, parameters: Collection[Var]) -> Graph:
    """A graph ↦ the same with products of vectors and matrices of `parameters` from panels or transposes of these."""
    return Panels(graph, parameters).rebuilt() if parameters else graph


class Panels(Rebuilding):
    """Makes the products anew."""

    def __init__(self, graph: Graph, parameters: Collection[Var]) -> None:
        super().__init__(graph)
        self.parameters = frozenset(parameters)

    def instead(self, node: Node, inputs: tuple[Var, ...]) -> Var | None:
        product = node.primitive
        if not isinstance(product, Contract):
            return None
        for place, matrix in enumerate(inputs):
            if matrix in self.parameters and pays(product, inputs, place):
                return anew(product, inputs, place)
        return None


def pays(product: Contract, inputs: tuple[Var, ...], place: int) -> bool:
    """Whether operand number `place` is a matrix [summed, columns], and the other operand a vector."""
    matrix, letters, other = inputs[place].spec, (product.x, product.y)[place], (product.y, product.x)[place]
    if len(letters) != 2 or matrix.dtype not in (FLOAT32, FLOAT64) or not SMALLEST <= matrix.nbytes <= LARGEST:
        return False
    rows, columns = letters
    is_vector = inputs[1 - place].spec.size == matrix.shape[0] and matrix.shape[1] > 1
    return is_vector and rows in other and rows not in product.out and columns not in other


def anew(product: Contract, inputs: tuple[Var, ...], place: int) -> Var | None:
    """The product of the same operands, with operand number `place` laid out anew; None if it has no good width."""
    matrix, (rows, columns) = inputs[place], (product.x, product.y)[place]
    extent, count = matrix.spec.shape
    if count <= FEW:
        turned = bind(Contiguous(), bind(Transpose((1, 0)), matrix))
        return multiplied(product, inputs, place, turned, columns + rows, product.out)
    width = next((width for width in WIDTHS if count > width and count % width == 0), None)
    if width is None:
        return None
    panel = next(letter for letter in LETTERS if letter not in product.x + product.y)
    cut = bind(Reshape((extent, count // width, width)), matrix)
    panels = bind(Contiguous(), bind(Transpose((1, 0, 2)), cut))
    out = product.out.replace(columns, panel + columns)
    made = multiplied(product, inputs, place, panels, panel + rows + columns, out)
    (spec,) = product.type(*(var.spec for var in inputs))
    return bind(Reshape(spec.shape), made)


def multiplied(product: Contract, inputs: tuple[Var, ...], place: int, laid: Var, letters: str, out: str) -> Var:
    """The contraction with operand number `place` replaced by an array with other letters."""
    if place == 0:
        return bind(Contract(letters, product.y, out), laid, inputs[1])
    return bind(Contract(product.x, letters, out), inputs[0], laid)
