"""Graph ↦ stages: which arrays are written out into memory, and the one formula that fills each of them.

A node that is not written out lives on inside the formulas of its users. Written out are results, what a contraction
or a host step reads (but no vector that is quickly made and multiplied with a matrix), folds (with what is done to them
element by element afterwards), and what several users need, if computing it again would read more or cost more than
keeping it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from mapsto.compiler.affine import normal
from mapsto.compiler.conditions import decided
from mapsto.compiler.contractions import Product, address, element_of, is_plain, product_in, product_of
from mapsto.compiler.fused_formulas import FusedFormulas
from mapsto.compiler.node_formulas import NOTHING, TypedRun, element_formula, is_run_output, typed_run
from mapsto.compiler.running import Along
from mapsto.compiler.scattered import Scatter, scatter_in
from mapsto.compiler.terms import folds, loads, parts, rebuilt
from mapsto.core.spec import BOOL, DTYPES, SHORT_NAMES, Spec, is_float
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, Word, as_index, within, word
from mapsto.ir.graph import Graph, Node, Var
from mapsto.prims.contract import Contract
from mapsto.prims.kinds import Elementwise
from mapsto.prims.layout import Broadcast, Layout, Reshape
from mapsto.prims.window import WindowPick

DEAR = frozenset(
    "pow exp expm1 log log1p log2 log10 sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh sigmoid erf "
    "erf_inv hypot div sqrt".split()
)
LITTLE_MORE = 1.25  # times what an array is itself: to read so much again is less than to write it and read it back
FEW_TIMES = 8  # a broadcast that repeats an element so often repeats its arithmetic, too
MANY_WORDS = 40  # a formula of so many words is dear, whatever they are
DEEP = 40  # nodes, one within the other, in one formula: each takes some frames of Python's stack


@dataclass(frozen=True)
class Flag:
    """What a truth value is about: a named result that must be finite, or (no name) an index that must be in range."""

    name: str | None


@dataclass(eq=False)
class Stage:
    """One array to fill: element `domain` of array number `array` is `formula`, whose loads name arrays by number."""

    array: int
    domain: tuple[Index, ...]
    formula: Formula
    node: Node | None
    members: tuple[Node, ...] = ()
    total: bool = False  # adds up the slots of chunks
    flag: Flag | None = None  # the array says whether all is well
    scatter: Scatter | None = None  # the formula, as the scattered fold that it is
    run: Along | None = None  # the formula is of the element before it, too
    found: tuple[Formula, list[int]] | None = None  # what `reads` has found, and for which formula

    def reads(self) -> list[int]:
        """The arrays that are read, once each."""
        if self.found is None or self.found[0] is not self.formula:
            own = (load.input for load in loads(self.formula) if load.input != self.array)
            self.found = self.formula, list(dict.fromkeys(own))
        return self.found[1]

    def product(self) -> Product | None:
        """The contraction in the formula, if its factors are used more than once each."""
        found = None if self.total else product_in(self.formula)
        if found is None or (found.makes() and not any(isinstance(one.primitive, Contract) for one in self.members)):
            return None
        axes = [axis for axis in self.domain if axis.extent > 1]
        used = [{axis for axis in axes if axis in parts(*load.index)} for load in (found.x, found.y)]
        return found if any(len(one) < len(axes) for one in used) else None


@dataclass(eq=False)
class HostStep:
    """A node that the reference evaluates: it has no formula."""

    node: Node
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Fusion(FusedFormulas):
    """Decides which arrays of a program are stored, and has the steps that fill them, in order."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.users: dict[Var, list[Node]] = {}
        for node in self.nodes:
            for var in dict.fromkeys(node.inputs):
                self.users.setdefault(var, []).append(node)
        self.formulas: dict[Node, Formula | None] = {node: element_formula(node) for node in self.nodes}
        self.runs = {node: run for node in self.nodes if self.formulas[node] is None and (run := typed_run(node))}
        self.choose()
        self.steps = self.make_steps()

    # which arrays are written out

    def choose(self) -> None:
        """Decide what is stored: what must be, then folds with what follows them, then what it pays to keep."""
        vectors: list[tuple[Var, ...]] = []  # each with its matrix
        self.stored.update(var for var in self.graph.results if var in self.maker)
        for node in self.nodes:
            formula = self.formulas[node]
            if node in self.runs:
                self.stored.update(node.outputs, node.inputs if self.runs[node].jumps() else ())
            elif formula is None:
                self.stored.update((*node.inputs, *node.outputs))
            elif formula is NOTHING:
                self.stored.update(node.outputs)
            elif (scatter := scatter_in(formula)) is not None:
                used = [node.inputs[load.input] for load in loads(scatter.place)]
                self.stored.update(node.outputs, (base for base in map(self.base, used) if base in self.maker))
            elif (product := product_of(formula)) is not None:
                vector = product.vector() if isinstance(node.primitive, Contract) else None
                factors = [var for place, var in enumerate(node.inputs) if vector is None or place != vector.input]
                if vector is not None:
                    vectors.append((node.inputs[vector.input], *factors))
                self.stored.update(base for base in map(self.base, factors) if base in self.maker)
        carried: set[Var] = set()
        for node in self.nodes:
            formula = self.formulas[node]
            if formula is not None and folds(formula):
                self.carry(node.outputs[0], carried)
        self.cut_deep()  # before any formula is written out
        self.stored.update(self.base(both[0]) for both in vectors if not all(map(self.is_made_quickly, both)))
        self.stored.update(node.inputs[0] for node in self.nodes if self.repeats(node))
        for node in self.nodes:
            var = node.outputs[0]
            shared = len(self.users.get(var, ())) > 1
            if var not in self.stored and shared and self.worth_keeping(var):
                self.stored.add(var)

    def is_made_quickly(self, var: Var) -> bool:
        """Whether each element of an array is quickly made of one that is stored, at a place that indices name."""
        load = element_of(self.formula(var, tuple(map(Index, var.spec.shape))))
        return load is not None and load.guard is None and is_plain(address(load, self.specs[load.input]))

    def cut_deep(self) -> None:
        """Store every variable whose formula would have too many nodes within one another."""
        depth: dict[Var, int] = {}
        for node in self.nodes:
            var = node.outputs[0]
            depth[var] = 1 + max((depth.get(x, 0) for x in node.inputs if x not in self.stored), default=0)
            if depth[var] >= DEEP:
                self.stored.add(var)

    def base(self, var: Var) -> Var:
        """What an array is a transpose, reshape or other layout of, without what is stored on the way."""
        while var in self.maker and var not in self.stored and self.plain_layout(self.maker[var]):
            var = self.maker[var].inputs[0]
        return var

    def plain_layout(self, node: Node) -> bool:
        formula = self.formulas[node]
        return isinstance(node.primitive, Layout) and isinstance(formula, Load) and formula.guard is None

    def carry(self, var: Var, carried: set[Var]) -> None:
        """Store, instead of a fold, the last of the elementwise steps that follow it and that only it feeds.

        If that is a reshape, what it reshapes is stored.
        """
        last = var
        while var not in self.stored:
            carried.add(var)
            last = last if isinstance(self.maker[var].primitive, Reshape) else var
            users = self.users[var]
            if len(users) > 1 or not self.follows(users[0], var, carried):
                break
            var = users[0].outputs[0]
        if var not in self.stored:
            self.stored.add(last)

    def follows(self, node: Node, var: Var, carried: set[Var]) -> bool:
        """Whether a node can be computed where its input is: element by element, and of one fold alone."""
        if not isinstance(node.primitive, Elementwise | Reshape) or self.formulas[node] is None:
            return False
        behind = {other for x in node.inputs if x is not var for other in self.inlined(x)}
        return not behind & carried

    def inlined(self, var: Var) -> set[Var]:
        """A variable and what is computed within its formula."""
        found: set[Var] = set()
        stack = [var]
        while stack:
            one = stack.pop()
            if one not in found and one not in self.stored and one in self.maker:
                found.add(one)
                stack.extend(self.maker[one].inputs)
        return found

    def repeats(self, node: Node) -> bool:
        """Whether a node would repeat the arithmetic of its input so often that the input should be stored.

        A broadcast does if the input is dear, as a channel's deviation is, or is read by quotients, as the deviation
        of a group of channels is. The gradient of a pooling does if the input is dear.
        """
        broadcast = isinstance(node.primitive, Broadcast)
        if not (broadcast or isinstance(node.primitive, WindowPick)) or node.inputs[0] not in self.maker:
            return False
        small, large = node.inputs[0], node.outputs[0]
        if small in self.stored or (broadcast and large.spec.size < FEW_TIMES * small.spec.size):
            return False
        formula = self.formula(small, tuple(map(Index, small.spec.shape)))
        indices = parts(*(index for load in loads(formula) for index in load.index)) if broadcast else ()
        return self.is_dear(formula) or any(isinstance(one, Word) and one.word == "floor_divide" for one in indices)

    def is_dear(self, formula: Formula) -> bool:
        words = [part.word for part in parts(formula) if isinstance(part, Word)]
        return len(words) > MANY_WORDS or any(name in DEAR for name in words)

    def worth_keeping(self, var: Var) -> bool:
        """Whether to compute it again would be dear, or would read clearly more than it is itself: not x - mean."""
        formula = self.formula(var, tuple(map(Index, var.spec.shape)))
        if self.is_dear(formula):
            return True
        bases = {load.input for load in loads(formula)}
        read = sum(min(self.specs[number].nbytes, 8 * var.spec.size) for number in bases)
        return read > LITTLE_MORE * var.spec.nbytes

    # steps

    def make_steps(self) -> list[Stage | HostStep]:
        steps: list[Stage | HostStep] = []
        for node in self.nodes:
            formula = self.formulas[node]
            if node in self.runs:
                steps.extend(self.run_stages(node, self.runs[node]))
                continue
            if formula is None:
                inputs, outputs = ([self.number(var) for var in side] for side in (node.inputs, node.outputs))
                steps.append(HostStep(node, tuple(inputs), tuple(outputs)))
                continue
            var = node.outputs[0]
            if formula is NOTHING:
                for empty in node.outputs:
                    self.number(empty)
            elif var in self.stored:
                steps.extend(self.stages(node, var))
        return [*steps, *self.flags()]

    def stages(self, node: Node, var: Var) -> Iterator[Stage]:
        """The stage of a stored variable; before it, if it goes on from a scattered fold, the stage of that fold."""
        domain = tuple(map(Index, var.spec.shape))
        members = tuple(self.maker[one] for one in [var, *self.behind(var)])
        formula, unfused = self.expanded(var, domain), self.formulas[node]
        scatter = None if unfused is None or scatter_in(unfused) is None else scatter_in(formula)
        if scatter is not None and scatter.fold is not formula:
            wide = self.new_array(Spec(DTYPES[self.kinds.dtype(scatter.fold)], var.spec.shape))
            yield Stage(wide, domain, scatter.fold, node, members, scatter=scatter)
            whole, scatter = scatter.fold, None
            formula = rebuilt(formula, lambda term: Load(wide, domain) if term is whole else None)
        if isinstance(formula, Reduce) and var.spec.size == 1:
            fixed = next((fold for fold in folds(formula.body) if formula.index not in parts(fold)), None)
            if fixed is not None:  # the same for every turn, as the extreme is whose place is asked for
                once = self.new_array(Spec(DTYPES[self.kinds.dtype(fixed)], var.spec.shape))
                yield Stage(once, domain, fixed, node, members)
                formula = rebuilt(formula, lambda term: Load(once, domain) if term is fixed else None)
        yield Stage(self.number(var), domain, formula, node, members, scatter=scatter)

    def run_stages(self, node: Node, running: TypedRun) -> Iterator[Stage]:
        """The stages of a node that runs along an axis: that of the run, and those of outputs made from it."""
        run, shape = running.run, node.outputs[0].spec.shape
        spec = Spec(DTYPES[run.dtype], shape)
        same = [var for var, made in zip(node.outputs, run.outputs, strict=True) if is_run_output(made, node)]
        array = self.number(same[0]) if same else self.new_array(spec)
        domain = tuple(map(Index, shape))
        before = self.own_places[node] = Load(array, domain)
        places: dict[Formula, Formula] = dict(zip(running.axes, domain, strict=True))
        step, *outputs = (
            rebuilt(one, lambda term: self.opened(term, node, places)) for one in (run.step, *run.outputs)
        )
        along = Along(domain[run.axis], run.reverse, run.start, before)
        members = tuple(self.maker[one] for one in [node.outputs[0], *self.behind(node.outputs[0])])
        yield Stage(array, domain, step, node, members, run=along)
        for var, formula in zip(node.outputs, outputs, strict=True):
            if formula is not before:
                yield Stage(self.number(var), domain, formula, node)

    def flags(self) -> Iterator[Stage]:
        """The stages of truth values that say whether the results count: indices are in range, guards are finite.

        In this order, since the reference looks at guards last.
        """
        asked = [
            (node.inputs[number], extent)
            for node in self.nodes
            if self.formulas[node] is not None
            for number, extent in node.primitive.ranges([x.spec for x in node.inputs])
            if node.inputs[number].spec.size
        ]
        for var, extent in dict.fromkeys(asked):
            index = word("cast", self.element(var), dtype="i64")
            below = within(index, extent) if extent < 2**63 else word("less_equal", as_index(0), index)
            yield self.flag(var, below, Flag(None))
        for name, var in self.graph.guards:
            if not var.spec.size or not is_float(var.spec.dtype):
                continue
            size = word("abs", self.element(var))
            yield self.flag(var, word("less", size, Literal(inf, SHORT_NAMES[var.spec.dtype])), Flag(name))

    def element(self, var: Var) -> Formula:
        """The formula of an array's element number `all_elements`, counted in memory order."""
        self.all_elements = Index(var.spec.size)
        rest: Formula = self.all_elements
        index: list[Formula] = []
        for extent in reversed(var.spec.shape):
            index.append(rest % extent)
            rest = rest // extent
        return self.formula(var, tuple(normal(part) for part in reversed(index)))

    def flag(self, var: Var, holds: Formula, flag: Flag) -> Stage:
        """The stage of a truth value: whether `holds`, which depends on `all_elements`, is true of every element."""
        number = self.new_array(Spec(BOOL, ()))
        formula = Reduce("bit_and", self.all_elements, Literal(True, "bool"), holds) if var.spec.size > 1 else holds
        if var.spec.size == 1:
            formula = decided(rebuilt(holds, lambda term: as_index(0) if term is self.all_elements else None))
        return Stage(number, (), formula, self.maker.get(var), flag=flag)

    def behind(self, var: Var) -> list[Var]:
        """The variables that are computed within the formula of a stored one."""
        found: dict[Var, None] = {}
        for x in self.maker[var].inputs:
            found.update(dict.fromkeys(self.inlined(x)))
        return list(found)
