"""The tiles that a contraction could have: which letters are its rows and lanes, and how many of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import ceil, prod

from mapsto.compiler.contraction.cost import Sizes
from mapsto.compiler.contraction.guards import interior
from mapsto.compiler.contraction.letters import Contraction, Letter

MOST_VECTORS = 8
TRIED = 4  # numbers of rows for every number of vectors: the largest that fit
UNROLLED = 120  # multiply-adds written out in one step, at most


def counts(extent: int, most: int) -> list[int]:
    """Sizes that cut an extent into tiles as equal as can be, of at most so many; the largest first.

    >>> counts(64, 14)
    [13, 11, 10, 8, 7, 6, 5, 4, 3, 2, 1]
    """
    if extent < 1 or most < 1:
        return []
    found: list[int] = []
    tiles = ceil(extent / most)
    while tiles <= extent:
        found.append(ceil(extent / tiles))
        tiles = max(tiles + 1, ceil(extent / (found[-1] - 1))) if found[-1] > 1 else extent + 1
    return found


def is_row(contraction: Contraction, letter: Letter, bounded: Collection[str]) -> bool:
    """Whether a letter can be one of the rows: its borders are with one summed letter each."""
    if not letter.out or letter.name in bounded or letter.extent < 2:
        return False
    return all(
        len(guard.names) == 2 and any(not contraction.letter(name).out for name in guard.names)
        for guard in contraction.guards_of(letter.name)
    )


def boxes(
    contraction: Contraction, vector: Letter | None, lanes: int, registers: int, bounded: Collection[str]
) -> Iterator[Sizes]:
    """The tiles for a letter in the lanes: none, one or two letters of rows, and some vectors.

    Two, where all steps of the first do not fill the registers, or where the lanes are summed.
    """
    rows = [letter for letter in contraction.letters if letter is not vector and is_row(contraction, letter, bounded)]
    folds = vector is not None and not vector.out
    unrolled = written_out(contraction, vector)
    for vectors in vector_counts(vector, lanes, registers - 4):
        alone = Sizes((), vector, lanes, vectors, unrolled)
        if fits(alone, registers):
            yield alone
        if vectors > MOST_VECTORS:  # only one row reads so far along before it comes to the next place of the sum
            continue
        for first in rows:
            tried = [
                sizes
                for count in counts(first.extent, registers // vectors)
                if fits(sizes := Sizes(((first, count),), vector, lanes, vectors, unrolled), registers)
            ]
            yield from tried[:TRIED]
            for sizes in tried[:6] if folds else tried[:1]:
                count = sizes.rows[0][1]
                if count * vectors > registers // 2 or (count < first.extent and not folds):
                    continue
                for second in rows:
                    if second is not first and not (folds and together(first, second)):
                        yield from pairs(sizes, second, registers)


def together(first: Letter, second: Letter) -> bool:
    """Whether two letters move the same operands, so that a tile of both reads no less than a longer one of either."""
    return bool(first.x) == bool(second.x) and bool(first.y) == bool(second.y)


def pairs(sizes: Sizes, second: Letter, registers: int) -> Iterator[Sizes]:
    """A tile with another letter of rows around its own."""
    found = 0
    for count in counts(second.extent, registers // sizes.sums):
        larger = Sizes(((second, count), *sizes.rows), sizes.vector, sizes.lanes, sizes.vectors, sizes.unrolled)
        if count > 1 and found < 2 and fits(larger, registers):
            found += 1
            yield larger


def fits(sizes: Sizes, registers: int) -> bool:
    """Whether the registers hold a tile, and its steps are not too many to write out."""
    if sizes.sums > registers or sizes.sums * sizes.turns > max(UNROLLED, sizes.sums):
        return False
    return sizes.registers <= registers


def vector_counts(vector: Letter | None, lanes: int, most: int) -> list[int]:
    if vector is None:
        return [1]
    if vector.out:
        tiles = ceil(vector.extent / lanes)
        return list(dict.fromkeys([*counts(tiles, most)[:2], *counts(tiles, MOST_VECTORS)]))
    return [count for count in (1, 2, 4, 8) if count == 1 or count * lanes <= vector.extent]


def written_out(contraction: Contraction, vector: Letter | None) -> tuple[Letter, ...]:
    """Where both operands are read as vectors every load counts: the steps of the last summed letter that meet the same
    elements are written out, and share what they read."""
    if vector is None or not vector.out or vector.x != 1 or vector.y != 1:
        return ()
    sums = sorted(contraction.sums, key=lambda letter: abs(letter.x) + abs(letter.y))
    return tuple(letter for letter in sums[:1] if 1 < letter.extent <= 7)


def text_size(contraction: Contraction, sizes: Sizes) -> int:
    """Multiply-adds in the text: those of every kind of tile, once for every piece of its borders."""
    total = sizes.turns
    for letter, count in sizes.rows:
        borders = contraction.guards_of(letter.name)
        kinds = 1 + (letter.extent % count > 0)
        if borders:
            kinds = border_kinds(contraction, letter, count)
        total *= kinds * count
    if sizes.vector is None or not sizes.vector.out:
        return total * sizes.vectors
    tiles = ceil(sizes.vector.extent / sizes.lanes)
    return total * (sizes.vectors + (tiles % sizes.vectors if tiles > sizes.vectors else 0))


def border_kinds(contraction: Contraction, letter: Letter, count: int) -> int:
    """How many full tiles the text of all tiles along a letter with borders is as long as, about."""
    low, high, pieces = 0, letter.extent, 1
    for guard in contraction.guards_of(letter.name):
        other = next(contraction.letter(name) for name in guard.names if name != letter.name)
        begin, end = interior(guard, letter.name, other.name, letter.extent, other.extent)
        low, high = max(low, begin), min(high, end)
        pieces *= min(other.extent, 2 * count)
    starts = range(0, letter.extent, count)
    edges = sum(not (low <= start and min(start + count, letter.extent) <= high) for start in starts)
    return edges * max(1, pieces * 2 // 3) + (edges < len(starts))


def sum_order(contraction: Contraction, in_lanes: str | None, unrolled: Collection[str]) -> tuple[str, ...]:
    """The summed letters, those that move least innermost; written-out ones, and the one in the lanes, last."""
    sums = sorted(contraction.sums, key=lambda letter: -(abs(letter.x) + abs(letter.y)))
    sums.sort(key=lambda letter: (letter.name in unrolled, letter.name == in_lanes))
    return tuple(letter.name for letter in sums)


def steps_of(contraction: Contraction, sizes: Sizes, folds: bool) -> float:
    """Steps of the sum in one tile."""
    steps = prod(letter.extent for letter in contraction.sums)
    if folds and sizes.vector is not None:
        steps = steps / max(1, sizes.vector.extent) * ceil(sizes.vector.extent / (sizes.lanes * sizes.vectors))
    return steps
