"""Formulas ↦ values: writes the loads and the arithmetic of a formula at one place of the loops around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from mapsto.compiler import words
from mapsto.compiler.affine import Affine, Part
from mapsto.compiler.contractions import address
from mapsto.compiler.kinds import Kinds
from mapsto.compiler.lanes import FOLDS, NEUTRAL, lane_loops
from mapsto.compiler.terms import children, loads, parts
from mapsto.core.spec import Spec
from mapsto.ir.build import Builder
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, Word
from mapsto.ir.loops import Buffer, Type, Value

SIDE_BY_SIDE = 4  # vectors of a long fold: what one addition takes is what four take together


@dataclass(frozen=True, eq=False)
class Place:
    """Where an array is: a buffer, and what is to be added to every address (a scratch begins with a block's rows)."""

    buffer: Buffer
    spec: Spec
    base: tuple[tuple[int, Value], ...] = ()


Locate = Callable[[Affine], "tuple[Value, int] | None"]


class Evaluator:
    """Values of formulas under the open loops. One index may be the vector's: its value is that of lane 0."""

    def __init__(self, b: Builder, place: Callable[[int], Place], specs: Sequence[Spec], lanes: int) -> None:
        self.b, self.place, self.kinds, self.width = b, place, Kinds(specs), lanes
        self.env: dict[Index, Value] = {}
        self.vector: Index | None = None
        self.mask: Value | None = None
        self.locate: Locate | None = None  # a cheaper way to addresses within a tile
        self.memos: list[dict[Formula, Value]] = [{}]
        self.free: dict[Formula, frozenset[Index]] = {}
        self.bounds: dict[Index, tuple[Value, Value]] = {}  # of indices that run over a part of their range

    # scopes

    @contextmanager
    def scope(self, env: Mapping[Index, Value] | None = None) -> Iterator[None]:
        """Values that are found within are forgotten at the end, as are these indices."""
        before = self.env
        self.env = {**before, **(env or {})}
        self.memos.append({})
        yield
        self.memos.pop()
        self.env = before

    @contextmanager
    def vectorised(self, index: Index | None, mask: Value | None = None) -> Iterator[None]:
        """Within, `index` is the vector's, and only lanes under the mask count."""
        before = self.vector, self.mask
        self.vector, self.mask = index, mask
        yield
        self.vector, self.mask = before

    @contextmanager
    def widened(self, times: int) -> Iterator[None]:
        """Within, a vector is several of the machine's side by side: sums that wait for each other less."""
        before, self.width = self.width, self.width * times
        yield
        self.width = before

    def know(self, term: Formula, value: Value) -> None:
        self.memos[-1][term] = value

    # what is known of a term before it is written

    def indices(self, term: Formula) -> frozenset[Index]:
        """The loop indices that a term depends on, those of its own folds excepted."""
        if term not in self.free:
            inner = [self.indices(part) for part in children(term)]
            found: frozenset[Index] = frozenset({term}) if isinstance(term, Index) else frozenset().union(*inner)
            self.free[term] = found - {term.index} if isinstance(term, Reduce) else found
        return self.free[term]

    def dtype(self, term: Formula) -> str:
        """The element type of a term; "" for a bare number."""
        return self.kinds.dtype(term)

    # values

    def value(self, term: Formula, dtype: str = "") -> Value:
        """The value of a term; a bare number is of type `dtype`. One lane, unless it depends on the vector's index."""
        if isinstance(term, Literal):
            return self.literal(term, dtype)
        for memo in reversed(self.memos):
            if term in memo:
                return memo[term]
        made = self.write(term)
        self.memos[-1][term] = made
        return made

    def wide(self, term: Formula, dtype: str = "") -> Value:
        """The value in every lane of a vector."""
        return self.b.splat(self.value(term, dtype), self.width)

    def literal(self, term: Literal, dtype: str) -> Value:
        kind = term.dtype or dtype
        if kind in ("f16", "bf16"):
            return self.b.cast(self.b.const(float(term.value), Type("f32")), kind)
        return self.b.const(term.value, Type(kind))

    def write(self, term: Formula) -> Value:
        match term:
            case Index():
                return self.index(term)
            case Load():
                return self.load(term)
            case Word(name, terms, dtype):
                return self.word(name, terms, dtype)
            case Reduce():
                return self.reduce(term)
            case _:
                raise TypeError(f"not a formula: {term!r}")

    def index(self, term: Index) -> Value:
        first = self.env[term]
        if term is not self.vector:
            return first
        type = Type("i64", self.width)
        return self.b.op("add", self.b.splat(first, self.width), self.b.lanes(type))

    def word(self, name: str, terms: Sequence[Formula], dtype: str) -> Value:
        own = terms[1:] if name == "select" else terms
        common = next((kind for kind in map(self.dtype, own) if kind), "f64")
        values = [
            self.value(term, "bool" if name == "select" and place == 0 else common) for place, term in enumerate(terms)
        ]
        lanes = max(value.type.lanes for value in values)
        return words.apply(self.b, name, [self.b.splat(value, lanes) for value in values], dtype)

    # memory

    def offset(self, number: Affine) -> tuple[Value, int]:
        """An address: its variable part, a vector if lanes are apart by more than one, and the constant."""
        b = self.b
        located = self.locate(number) if self.locate is not None else None
        if located is not None:
            return located
        scalars: list[tuple[int, Value]] = []
        vectors: list[tuple[int, Value]] = []
        for atom, c in number.terms:
            if atom is self.vector:
                scalars.append((c, self.env[atom]))
                if c != 1:
                    vectors.append((c, b.lanes(Type("i64", self.width))))
                continue
            value = self.atom(atom)
            (scalars if value.type.lanes == 1 else vectors).append((c, value))
        if not vectors:
            return b.affine(scalars), number.constant
        total = b.splat(b.affine(scalars), self.width)
        if self.vector is not None and number.coefficient(self.vector) == 1:
            total = b.op("add", total, b.lanes(total.type))
        for c, value in vectors:
            part = value if c == 1 else b.op("mul", value, b.const(c, value.type))
            total = b.op("add", total, part)
        return total, number.constant

    def atom(self, atom: Index | Part | Formula) -> Value:
        if not isinstance(atom, Part):
            return self.b.cast(self.value(atom), "i64")
        inner, shift = self.number(atom.number)
        value = inner if not shift else self.b.op("add", inner, self.b.const(shift, inner.type))
        if atom.divisor != 1:
            value = self.b.op("floor_divide", value, self.b.const(atom.divisor, value.type))
        if atom.modulus is not None:
            value = self.b.op("remainder", value, self.b.const(atom.modulus, value.type))
        return value

    def number(self, number: Affine) -> tuple[Value, int]:
        """Like `offset`, for a number that is no address: lanes that are one apart are a vector, too."""
        value, shift = self.offset(number)
        if self.vector is not None and value.type.lanes == 1 and number.coefficient(self.vector) == 1:
            value = self.b.op("add", self.b.splat(value, self.width), self.b.lanes(Type("i64", self.width)))
        return value, shift

    def load(self, term: Load) -> Value:
        b, place = self.b, self.place(term.input)
        number = address(term, place.spec)
        offset, shift = self.offset(number)
        if place.base:
            offset = b.op("add", offset, b.splat(b.affine(place.base), offset.type.lanes))
        run = self.vector is not None and offset.type.lanes == 1 and number.coefficient(self.vector) == 1
        lanes = self.width if run else offset.type.lanes
        guard = None if term.guard is None else self.value(term.guard)
        if guard is not None and guard.type.lanes > lanes:
            offset, lanes = b.splat(offset, guard.type.lanes), guard.type.lanes
        mask = None if guard is None else b.splat(guard, lanes)
        if lanes > 1 and self.mask is not None:
            mask = self.mask if mask is None else b.op("bit_and", mask, self.mask)
        fill: Value | None = None
        if guard is not None and term.fill is not None and not is_plus_zero(term.fill):
            fill = self.value(term.fill, place.buffer.dtype)
        if fill is not None and guard is not None and fill.type.lanes > lanes:
            one = b.splat(b.load(place.buffer, offset, shift=shift, mask=mask), fill.type.lanes)
            return b.op("select", b.splat(guard, fill.type.lanes), one, fill)
        fill = None if fill is None else b.splat(fill, lanes)
        return b.load(place.buffer, offset, lanes, shift=shift, mask=mask, fill=fill)

    def store(self, array: int, domain: Sequence[Formula], value: Value) -> None:
        """Write one element, or a vector of them, of an array."""
        b, place = self.b, self.place(array)
        number = address(Load(array, tuple(domain)), place.spec)
        offset, shift = self.offset(number)
        if place.base:
            offset = b.op("add", offset, b.splat(b.affine(place.base), offset.type.lanes))
        varies = self.vector is not None and any(self.varies(atom) for atom in number.atoms)
        if varies:
            value = b.splat(value, self.width)
        b.store(place.buffer, offset, value, shift=shift, mask=self.mask if varies else None)

    def varies(self, atom: Index | Part | Formula) -> bool:
        """Whether lanes differ in an atom."""
        if isinstance(atom, Part):
            return any(self.varies(inner) for inner in atom.number.atoms)
        return self.vector in self.indices(atom)

    # folds

    def reduce(self, term: Reduce) -> Value:
        if self.vector is None and self.lane_index(term) is not None:
            return self.reduce_lanes(term)
        dtype = self.dtype(term)
        self.settle(term.body, without=term.index)
        start = self.value(term.start, dtype)
        start = self.b.splat(start, self.width) if self.vector in self.indices(term) else start
        first, last = self.bounds.get(term.index, (0, term.index.extent))
        with self.b.loop(first, last, 1, [start]) as turn, self.scope({term.index: turn.index}):
            one = self.b.splat(self.value(term.body, dtype), start.type.lanes)
            turn.give(words.apply(self.b, term.word, [turn.carried[0], one]))
        return turn.results[0]

    def lane_index(self, term: Reduce) -> Index | None:
        """The innermost index of a nest of folds, if elements that it runs over lie side by side."""
        chain = chain_of(term)
        index = chain[-1].index
        if index.extent < self.width // 2:
            return None
        steps = [address(load, self.place(load.input).spec).coefficient(index) for load in loads(chain[-1].body)]
        steps = [step for step in steps if step]
        return index if steps and 2 * steps.count(1) > len(steps) else None

    def reduce_lanes(self, term: Reduce) -> Value:
        """A nest of folds with a partial result in every lane, which are folded at the end; of 16-bit floats, in
        float32."""
        chain = chain_of(term)
        dtype = self.dtype(term)
        wide = "f32" if dtype in words.HALVES else dtype
        with self.widened(SIDE_BY_SIDE if chain[-1].index.extent >= 2 * SIDE_BY_SIDE * self.width else 1):
            neutral = self.b.const(NEUTRAL[term.word](dtype), Type(wide, self.width))
            lanes = self.nest_of_lanes(chain, neutral, dtype)
        total = self.b.op(f"fold_{FOLDS.get(term.word, term.word)}", lanes, type=Type(wide))
        start = self.b.cast(self.value(term.start, dtype), wide)
        return self.b.cast(words.apply(self.b, term.word, [start, total]), dtype)

    def nest_of_lanes(self, chain: Sequence[Reduce], initial: Value, dtype: str) -> Value:
        first, *rest = chain
        self.settle(first.body, without=first.index)
        begin, end = self.bounds.get(first.index, (0, first.index.extent))
        if rest:
            with self.b.loop(begin, end, 1, [initial]) as turn, self.scope({first.index: turn.index}):
                turn.give(self.nest_of_lanes(rest, turn.carried[0], dtype))
            return turn.results[0]
        carried = [initial]
        for turn in lane_loops(self.b, begin, end, self.width, carried):
            with self.scope({first.index: turn.index}), self.vectorised(first.index, turn.mask):
                one = self.b.cast(self.value(first.body, dtype), initial.type.dtype)
                total = words.apply(self.b, first.word, [turn.carried[0], self.b.splat(one, self.width)])
                turn.give(total if turn.mask is None else self.b.op("select", turn.mask, total, turn.carried[0]))
        return carried[0]

    def settle(self, *terms: Formula, without: Index | None = None, skip: frozenset[int] = frozenset()) -> None:
        """Write now what the open loops determine: reads and folds that a loop within would repeat."""
        for term in reversed(list(parts(*terms))):
            if not isinstance(term, Load | Reduce) or (isinstance(term, Load) and term.input in skip):
                continue
            needs = self.indices(term)
            if without not in needs and needs <= self.env.keys() and not self.reads_any(term, skip):
                self.value(term)

    def reads_any(self, term: Formula, arrays: frozenset[int]) -> bool:
        return bool(arrays) and any(isinstance(part, Load) and part.input in arrays for part in parts(term))


def is_plus_zero(term: Formula) -> bool:
    return isinstance(term, Literal) and str(term.value) in ("0", "0.0", "False")


def chain_of(term: Reduce) -> list[Reduce]:
    """A fold of a fold of … by one word."""
    chain = [term]
    while isinstance(chain[-1].body, Reduce) and chain[-1].body.word == term.word:
        chain.append(chain[-1].body)
    return chain
