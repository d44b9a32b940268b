"""A contraction ↦ its plan: every way to make a tile is tried against the cost, and the cheapest is taken."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, prod

from mapsto.compiler.contraction.cost import COPIED, TRANSPOSED, Sizes, tiles_cycles
from mapsto.compiler.contraction.guards import interior
from mapsto.compiler.contraction.letters import Contraction, Letter
from mapsto.compiler.contraction.merge import Group, merge
from mapsto.compiler.contraction.plan import Plan
from mapsto.core.spec import DTYPES
from mapsto.target.host import Host

TEXT = 400  # multiply-adds written out in one kernel, at most
STAGED = 2**19  # bytes of work space for a copy of an operand, at most
NEAR = 2**19  # bytes of an operand that stay in the second cache
MOST_VECTORS = 8


@dataclass(frozen=True)
class Candidate:
    """A way to do it, with its cost in cycles."""

    contraction: Contraction
    swapped: bool
    sizes: Sizes
    folds: bool
    staged: bool
    cycles: float


def plan(
    contraction: Contraction, host: Host, out_strides: Mapping[str, int], bounded: Collection[str] = ()
) -> Plan:
    """A contraction, the machine, how the result lies in memory ↦ how to do it.

    `bounded` names letters that the caller will limit to a range at run time.

    >>> from mapsto.compiler.contraction.letters import product
    >>> machine = Host("", "", "", vector_bytes=64, registers=32)
    >>> made = plan(product("mk", "kn", "mn", dict(m=64, k=784, n=512)), machine, dict(m=512, n=1))
    >>> made.vector, made.vectors, made.rows
    ('n', 2, (('m', 13),))
    """
    return _plan(
        contraction, host.vector_bytes, host.registers, tuple(sorted(out_strides.items())), tuple(sorted(bounded))
    )


@lru_cache(4096)
def _plan(
    contraction: Contraction, width: int, registers: int, out: tuple[tuple[str, int], ...], bounded: tuple[str, ...]
) -> Plan:
    names = tuple(letter.name for letter in contraction.outs)
    made, groups = merge(contraction, dict(out), bounded)
    if any(not set(guard.names) & {letter.name for letter in made.sums} for guard in made.guards):
        made = with_one_sum(made)
    lanes = max(1, width // DTYPES[contraction.dtype].itemsize)
    best = min(candidates(made, lanes, registers, dict(out), bounded), key=lambda candidate: candidate.cycles)
    return scheduled(best, names, groups, lanes)


def with_one_sum(contraction: Contraction) -> Contraction:
    """Borders of the result's letters alone bound a sum over one term."""
    guards = tuple(
        guard if any(not contraction.letter(name).out for name in guard.names)
        else type(guard)((*guard.terms, ("one", 1)), guard.shift, guard.extent)
        for guard in contraction.guards
    )
    one = Letter("one", 1, 0, 0, False)
    return Contraction((*contraction.letters, one), guards, contraction.dtype, contraction.x_shift, contraction.y_shift)


def candidates(
    contraction: Contraction, lanes: int, registers: int, out: Mapping[str, int], bounded: Collection[str]
) -> Iterator[Candidate]:
    """Every tile that fits the registers, with the operands as they are and exchanged."""
    for swapped in (False, True):
        now = contraction.swapped() if swapped else contraction
        for vector in [*now.letters, None]:
            if vector is None or not fits_lanes(now, vector, bounded):
                if vector is not None or swapped:
                    continue
            for sizes in boxes(now, vector, 1 if vector is None else lanes, registers, bounded):
                yield from costed(now, swapped, sizes, out)


def fits_lanes(contraction: Contraction, vector: Letter, bounded: Collection[str]) -> bool:
    """Whether a letter can be in the lanes: operand y moves with it, and a summed one has no borders."""
    if vector.name in bounded or not vector.y or vector.extent < 1:
        return False
    return vector.out or (not contraction.guards_of(vector.name) and vector.x in (0, 1) and vector.y == 1)


