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
from mapsto.compiler.terms import children, folds, loads, parts, rebuilt
from mapsto.core.spec import Spec
from mapsto.ir.build import Builder
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, Word
from mapsto.ir.loops import Buffer, Type, Value

SIDE_BY_SIDE = 4  # vectors of a long fold: what one addition takes is what four take together
TOGETHER = 4  # folds in one loop: each holds its vectors in registers


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
        """Within this block a vector is `times` of the machine's, so that sums need not wait for each other."""
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
        """The value of a term as a vector: one that does not depend on the lane is repeated."""
        return self.b.splat(self.value(term, dtype), self.width)

    def literal(self, term: Literal, dtype: str) -> Value:
        kind = term.dtype or dtype
        if kind in ("f16", "bf16"):
            return self.b.cast(self.b.const(float(term.value), Type("f32")), kind)
        return self.b.const(term.value, Type(kind))

    def write(self, term: Formula) -> Value:
        """Write a term whose value is not known yet."""
        match term:
            case Index():
                return self.index(term)
            case Load():
                return self.load(term)
            case Word(name, terms, dtype):
                return self.word(name, terms, dtype)
            case Reduce():
                return self.reduce([term])[0]
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
        for atom, factor in number.terms:
            if atom is self.vector:
                scalars.append((factor, self.env[atom]))
                if factor != 1:
                    vectors.append((factor, b.lanes(Type("i64", self.width))))
                continue
            value = self.atom(atom)
            (scalars if value.type.lanes == 1 else vectors).append((factor, value))
        if not vectors:
            return b.affine(scalars), number.constant
        total = b.splat(b.affine(scalars), self.width)
        if self.vector is not None and number.coefficient(self.vector) == 1:
            total = b.op("add", total, b.lanes(total.type))
        for factor, value in vectors:
            part = value if factor == 1 else b.op("mul", value, b.const(factor, value.type))
            total = b.op("add", total, part)
        return total, number.constant

    def atom(self, atom: Index | Part | Formula) -> Value:
        """The value of an atom of an address, as i64."""
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
        """Like `offset`, for a number that is computed with: a vector also where lanes are one apart."""
        value, shift = self.offset(number)
        if self.vector is not None and value.type.lanes == 1 and number.coefficient(self.vector) == 1:
            value = self.b.op("add", self.b.splat(value, self.width), self.b.lanes(Type("i64", self.width)))
        return value, shift

    def load(self, term: Load) -> Value:
        """Write a read: of one element, of a vector of neighbours, or of one element for each lane (a gather).

        Where the guard does not hold nothing is read, and the value is the fill.
        """
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

    def reduce(self, terms: Sequence[Reduce]) -> list[Value]:
        """Folds over the same index, in one loop."""
        head, bodies = terms[0], [term.body for term in terms]
        if self.vector is None and self.lane_index(head) is not None:
            return self.reduce_lanes(terms)
        self.settle(*bodies, without=head.index)
        starts = [self.start(term) for term in terms]
        first, last = self.bounds.get(head.index, (0, head.index.extent))
        with self.b.loop(first, last, 1, starts) as turn, self.scope({head.index: turn.index}):
            self.fold_together(*bodies)
            found: list[Value] = []
            for term, so_far in zip(terms, turn.carried, strict=True):
                one = self.b.splat(self.value(term.body, self.dtype(term)), so_far.type.lanes)
                found.append(words.apply(self.b, term.word, [so_far, one]))
            turn.give(*found)
        return list(turn.results)

    def start(self, term: Reduce) -> Value:
        """What a fold begins with, in as many lanes as it has."""
        start = self.value(term.start, self.dtype(term))
        return self.b.splat(start, self.width) if self.vector in self.indices(term) else start

    def lane_index(self, term: Reduce) -> Index | None:
        """The innermost index of a nest of folds, if elements that it runs over lie side by side."""
        chain = chain_of(term)
        index = chain[-1].index
        if index.extent < self.width // 2:
            return None
        steps = [address(load, self.place(load.input).spec).coefficient(index) for load in loads(chain[-1].body)]
        steps = [step for step in steps if step]
        return index if steps and 2 * steps.count(1) > len(steps) else None

    def reduce_lanes(self, terms: Sequence[Reduce]) -> list[Value]:
        """Nests of folds over the same indices, in one loop, with a partial result in every lane.

        The lanes are folded at the end. Partial results of 16-bit floats are float32.
        """
        b, innermost = self.b, chain_of(terms[0])[-1].index
        dtypes = [self.dtype(term) for term in terms]
        wide = ["f32" if dtype in words.HALVES else dtype for dtype in dtypes]
        with self.widened(SIDE_BY_SIDE if innermost.extent >= 2 * SIDE_BY_SIDE * self.width else 1):
            kinds = [Type(dtype, self.width) for dtype in wide]
            empty = [NEUTRAL[term.word](dtype) for term, dtype in zip(terms, dtypes, strict=True)]
            neutral = [b.const(number, kind) for number, kind in zip(empty, kinds, strict=True)]
            lanes = self.nest_of_lanes(terms, neutral)
        found: list[Value] = []
        for term, partial, dtype, kind in zip(terms, lanes, dtypes, wide, strict=True):
            total = b.op(f"fold_{FOLDS.get(term.word, term.word)}", partial, type=Type(kind))
            start = b.cast(self.value(term.start, dtype), kind)
            found.append(b.cast(words.apply(b, term.word, [start, total]), dtype))
        return found

    def nest_of_lanes(self, terms: Sequence[Reduce], initial: Sequence[Value]) -> list[Value]:
        """The loops of such nests, from the outermost fold on."""
        index, bodies = terms[0].index, [term.body for term in terms]
        self.settle(*bodies, without=index)
        begin, end = self.bounds.get(index, (0, index.extent))
        inner = [body for body in bodies if isinstance(body, Reduce)]
        if len(chain_of(terms[0])) > 1:
            with self.b.loop(begin, end, 1, list(initial)) as turn, self.scope({index: turn.index}):
                turn.give(*self.nest_of_lanes(inner, turn.carried))
            return list(turn.results)
        carried = list(initial)
        for turn in lane_loops(self.b, begin, end, self.width, carried):
            with self.scope({index: turn.index}), self.vectorised(index, turn.mask):
                turn.give(*(self.one_more(*pair, turn.mask) for pair in zip(terms, turn.carried, strict=True)))
        return carried

    def one_more(self, term: Reduce, so_far: Value, mask: Value | None) -> Value:
        """What is folded so far in every lane, and the element of this turn, where the mask holds."""
        one = self.b.cast(self.value(term.body, self.dtype(term)), so_far.type.dtype)
        total = words.apply(self.b, term.word, [so_far, self.b.splat(one, self.width)])
        return total if mask is None else self.b.op("select", mask, total, so_far)

    # what is written before a loop within, once

    def settle(self, *terms: Formula, without: Index | None = None, skip: frozenset[int] = frozenset()) -> None:
        """Write the reads and folds that the open loops determine already, before a loop within would repeat them."""
        ready = self.ready(terms, without, skip)
        for term in ready:
            if isinstance(term, Reduce):
                self.fold(term, ready)
            else:
                self.value(term)

    def fold_together(self, *terms: Formula, skip: frozenset[int] = frozenset()) -> None:
        """Write the folds in some formulas, those over equal ranges in one loop, which reads what they share once."""
        ready = [term for term in self.ready(terms, None, skip) if isinstance(term, Reduce)]
        for term in ready:
            self.fold(term, ready)

    def ready(self, terms: Sequence[Formula], without: Index | None, skip: frozenset[int]) -> list[Load | Reduce]:
        """The reads and folds in formulas that the open loops determine, innermost first.

        None that depends on the index `without`, or reads one of the arrays in `skip`.
        """
        return [
            term
            for term in reversed(list(parts(*terms)))
            if isinstance(term, Load | Reduce)
            and not (isinstance(term, Load) and term.input in skip)
            and without not in (needs := self.indices(term))
            and needs <= self.env.keys()
            and not self.reads_any(term, skip)
        ]

    def fold(self, term: Reduce, ready: Sequence[Load | Reduce]) -> None:
        """Write a fold, and beside it in its loop others that are ready, over equal ranges, and do not wait for it."""
        if self.is_known(term):
            return
        waiting = {other for other in ready if isinstance(other, Reduce) and not self.is_known(other)}
        beside = [
            other
            for other in ready
            if other in waiting
            and isinstance(other, Reduce)
            and self.ranges(other) == self.ranges(term)
            and waiting.isdisjoint(folds(other.body))
        ][:TOGETHER]
        indices = [one.index for one in chain_of(term)]
        moved = [
            renamed(other, dict(zip((one.index for one in chain_of(other)), indices, strict=True))) for other in beside
        ]
        once = list(dict.fromkeys(moved))
        values = dict(zip(once, self.reduce(once), strict=True))
        for other, same in zip(beside, moved, strict=True):
            self.know(other, values[same])

    def ranges(self, term: Reduce) -> list[object]:
        """What two folds must have in common to share a loop."""
        across = self.vector is None and self.lane_index(term) is not None
        return [across, *((one.index.extent, self.bounds.get(one.index)) for one in chain_of(term))]

    def is_known(self, term: Formula) -> bool:
        return any(term in memo for memo in self.memos)

    def reads_any(self, term: Formula, arrays: frozenset[int]) -> bool:
        return bool(arrays) and any(isinstance(part, Load) and part.input in arrays for part in parts(term))


def is_plus_zero(term: Formula) -> bool:
    return isinstance(term, Literal) and str(term.value) in ("0", "0.0", "False")


def renamed(term: Reduce, names: Mapping[Index, Index]) -> Reduce:
    """A fold over other indices."""
    found = rebuilt(term, lambda part: names.get(part) if isinstance(part, Index) else None)
    assert isinstance(found, Reduce)
    return found


def chain_of(term: Reduce) -> list[Reduce]:
    """A fold, the fold that is its body, and so on: all that fold by the same word."""
    chain = [term]
    while isinstance(chain[-1].body, Reduce) and chain[-1].body.word == term.word:
        chain.append(chain[-1].body)
    return chain
