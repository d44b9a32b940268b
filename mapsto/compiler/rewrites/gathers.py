"""Products with rows of a table that an index names: every row is multiplied once, not once for every time it is named.

A gather is a product with a matrix that has a single 1 in each row, `put_add` is one with its transpose, and products
associate. With a table E[n, r] and an index i of clearly more than n entries,

    take(E, i) · W       =  take(E · W, i)
    put_add(i, G · Wᵀ)   =  put_add(i, G) · Wᵀ          the gradient of E
    take(E, i)ᵀ · G      =  Eᵀ · put_add(i, G)          the gradient of W, of the same sums

and what is done to gathered elements one by one, such as adding a bias, can as well be done before, to the table's.
Rows that no entry names have no part in the gradients, whatever they hold: they count as zeros.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from mapsto.compiler.rewrites.gathered import Along, Gathered, along_after, index_after, rows_after
from mapsto.compiler.rewrites.rebuilding import Rebuilding, transposed
from mapsto.core.spec import DTYPES, Shape
from mapsto.ir.graph import Graph, Node, Var, bind
from mapsto.ir.primitive import Primitive
from mapsto.prims.compare import LessEqual, select
from mapsto.prims.contract import LETTERS, Contract
from mapsto.prims.elementwise import constant_like
from mapsto.prims.index import LastPut, PutAdd, Take
from mapsto.prims.kinds import Elementwise
from mapsto.prims.layout import Broadcast, Reshape, Transpose, inverse

TIMES = 2  # entries of an index for every row of its table, at least
BYTE = 4  # operations of a product that take as long as a byte that is written and read again
ADDED = 32  # the same for a number that is added to a row
OUT = 2  # the place of a product's result behind its two factors
WIDE = (DTYPES["f32"], DTYPES["f64"])  # sums of shorter floats would be rounded; integers are left as they are


def gathered_products(graph: Graph) -> Graph:
    """A graph ↦ the same with products of tables in the place of products of rows taken from them."""
    return Gathers(graph).rebuilt() if any(map(has_few_rows, graph.nodes)) else graph


def has_few_rows(node: Node) -> bool:
    """Whether a node takes rows, or adds to rows, of a table that has clearly fewer than its index has entries."""
    match node.primitive:
        case Take(0):
            rows = node.inputs[0].spec.shape[0]
        case PutAdd(0, rows):
            pass
        case _:
            return False
    return node.inputs[0].spec.dtype in WIDE and TIMES * rows <= node.inputs[1].spec.size


class Gathers(Rebuilding):
    """Knows which variables are gathered from small tables, and puts products of these tables in their place."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.known: dict[Var, Gathered] = {}

    def instead(self, node: Node, inputs: tuple[Var, ...]) -> Var | None:
        gathered = self.gathered(node.primitive, inputs)
        if gathered is None or not gathered.better:
            return self.summed(node.primitive, inputs)
        found = gathered.written()
        self.known[found] = gathered
        return found

    def kept(self, primitive: Primitive, inputs: tuple[Var, ...], outputs: tuple[Var, ...]) -> None:
        gathered = self.gathered(primitive, inputs)
        if gathered is not None:
            self.known[outputs[0]] = gathered

    def gathered(self, primitive: Primitive, inputs: tuple[Var, ...]) -> Gathered | None:
        """What a primitive makes of these inputs, as rows of a table; None if it is none, or that is no better."""
        match primitive:
            case Take(0) if TIMES * inputs[0].spec.shape[0] <= inputs[1].spec.size:
                rank = inputs[1].spec.rank
                return Gathered(inputs[0], inputs[1], (True,) * rank + (False,) * (inputs[0].spec.rank - 1))
            case Transpose() | Reshape() if inputs[0] in self.known:
                return self.known[inputs[0]].arranged(primitive, inputs[0].spec.shape)
            case Contract() if inputs[0].spec.dtype in WIDE:
                return self.product(primitive, inputs)
            case Elementwise() if any(var in self.known for var in inputs):
                return self.elementwise(primitive, inputs)
            case _:
                return None

    def summed(self, primitive: Primitive, inputs: tuple[Var, ...]) -> Var | None:
        """What a primitive makes of these inputs, by way of sums over the entries that name a row."""
        if inputs and inputs[0].spec.dtype not in WIDE:
            return None
        match primitive:
            case Contract():
                return self.product_of_sums(primitive, inputs)
            case PutAdd(0, rows) if TIMES * rows <= inputs[1].spec.size:
                return self.sums_of_product(inputs, rows)
            case _:
                return None

    def elementwise(self, primitive: Elementwise, inputs: tuple[Var, ...]) -> Gathered | None:
        """Arithmetic of elements of tables that one index names, and of what is the same all along that index."""
        first = next(self.known[var] for var in inputs if var in self.known)
        tables: list[Var] = []
        for var in inputs:
            one = self.known.get(var)
            if one is not None and (one.index, one.along) != (first.index, first.along):
                return None
            table = first.beside(var, self.made_by) if one is None else one.table
            if table is None:
                return None
            tables.append(table)
        better = any(self.known[var].better for var in inputs if var in self.known)
        return Gathered(bind(primitive, *tables), first.index, first.along, better)

    def product(self, contract: Contract, inputs: tuple[Var, ...]) -> Gathered | None:
        """take(E, i) · W = take(E · W, i), where the axes of the index are the gathered factor's alone."""
        for own, letters, others in sides(contract):
            gathered = self.known.get(inputs[own])
            if gathered is None:
                continue
            named = letters_of(letters, gathered.along)
            (whole,) = contract.type(*(var.spec for var in inputs))
            if named & set(others) or not pays(contract, inputs, gathered.rows, gathered.index, BYTE * whole.nbytes):
                continue
            product = bind(by_rows(contract, named, (own, OUT)), *with_factor(inputs, own, gathered.table))
            index = reordered(gathered.index, letters, contract.out, named)
            return Gathered(product, index, along_of(contract.out, named), better=True)
        return None

    def product_of_sums(self, contract: Contract, inputs: tuple[Var, ...]) -> Var | None:
        """take(E, i)ᵀ · G = Eᵀ · put_add(i, G), where all axes of the index are summed over."""
        for own, letters, others in sides(contract):
            gathered, other = self.known.get(inputs[own]), inputs[1 - own]
            if gathered is None:
                continue
            named = letters_of(letters, gathered.along)
            if not named <= set(others) or named & set(contract.out):
                continue
            if not pays(contract, inputs, gathered.rows, gathered.index, ADDED * other.spec.size):
                continue
            index = reordered(gathered.index, letters, others, named)
            sums = added_up(other, index, along_of(others, named), gathered.rows)
            factors = with_factor((sums, sums), own, where_named(gathered.table, index))
            return bind(by_rows(contract, named, (0, 1)), *factors)
        return None

    def sums_of_product(self, inputs: tuple[Var, ...], rows: int) -> Var | None:
        """put_add(i, G · W) = put_add(i, G) · W, where nothing else needs the product."""
        var, index = inputs
        along: Along = (True,) * index.spec.rank + (False,) * (var.spec.rank - index.spec.rank)
        layouts: list[tuple[Transpose | Reshape, Along, Along]] = []
        while (node := self.only_for(var)) is not None and isinstance(node.primitive, Transpose | Reshape):
            back = undone(node.primitive, node.inputs[0].spec.shape)
            before = along_after(back, along, var.spec.shape)
            if before is None:
                return None
            index = index_after(back, index, along, before)
            layouts.append((node.primitive, before, along))
            var, along = node.inputs[0], before
        if node is None or not isinstance(node.primitive, Contract):
            return None
        found = self.sums_through(node.primitive, node.inputs, index, along, rows)
        if found is None:
            return None
        for layout, before, after in reversed(layouts):
            found = rows_after(layout, found, before, after)
        return found

    def only_for(self, var: Var) -> Node | None:
        """What made a variable, if it is used only once."""
        return self.made_by.get(var) if self.uses[var] == 1 else None

    def sums_through(
        self, contract: Contract, inputs: tuple[Var, ...], index: Var, along: Along, rows: int
    ) -> Var | None:
        """put_add(i, G · W) of a product with these axes of the index, where they are one factor's alone."""
        named = letters_of(contract.out, along)
        (whole,) = contract.type(*(var.spec for var in inputs))
        for own, letters, others in sides(contract):
            factor = inputs[own]
            cost = ADDED * (factor.spec.size - whole.size)
            if named & set(others) or not pays(contract, inputs, rows, index, cost):
                continue
            index = reordered(index, contract.out, letters, named)
            sums = added_up(factor, index, along_of(letters, named), rows)
            product = bind(by_rows(contract, named, (own, OUT)), *with_factor(inputs, own, sums))
            return where_named(product, index)
        return None


