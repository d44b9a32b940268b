"""Contractions within stages: their letters from the formula, and the epilogue on what the tiles sum up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise

from mapsto.compiler.affine import Affine
from mapsto.compiler.contraction import Contraction, Guard, Letter, Operand, plan, write
from mapsto.compiler.contractions import Product, address, is_plain, limits
from mapsto.compiler.evaluate import Evaluator
from mapsto.compiler.kinds import Kinds
from mapsto.compiler.nests import used_bare
from mapsto.compiler.terms import children, parts
from mapsto.core.spec import Spec
from mapsto.ir.formula import Formula, Index, Load
from mapsto.ir.loops import Buffer, Type, Value
from mapsto.target.host import Host


class Letters:
    """The loop indices of a stage with a contraction, as letters.

    Indices without extent are no letters, unless a border depends on them; nor are `fixed` ones, which have a value
    around the whole contraction.
    """

    def __init__(
        self, product: Product, domain: Sequence[Index], specs: Sequence[Spec], fixed: frozenset[Index] = frozenset()
    ) -> None:
        self.product, self.specs, self.fixed = product, specs, fixed
        self.limits = self.borders()
        at_borders = {atom for number, _ in self.limits or () for atom in number.atoms}
        self.indices = [index for index in (*domain, *product.indices) if index.extent > 1 or index in at_borders]
        self.names = {index: f"{'o' if index in domain else 'r'}{number}" for number, index in enumerate(self.indices)}
        self.domain = [index for index in domain if index in self.names]
        self.units = [index for index in domain if index not in self.names]
        self.x, self.y = (self.without_units(address(load, specs[load.input])) for load in (product.x, product.y))

    def without_units(self, number: Affine) -> Affine:
        """Indices that are no letters are 0."""
        none = [
            atom for atom in number.atoms if isinstance(atom, Index) and atom.extent == 1 and atom not in self.names
        ]
        return Affine(tuple((atom, factor) for atom, factor in number.terms if atom not in none), number.constant)

    def borders(self) -> list[tuple[Affine, int]] | None:
        """The guards of both factors that do not always hold: 0 ≤ number < extent; None if they say anything else."""
        found: list[tuple[Affine, int]] = []
        for load in (self.product.x, self.product.y):
            pairs = [] if load.guard is None else limits(load.guard)
            if pairs is None:
                return None
            for number, extent in pairs:
                low, high = number.range()
                if low < 0 or high >= extent:
                    found.append((number, extent))
        return found

    def contraction(self) -> Contraction | None:
        """The contraction in letters; None where addresses or guards are no sums of indices."""
        if not (is_plain(self.x) and is_plain(self.y)):
            return None
        guards = self.guards()
        if guards is None:
            return None
        letters = tuple(
            Letter(
                self.names[index],
                index.extent,
                self.x.coefficient(index),
                self.y.coefficient(index),
                index in self.domain,
            )
            for index in self.indices
        )
        dtype = Kinds(self.specs).dtype(self.product.fold)
        return Contraction(letters, guards, dtype, self.x.constant, self.y.constant)

    def guards(self) -> tuple[Guard, ...] | None:
        """The borders in letters: of two each, one of them summed over."""
        if self.limits is None:
            return None
        found: list[Guard] = []
        for number, extent in self.limits:
            if not is_plain(number) or len(number.terms) != 2 or not self.fixed.isdisjoint(number.atoms):
                return None
            out = [index in self.domain for index in number.atoms]
            if out.count(True) != 1:
                return None
            terms = tuple((self.names[atom], factor) for atom, factor in number.terms)
            found.append(Guard(terms, number.constant, extent))
        return tuple(dict.fromkeys(found))

    def strides(self, number: Affine) -> dict[str, int] | None:
        """An address in letters, if it has no other parts."""
        known = (*self.names, *self.fixed)
        if not all(isinstance(atom, Index) and (atom in known or atom.extent == 1) for atom in number.atoms):
            return None
        return {self.names[atom]: factor for atom, factor in number.terms if atom in self.names}


class ProductStage:
    """A contraction, what is made of its sums, and where that goes.

    `rows` is an index that the caller limits to a range at run time. With `begin`, sums go on from what that says.
    """

    def __init__(
        self,
        letters: Letters,
        contraction: Contraction,
        output: tuple[int, tuple[Formula, ...], Formula],
        host: Host,
        rows: Index | None = None,
    ) -> None:
        self.letters, self.array, self.index, self.formula = letters, *output
        self.rows = letters.names.get(rows) if rows is not None else None
        own = address(Load(self.array, self.index), letters.specs[self.array])
        out = {letters.names[index]: own.coefficient(index) for index in letters.domain}
        bounded = () if self.rows is None else (self.rows,)
        self.used = [index for index in letters.domain if index in self.as_numbers()]
        self.plan = plan(contraction, host, out, bounded)
        while (lanes := self.in_lanes()) and len(lanes) > 1 and not self.lies_alike(lanes):
            bounded = (*bounded, *(name for name, _ in lanes))
            self.plan = plan(contraction, host, out, bounded)
        self.fastest = self.lane_index()

    def as_numbers(self) -> set[Formula]:
        """The indices that the epilogue computes with, or has in addresses that are no sums of letters."""
        found: set[Formula] = {*used_bare((self.formula,))}
        for load in loads_outside(self.formula, {self.letters.product.fold}):
            if self.letters.strides(address(load, self.letters.specs[load.input])) is None:
                found.update(parts(*load.index))
        return found

    def in_lanes(self) -> tuple[tuple[str, int], ...]:
        """The letters that run along the lanes of a finished tile, the slowest first, with their extents."""
        name = self.plan.result
        if name is None:
            return ()
        return next((group.parts for group in self.plan.groups if group.name == name), ((name, 0),))

    def lies_alike(self, lanes: Sequence[tuple[str, int]]) -> bool:
        """Whether letters that share the lanes can be one index in the epilogue.

        In every array that it reads they must lie one behind the other, and it must not compute with them.
        """
        known: set[Formula] = {self.letters.product.fold}
        if any(self.letters.names.get(index) in dict(lanes) for index in self.used):
            return False
        for load in loads_outside(self.formula, known):
            strides = self.letters.strides(address(load, self.letters.specs[load.input]))
            if strides is None or load.guard is not None:
                return False
            for (slow, _), (fast, extent) in pairwise(lanes):
                if strides.get(slow, 0) != strides.get(fast, 0) * extent:
                    return False
        return True

    def lane_index(self) -> Index | None:
        """The loop index in the lanes: of letters that were run together, the fastest."""
        name = next((name for name, _ in reversed(self.in_lanes())), None)
        return next((index for index, own in self.letters.names.items() if own == name), None)

    def write(
        self,
        ev: Evaluator,
        bounds: Mapping[str, tuple[Value, Value]],
        scratch: Callable[[str, int], Buffer],
        begin: Formula | None = None,
    ) -> None:
        """Write the tiles, and behind each the epilogue on its sums.

        `bounds` are those of letters that run over a part of their range; `scratch` gives work space of a type and
        size; `begin` is what the sums go on from, instead of their start.
        """
        product = self.letters.product
        x = self.operand(ev, product.x, self.letters.x, product.x_factor)
        y = self.operand(ev, product.y, self.letters.y, product.y_factor)

        def finish(total: Value, place: Mapping[str, Value], lanes: int, mask: Value | None) -> None:
            with self.at(ev, place, lanes, mask):
                ev.know(product.fold, total)
                ev.store(self.array, self.index, ev.value(self.formula))

        def first(place: Mapping[str, Value], lanes: int, mask: Value | None) -> Value:
            assert begin is not None
            with self.at(ev, place, lanes, mask):
                return ev.b.splat(ev.value(begin), lanes)

        write(ev.b, self.plan, x, y, bounds, finish, None if begin is None else first, scratch)

    def operand(self, ev: Evaluator, load: Load, number: Affine, factor: Formula) -> Operand:
        """Where a factor is, what fixed indices and the beginning of a work space add to its addresses, how it is made.

        A vector may be something that is made of each element as it is read.
        """
        place = ev.place(load.input)
        fixed = [(step, ev.env[atom]) for atom, step in number.terms if atom in self.letters.fixed]
        terms = [*place.base, *fixed]

        def made(element: Value) -> Value:
            with ev.scope():
                ev.know(load, element)
                return ev.value(factor)

        return Operand(place.buffer, ev.b.affine(terms) if terms else None, None if factor is load else made)

    @contextmanager
    def at(self, ev: Evaluator, place: Mapping[str, Value], lanes: int, mask: Value | None) -> Iterator[None]:
        """The place of an accumulator, for formulas: indices as the tile knows them."""
        env = {index: place[self.letters.names[index]] for index in self.used if index in self.letters.names}
        env |= {index: ev.b.const(0) for index in self.letters.units}

        def locate(number: Affine) -> tuple[Value, int] | None:
            """An address as (variable part, constant), by what the tile has of it; None if it is no sum of letters."""
            known = tuple(term for term in number.terms if term[0] in ev.env and term[0] not in self.letters.names)
            inside = Affine(tuple(term for term in number.terms if term not in known), number.constant)
            strides = self.letters.strides(inside)
            if strides is None:
                return None
            offset, shift = place.offset(strides, number.constant)  # type: ignore[attr-defined]
            offset = ev.b.affine([(1, offset), *((factor, ev.env[atom]) for atom, factor in known)])
            apart = 0 if ev.vector is None else strides.get(self.letters.names[ev.vector], 0)
            if apart in (0, 1):
                return offset, shift
            type = Type("i64", lanes)
            places = ev.b.op("mul", ev.b.lanes(type), ev.b.const(apart, type))
            return ev.b.op("add", ev.b.splat(offset, lanes), places), shift

        before = ev.locate, ev.width
        ev.locate, ev.width = locate, lanes
        with ev.scope(env), ev.vectorised(self.fastest if lanes > 1 else None, mask):
            yield
        ev.locate, ev.width = before


def loads_outside(formula: Formula, known: set[Formula]) -> list[Load]:
    """What a formula reads besides what is known of it."""
    found: list[Load] = []
    seen = set(known)
    stack = [formula]
    while stack:
        term = stack.pop()
        if term in seen:
            continue
        seen.add(term)
        if isinstance(term, Load):
            found.append(term)
        stack.extend(children(term))
    return found