def boxes(
    contraction: Contraction, vector: Letter | None, lanes: int, registers: int, bounded: Collection[str]
) -> Iterator[Sizes]:
    """The tiles for a letter in the lanes: one or two letters of rows, and some vectors."""
    rows = [letter for letter in contraction.outs if letter is not vector and is_row(contraction, letter, bounded)]
    if vector is None:
        vectors = [1]
    elif vector.out:
        vectors = counts(ceil(vector.extent / lanes), MOST_VECTORS)
    else:
        vectors = [count for count in (1, 2, 4, 8) if count == 1 or count * lanes <= vector.extent]
    for count in vectors:
        yield from fitting(Sizes((), vector, lanes, count), registers)
        for first in rows:
            for one in counts(first.extent, registers):
                yield from fitting(Sizes(((first, one),), vector, lanes, count), registers)
                if one < first.extent and (vector is None or vector.out):
                    continue
                for second in rows:
                    if second is first or (one == first.extent and second.extent == 1):
                        continue
                    for other in counts(second.extent, registers // max(1, one)):
                        yield from fitting(Sizes(((second, other), (first, one)), vector, lanes, count), registers)


def fitting(sizes: Sizes, registers: int) -> Iterator[Sizes]:
    if sizes.registers <= registers:
        yield sizes


def counts(extent: int, most: int) -> list[int]:
    """Sizes that cut an extent into tiles as equal as can be, of at most so many.

    >>> counts(64, 14)
    [13, 11, 10, 8, 7, 6, 5, 4, 3, 2, 1]
    """
    return list(dict.fromkeys(ceil(extent / tiles) for tiles in range(max(1, ceil(extent / max(1, most))), extent + 1)))


def is_row(contraction: Contraction, letter: Letter, bounded: Collection[str]) -> bool:
    """Whether a letter can be one of the rows: its borders are with one summed letter each."""
    if letter.name in bounded or letter.extent < 2:
        return False
    return all(
        len(guard.names) == 2 and any(not contraction.letter(name).out for name in guard.names)
        for guard in contraction.guards_of(letter.name)
    )


def costed(contraction: Contraction, swapped: bool, sizes: Sizes, out: Mapping[str, int]) -> Iterator[Candidate]:
    """A tile with its cost, with operand y as it is and, where its lanes are apart, copied."""
    vector = sizes.vector
    folds = vector is not None and not vector.out
    if text_size(contraction, sizes) > TEXT and (sizes.sums > 1):
        return
    inside = {letter.name for letter, _ in sizes.rows} | ({vector.name} if vector else set())
    around = [letter for letter in contraction.outs if letter.name not in inside]
    steps = prod(letter.extent for letter in contraction.sums)
    if folds and vector is not None:
        steps = steps / max(1, vector.extent) * max(1, ceil(vector.extent / (sizes.lanes * sizes.vectors)))
    turns = prod(letter.extent for letter in around)
    size = DTYPES[contraction.dtype].itemsize
    for staged in (False, True):
        copying = 0.0
        if staged:
            if vector is None or folds or any(letter.y for letter, _ in sizes.rows) or bordered(contraction):
                continue
            apart = vector.y != 1
            panel = prod(letter.extent for letter in contraction.sums if letter.y) * sizes.lanes * sizes.vectors
            if not apart or panel * size > STAGED:
                continue
            copies = prod(letter.extent for letter in around if letter.y)
            copying = TRANSPOSED * panel * ceil(vector.extent / (sizes.lanes * sizes.vectors)) * copies
        cycles = turns * tiles_cycles(sizes, steps, folds, {"x": False, "y": staged}) + copying
        if vector is not None and vector.out and out.get(vector.name.split(".")[-1], 0) != 1:
            cycles += turns * prod(letter.extent for letter, _ in sizes.rows) * vector.extent * 4
        yield Candidate(contraction, swapped, sizes, folds, staged, cycles * far_rows(sizes, size))


def bordered(contraction: Contraction) -> bool:
    """Whether borders decide which elements of operand y exist: it moves with all letters of one."""
    moving = {letter.name for letter in contraction.letters if letter.y or letter.extent == 1}
    return any(moving.issuperset(guard.names) for guard in contraction.guards)


def far_rows(sizes: Sizes, size: int) -> float:
    """Rows a multiple of 4 KiB apart share their places in the first cache; near rows share lines of it."""
    worst = 1.0
    for letter, count in sizes.rows:
        step = abs(letter.x) * size
        if count > 4 and step and step % 4096 == 0:
            worst = max(worst, 1.2)
        worst = max(worst, 1 + min(step, 2**20) / 2**27)
    return worst


def text_size(contraction: Contraction, sizes: Sizes) -> int:
    """Multiply-adds in the text: those of every kind of tile, once for every piece of its borders."""
    total = 1
    for letter, count in sizes.rows:
        borders = contraction.guards_of(letter.name)
        kinds = len({min(count, letter.extent), letter.extent % count or count})
        if borders:
            others = [contraction.letter(name) for guard in borders for name in guard.names if name != letter.name]
            low, high = (0, letter.extent)
            for guard, other in zip(borders, others, strict=True):
                begin, end = interior(guard, letter.name, other.name, letter.extent, other.extent)
                low, high = max(low, begin), min(high, end)
            tiles = [start for start in range(0, letter.extent, count)]
            edge = [start for start in tiles if not (low <= start and min(start + count, letter.extent) <= high)]
            pieces = [2 * min(other.extent, count) for other in others]
            kinds = len(edge) * prod(pieces) // 2 + (len(edge) < len(tiles))
        total *= kinds * count
    if sizes.vector is not None and sizes.vector.out:
        tiles = ceil(sizes.vector.extent / sizes.lanes)
        total *= sizes.vectors + (tiles % sizes.vectors if tiles > sizes.vectors else 0)
    else:
        total *= sizes.vectors
    return total


def scheduled(best: Candidate, names: tuple[str, ...], groups: tuple[Group, ...], lanes: int) -> Plan:
    """The chosen tile with the loops around it."""
    contraction, sizes = best.contraction, best.sizes
    rows = tuple((letter.name, count) for letter, count in sizes.rows)
    row_names = [name for name, _ in rows]
    vector = sizes.vector.name if sizes.vector else None
    around = [letter for letter in contraction.outs if letter.name != vector and letter.name not in row_names]
    around.sort(key=lambda letter: -(abs(letter.x) + abs(letter.y)))
    panel = [vector] if vector is not None and not best.folds else []
    near = prod(letter.extent for letter in contraction.letters if letter.y) * DTYPES[contraction.dtype].itemsize
    first = [letter.name for letter in around if letter.y]
    second = [letter.name for letter in around if not letter.y]
    middle = [*panel, *second] if best.staged or near > NEAR else [*second, *panel]
    return Plan(
        contraction,
        names,
        groups,
        best.swapped,
        sizes.lanes,
        vector,
        best.folds,
        rows,
        sizes.vectors,
        (*first, *middle, *row_names),
        sum_order(contraction, vector if best.folds else None),
        stage_y=best.staged,
    )


def sum_order(contraction: Contraction, in_lanes: str | None) -> tuple[str, ...]:
    """The summed letters, those that move least innermost; the one in the lanes last."""
    sums = sorted(contraction.sums, key=lambda letter: -(abs(letter.x) + abs(letter.y)))
    return tuple(letter.name for letter in sorted(sums, key=lambda letter: letter.name == in_lanes))