def pays(contract: Contract, inputs: tuple[Var, ...], rows: int, index: Var, cost: float) -> bool:
    """Whether a product of the rows of a table, at some cost, is less than that of all entries of an index."""
    whole = contract.flops([var.spec for var in inputs], [])
    return index.spec.size > 0 and whole * (1 - rows / index.spec.size) > cost


def sides(contract: Contract) -> tuple[tuple[int, str, str], ...]:
    """Each factor's number and letters, and the letters of the other one."""
    return (0, contract.x, contract.y), (1, contract.y, contract.x)


def letters_of(letters: str, along: Along) -> set[str]:
    """The letters of the axes that are an index's."""
    return {letter for letter, one in zip(letters, along, strict=True) if one}


def along_of(letters: str, named: Set[str]) -> Along:
    return tuple(letter in named for letter in letters)


def by_rows(contract: Contract, named: Set[str], places: Sequence[int]) -> Contract:
    """A contraction in which one new letter, of a table's rows, takes the place of the `named` letters of an index.

    It comes first, in the operands at `places`: 0 is x, 1 is y, 2 is the result.
    """
    texts = contract.x, contract.y, contract.out
    row = next(letter for letter in LETTERS if not any(letter in text for text in texts))
    shorter = (row + "".join(letter for letter in text if letter not in named) for text in texts)
    return Contract(*(one if n in places else text for n, (text, one) in enumerate(zip(texts, shorter, strict=True))))


