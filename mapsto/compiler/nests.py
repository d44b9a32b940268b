"""Stages ↦ nests: the loops to run, chosen so that addresses are sums of loop indices and vectors lie side by side."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from mapsto.compiler.affine import Affine, Part, affine, as_formula, normal
from mapsto.compiler.conditions import borders, decided, phases
from mapsto.compiler.contractions import address
from mapsto.compiler.terms import folds, loads, parts, rebuilt
from mapsto.core.spec import BOOL, Spec
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, Word, as_index, word

UNROLLED = 16  # folds of at most so many turns in all are written out
SHORT = 16  # elements; a shorter part of an axis is not worth a loop of its own
RANGES = 8  # parts of an axis, each of which is a text of its own
TURNED = 3.0  # what a vector of a transposed read costs, in vectors read


@dataclass(frozen=True, eq=False)
class Nest:
    """For all `axes`, from the outermost on: element `index` of every array is its formula."""

    arrays: tuple[int, ...]
    axes: tuple[Index, ...]
    index: tuple[Formula, ...]
    formulas: tuple[Formula, ...]

    def with_axes(self, old: Sequence[Index], new: Sequence[Index], places: dict[Index, Formula]) -> Nest:
        """The same over other axes: `new` in the place of the first of `old`, which become `places`."""
        at = self.axes.index(old[0])
        axes = (*self.axes[:at], *new, *[axis for axis in self.axes[at:] if axis not in old])

        def change(term: Formula) -> Formula | None:
            return places.get(term) if isinstance(term, Index) else None

        memo: dict[Formula, Formula] = {}
        index, formulas = (tuple(rebuilt(part, change, memo) for part in side) for side in (self.index, self.formulas))
        return Nest(self.arrays, axes, index, formulas)

    def decided(self, keep: Index | None = None) -> Nest:
        """Indices in normal form, short folds written out (that over `keep` excepted), known conditions resolved."""
        memo: dict[Formula, Formula] = {}
        formulas = tuple(unrolled(decided(formula, memo), keep) for formula in self.formulas)
        return Nest(self.arrays, self.axes, tuple(map(normal, self.index)), formulas)


def nests_of(nest: Nest, specs: Sequence[Spec], rows: Index | None = None, flat: bool = False) -> list[Nest]:
    """The nests to run in its place, the axes or the fold over `rows` left as they are.

    Axes that a condition asks for their remainder are taken apart by it, those with quotients in addresses by these,
    and those that lie one after another everywhere are run together. Axes that a condition compares with a number are
    run in two parts, unless the nest is to stay one `flat` loop: so joined arrays are written one after another, and
    nothing is asked of each element.
    """
    nest = without_units(nest, rows)
    found = [nest]
    free = tuple(axis for axis in nest.axes if axis is not rows)
    for axis, modulus in phases(nest.formulas, free).items():
        found = [part for one in found for part in by_phase(one, axis, modulus)]
    for axis, places in () if flat else borders(nest.formulas, free).items():
        bounds = [0, *sorted(places), axis.extent]
        if min(last - first for first, last in itertools.pairwise(bounds)) >= SHORT and len(bounds) - 1 <= RANGES:
            found = [part for one in found for part in by_range(one, axis, bounds)]
    return [merged(split(without_units(one, rows).decided(rows), specs, rows), specs, rows) for one in found]


def without_units(nest: Nest, keep: Index | None = None) -> Nest:
    """An axis of one turn is no loop: its index is 0."""
    units = [axis for axis in nest.axes if axis.extent == 1 and axis is not keep]
    return nest.with_axes(units, [], dict.fromkeys(units, as_index(0))) if units else nest


def by_phase(nest: Nest, axis: Index, modulus: int) -> list[Nest]:
    """i = modulus · q + r, for every r."""
    found: list[Nest] = []
    for rest in range(min(modulus, axis.extent)):
        turns = Index(-(-(axis.extent - rest) // modulus))
        found.append(nest.with_axes([axis], [turns], {axis: turns * modulus + rest}))
    return found


def by_range(nest: Nest, axis: Index, bounds: Sequence[int]) -> list[Nest]:
    """i from 0 to a bound, from there to the next, and so on; the nest itself if it has no such axis any more."""
    if axis not in nest.axes:
        return [nest]
    found: list[Nest] = []
    for first, last in itertools.pairwise(bounds):
        turns = Index(last - first)
        found.append(nest.with_axes([axis], [turns], {axis: turns + first if first else turns}))
    return found


def unrolled(formula: Formula, keep: Index | None = None) -> Formula:
    """Short folds, written out, but for the one over `keep`."""

    def change(term: Formula) -> Formula | None:
        if not isinstance(term, Reduce) or turns_of(term) > UNROLLED or term.index is keep:
            return None
        total: Formula | None = None if starts_neutral(term) else term.start
        for turn in range(term.index.extent):
            body = rebuilt(term.body, lambda part, turn=turn: as_index(turn) if part is term.index else None)
            one = unrolled(decided(body), keep)
            total = one if total is None else word(term.word, total, one)
        return term.start if total is None else total

    return rebuilt(formula, change)


def turns_of(term: Reduce) -> int:
    """How many turns a nest of folds has in all."""
    inner = max((turns_of(part) for part in folds(term.body)), default=1)
    return term.index.extent * inner


def starts_neutral(term: Reduce) -> bool:
    """Whether the first element can take the place of the start: max(-∞, x) is x, whatever x is."""
    if not isinstance(term.start, Literal) or term.index.extent == 0:
        return False
    return term.word in ("maximum", "minimum") and isinstance(term.start.value, float)


def addresses(nest: Nest, specs: Sequence[Spec]) -> list[Affine]:
    """Where a nest writes and reads."""
    own = (Load(array, nest.index) for array in nest.arrays)
    return [address(load, specs[load.input]) for load in (*own, *loads(*nest.formulas))]


def split(nest: Nest, specs: Sequence[Spec], keep: Index | None = None) -> Nest:
    """Take axes apart where addresses have quotients and remainders of them, and see what that decides."""
    apart = cut(nest, specs, keep)
    return nest if apart is nest else apart.decided(keep)


def cut(nest: Nest, specs: Sequence[Spec], keep: Index | None = None) -> Nest:
    """Take axes apart where addresses have quotients and remainders of them."""
    cuts: dict[Index, set[int]] = {}
    for number in addresses(nest, specs):
        for atom in number.atoms:
            if isinstance(atom, Part) and len(atom.number.terms) == 1 and atom.number.constant == 0:
                ((axis, c),) = atom.number.terms
                if isinstance(axis, Index) and axis in nest.axes and c == 1 and axis is not keep:
                    cuts.setdefault(axis, set()).add(atom.divisor)
                    if atom.modulus is not None:
                        cuts[axis].add(atom.divisor * atom.modulus)
    for axis, found in cuts.items():
        sizes = [1, *sorted(size for size in found if 1 < size < axis.extent), axis.extent]
        if all(big % small == 0 for small, big in itertools.pairwise(sizes)):
            nest = split_axis(nest, axis, sizes)
    return nest


def split_axis(nest: Nest, axis: Index, sizes: Sequence[int]) -> Nest:
    new = [Index(big // small) for small, big in itertools.pairwise(sizes)]
    place: Formula = as_index(0)
    for index, size in zip(reversed(new), reversed(sizes[:-1]), strict=True):
        place = place + index * size
    return nest.with_axes([axis], new[::-1], {axis: as_formula(affine(place))})


def merged(nest: Nest, specs: Sequence[Spec], keep: Index | None = None) -> Nest:
    """Run axes together that lie one after another everywhere; `keep` stays alone."""
    numbers, bare = addresses(nest, specs), used_bare(nest.formulas)
    runs: list[list[Index]] = []
    for axis in nest.axes:
        last = runs[-1][-1] if runs else None
        apart = last is None or keep in (last, axis) or not bare.isdisjoint((last, axis))
        if last is not None and not apart and all(follow(number, last, axis) for number in numbers):
            runs[-1].append(axis)
        else:
            runs.append([axis])
    together = [run for run in runs if len(run) > 1]
    for run in together:
        one = Index(prod(axis.extent for axis in run))
        places: dict[Index, Formula] = {}
        rest: Formula = one
        for axis in run[:0:-1]:
            places[axis] = rest % axis.extent
            rest = rest // axis.extent
        nest = nest.with_axes(run, [one], {**places, run[0]: rest})
    return nest.decided(keep) if together else nest


def follow(number: Affine, outer: Index, inner: Index) -> bool:
    """Whether two loops can be one in an address: a step of `outer` goes as far as all steps of `inner` together."""
    inside = any(depends(atom, axis) and atom is not axis for atom in number.atoms for axis in (outer, inner))
    return not inside and number.coefficient(outer) == number.coefficient(inner) * inner.extent


def depends(atom: Index | Part | Formula, axis: Index) -> bool:
    """Whether an axis is, or is in, an atom of an address."""
    if isinstance(atom, Index):
        return atom is axis
    if isinstance(atom, Part):
        return any(depends(inner, axis) for inner in atom.number.atoms)
    return any(part is axis for part in parts(atom))


def used_bare(formulas: Sequence[Formula]) -> set[Index]:
    """The indices that formulas compute with, or ask for in guards: not those that are in addresses alone."""
    found: set[Index] = set()
    seen: set[Formula] = set()
    stack = list(formulas)
    while stack:
        term = stack.pop()
        if term in seen:
            continue
        seen.add(term)
        match term:
            case Index():
                found.add(term)
            case Word(_, terms, _):
                stack.extend(terms)
            case Load(_, index, guard, fill):
                stack.extend(part for part in (guard, fill) if part is not None)
                stack.extend(inner for part in index for inner in read_in(part))
            case Reduce(_, _, start, body):
                stack.extend((start, body))
            case _:
                pass
    return found


def read_in(index: Formula) -> list[Formula]:
    """The reads within an index; the indices in these are parts of an address again."""
    return [part for part in parts(index) if isinstance(part, Load)]


def vector_axis(nest: Nest, specs: Sequence[Spec], lanes: int) -> Index | None:
    """The axis along which vectors run; None if elements lie side by side within the folds alone."""
    written = [Load(array, nest.index) for array in nest.arrays]
    read = loads(*nest.formulas)
    numbers = {load: address(load, specs[load.input]) for load in (*written, *read)}
    candidates = [axis for axis in nest.axes if axis.extent > 1] or list(nest.axes)
    if not candidates:
        return None

    def cost(axis: Index) -> float:
        filled = axis.extent / (-(-axis.extent // lanes) * lanes)
        total = sum(price(numbers[load], axis, lanes) for load in written)
        for load in read:
            turned = across(nest, load, specs, axis, lanes) is not None
            total += TURNED / lanes if turned else price(numbers[load], axis, lanes)
        return total / filled

    best = min(reversed(candidates), key=cost)
    inner = [fold.index for fold in folds(*nest.formulas) if fold.index.extent >= lanes // 2]
    if inner and min(cost(index) for index in inner) < cost(best):
        return None
    return best


def across(nest: Nest, load: Load, specs: Sequence[Spec], axis: Index, lanes: int) -> Index | None:
    """The axis along which the elements of a read lie side by side, if along `axis` they do not; else None.

    Also None where squares of vectors (`squares.py`) do not pay: axes shorter than half a vector, or folds, which every
    square would repeat.
    """
    number = address(load, specs[load.input])
    if number.coefficient(axis) in (0, 1) or axis not in nest.axes or folds(*nest.formulas):
        return None
    if 2 * axis.extent < lanes or specs[load.input].dtype == BOOL:
        return None
    for other in nest.axes:
        inside = any(depends(atom, one) and atom is not one for atom in number.atoms for one in (axis, other))
        if number.coefficient(other) == 1 and 2 * other.extent >= lanes and not inside:
            return other
    return None


def price(number: Affine, axis: Index, lanes: int) -> float:
    """What one element of an access costs along an axis: a vector's share, or a place of its own."""
    if any(depends(atom, axis) and atom is not axis for atom in number.atoms):
        return 1.0
    match number.coefficient(axis):
        case 0:
            return 0.2 / lanes
        case 1:
            return 1.0 / lanes
        case _:
            return 1.0
