"""Variables of a graph ↦ formulas of their elements in terms of the arrays that are stored, by substitution."""

from __future__ import annotations

from mapsto.compiler.affine import affine, normal
from mapsto.compiler.kinds import Kinds
from mapsto.compiler.node_formulas import fresh_formula
from mapsto.compiler.terms import loads, rebuilt
from mapsto.core.spec import Spec
from mapsto.ir.formula import Formula, Literal, Load, as_index, both, word
from mapsto.ir.graph import Graph, Node, Var, live_nodes


class FusedFormulas:
    """The arrays of a program by number, and the formulas of its variables. At first the inputs alone are stored."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes = live_nodes(graph)
        self.maker = {var: node for node in self.nodes for var in node.outputs}
        self.own_places: dict[Node, Load] = {}  # where a run writes the element that it is at
        self.specs: list[Spec] = []
        self.kinds = Kinds(self.specs)
        self.numbers: dict[Var, int] = {}
        self.stored: set[Var] = set()
        self.memo: dict[tuple[Var, tuple[Formula, ...]], Formula] = {}
        for var in graph.inputs:
            self.number(var)

    def number(self, var: Var) -> int:
        """The number of a variable's array; from now on the variable is stored."""
        if var not in self.numbers:
            self.numbers[var] = self.new_array(var.spec)
            self.stored.add(var)
        return self.numbers[var]

    def new_array(self, spec: Spec) -> int:
        """The number of one array more."""
        self.specs.append(spec)
        return len(self.specs) - 1

    def formula(self, var: Var, index: tuple[Formula, ...]) -> Formula:
        """The element of a variable at an index, in terms of what is stored."""
        if var in self.stored:
            return Load(self.number(var), index)
        return self.expanded(var, index)

    def expanded(self, var: Var, index: tuple[Formula, ...]) -> Formula:
        """The same of a variable that may be stored itself: the formula that fills it."""
        key = (var, index)
        if key not in self.memo:
            node = self.maker[var]
            axes, formula = fresh_formula(node)
            assert formula is not None
            places: dict[Formula, Formula] = dict(zip(axes, index, strict=True))
            self.memo[key] = rebuilt(formula, lambda term: self.opened(term, node, places))
        return self.memo[key]

    def opened(self, term: Formula, node: Node, places: dict[Formula, Formula]) -> Formula | None:
        """A load of a node's input ↦ the formula of that element; `places` are the indices of the node's own."""
        if not isinstance(term, Load):
            return places.get(term)
        if term.input == len(node.inputs):
            return self.own_places[node]
        var = node.inputs[term.input]
        pairs = zip(term.index, var.spec.shape, strict=True)
        index = tuple(self.place(part, node, places, extent) for part, extent in pairs)
        value = self.formula(var, index)
        if term.guard is None:
            return value
        assert term.fill is not None
        both_parts = (term.guard, term.fill)
        guard, fill = (rebuilt(part, lambda inner: self.opened(inner, node, places)) for part in both_parts)
        if isinstance(value, Load) and value.guard is None:
            return Load(value.input, tuple(self.guarded(part, guard) for part in value.index), guard, fill)
        return word("select", guard, self.guarded(value, guard), fill)

    def guarded(self, value: Formula, guard: Formula) -> Formula:
        """A formula whose loads, those within indices too, happen only under a guard."""

        def change(term: Formula) -> Formula | None:
            if not isinstance(term, Load):
                return None
            index = tuple(self.guarded(part, guard) for part in term.index)
            zero = self.kinds.typed(Literal(0, ""), self.kinds.dtype(term))
            fill = zero if term.fill is None else self.guarded(term.fill, guard)
            return Load(term.input, index, both(guard, term.guard), fill)

        return rebuilt(value, change)

    def place(self, index: Formula, node: Node, places: dict[Formula, Formula], extent: int) -> Formula:
        """An index in terms of what is stored. One that is read from an array is kept within the axis.

        That it was out of range is found by a flag (`Fusion.flags`).
        """
        found = normal(rebuilt(index, lambda term: self.taken(term, node, places)))
        if not loads(index):
            return found
        if extent == 1:
            return as_index(0)  # else it would look as if it were read elsewhere than it is made, though a row is all
        low, high = affine(found).range()
        if low >= 0 and high < extent:
            return found
        return word("minimum", word("maximum", found, as_index(0)), as_index(extent - 1))

    def taken(self, term: Formula, node: Node, places: dict[Formula, Formula]) -> Formula | None:
        """An element that an index is computed from, as i64, since the arithmetic of narrower integers would wrap."""
        value = self.opened(term, node, places)
        if value is None or isinstance(value, Literal) or self.kinds.dtype(value) == "i64":
            return value
        return word("cast", value, dtype="i64")