def with_factor(inputs: tuple[Var, ...], number: int, factor: Var) -> tuple[Var, ...]:
    return (*inputs[:number], factor, *inputs[number + 1 :])


def reordered(index: Var, before: str, after: str, named: Set[str]) -> Var:
    """An index, its axes in the order of their letters in one array ↦ in the order that another one has."""
    own = [letter for letter in before if letter in named]
    return transposed(index, [own.index(letter) for letter in after if letter in named])


def undone(layout: Transpose | Reshape, shape: Shape) -> Transpose | Reshape:
    """The layout that makes an array of this shape again of what a layout has made of it."""
    return Transpose(inverse(layout.order)) if isinstance(layout, Transpose) else Reshape(shape)


def added_up(var: Var, index: Var, along: Along, rows: int) -> Var:
    """The sums of what every row is given: `put_add` of an array with the index along some of its axes."""
    order = sorted(range(len(along)), key=lambda axis: not along[axis])
    return bind(PutAdd(0, rows), transposed(var, order), index)


def where_named(table: Var, index: Var) -> Var:
    """A table with zeros in all rows that no entry of an index names."""
    last = bind(LastPut(0, table.spec.shape[0]), index)
    named = bind(LessEqual(), constant_like(last, 0), last)
    return select(bind(Broadcast(table.spec.shape, (0,)), named), table, constant_like(table, 0.0))
