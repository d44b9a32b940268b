"""A contraction ↦ its plan: every way to make a tile is tried against the cost, and the cheapest is taken."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, gcd, prod

from mapsto.compiler.contraction import cost
from mapsto.compiler.contraction.boxes import boxes, steps_of, sum_order, text_size
from mapsto.compiler.contraction.cost import Sizes, tiles_cycles
from mapsto.compiler.contraction.cuts import chunks_wanted
from mapsto.compiler.contraction.letters import Contraction, Guard, Letter
from mapsto.compiler.contraction.merge import Group, merge
from mapsto.compiler.contraction.plans import Plan
from mapsto.core.spec import DTYPES
from mapsto.target.host import Host

TEXT = 400  # multiply-adds written out in one kernel, at most
STAGED = 2**19  # bytes of work space for a copy of an operand, at most
NEAR = 2**19  # bytes of an operand that stay in the second cache
BLOCK = 2**21  # bytes of work space for a copy of rows, where the columns are copied again for every block
ROWS = {False: 128, True: 256}  # rows of a block, at most; where the columns are copied again for each
LINE = 64
PAGE = 4096
PAGES = 400  # more of them than this in one sum cost time
AGAIN = 2**23  # bytes of columns that may be read again for every block of rows as they are, at most,
AGAIN_PAGES = 2048  # and the pages that one sum of them is spread over


@dataclass(frozen=True)
class Candidate:
    """A way to do it, with its cost in cycles."""

    contraction: Contraction
    swapped: bool
    sizes: Sizes
    staged: bool
    turned: str | None
    block: int
    cycles: float

    @property
    def folds(self) -> bool:
        return self.sizes.vector is not None and not self.sizes.vector.out


def plan(contraction: Contraction, host: Host, out_strides: Mapping[str, int], bounded: Collection[str] = ()) -> Plan:
    """A contraction, the machine, how the result lies in memory ↦ how to do it.

    `bounded` names letters that the caller will limit to a range at run time.

    >>> from mapsto.compiler.contraction.letters import product
    >>> machine = Host("", "", "", vector_bytes=64, registers=32)
    >>> made = plan(product("mk", "kn", "mn", dict(m=64, k=784, n=512)), machine, dict(m=512, n=1))
    >>> made.vector, made.vectors, made.rows
    ('n', 2, (('m', 13),))
    """
    strides = tuple(sorted(out_strides.items()))
    return _plan(contraction, host.vector_bytes, host.registers, strides, tuple(sorted(bounded)))


@lru_cache(4096)
def _plan(
    contraction: Contraction, width: int, registers: int, out: tuple[tuple[str, int], ...], bounded: tuple[str, ...]
) -> Plan:
    names = tuple(letter.name for letter in contraction.outs)
    made, groups = merge(contraction, dict(out), bounded)
    made = with_one_sum(made)
    lanes = max(1, width // DTYPES[contraction.dtype].itemsize)
    best = min(candidates(made, lanes, registers, dict(out), bounded), key=lambda candidate: candidate.cycles)
    return scheduled(best, names, groups)


def with_one_sum(contraction: Contraction) -> Contraction:
    """Borders of the result's letters alone bound a sum over one term."""

    def bounds_nothing(guard: Guard) -> bool:
        return all(contraction.letter(name).out for name in guard.names)

    if not any(bounds_nothing(guard) for guard in contraction.guards):
        return contraction
    guards = tuple(
        Guard((*guard.terms, ("one", 1)), guard.shift, guard.extent) if bounds_nothing(guard) else guard
        for guard in contraction.guards
    )
    letters = (*contraction.letters, Letter("one", 1, 0, 0, False))
    return Contraction(letters, guards, contraction.dtype, contraction.x_shift, contraction.y_shift)


def candidates(
    contraction: Contraction, lanes: int, registers: int, out: Mapping[str, int], bounded: Collection[str]
) -> Iterator[Candidate]:
    """The tiles that fit, with the operands as they are and exchanged; reading apart or singly is the last resort."""
    found = False
    partial = any(not letter.out and letter.name in bounded for letter in contraction.letters)  # no copies of a part
    for apart in (False, True):
        for swapped in (False, True):
            now = contraction.swapped() if swapped else contraction
            for vector in now.letters:
                if (swapped and vector.x == vector.y) or vector.name in bounded:
                    continue
                for staged in ways(now, vector, apart):
                    if staged and partial:
                        continue
                    for sizes in boxes(now, vector, lanes, registers, bounded):
                        if (text := text_size(now, sizes)) <= TEXT or sizes.sums == 1:
                            costs = list(costs_of(now, sizes, text, staged, out))
                            costs = costs[:1] if partial else costs
                            found = found or bool(costs)
                            turned = turned_letter(sizes, out)
                            yield from (Candidate(now, swapped, sizes, staged, turned, *cost) for cost in costs)
        if found:
            return
    for sizes in boxes(contraction, None, 1, registers, bounded):
        if (text := text_size(contraction, sizes)) <= TEXT or sizes.sums == 1:
            for block, cycles in costs_of(contraction, sizes, text, False, out):
                yield Candidate(contraction, False, sizes, False, None, block, cycles)


def turned_letter(sizes: Sizes, out: Mapping[str, int]) -> str | None:
    """The letter of the rows along which the result's neighbours are, if they are not along the lanes."""

    def step(letter: Letter) -> int:
        return out.get(letter.name.split(".")[-1], 0)

    vector = sizes.vector
    if vector is None or sizes.lanes == 1 or (vector.out and step(vector) == 1):
        return None
    near = (letter.name for letter, count in sizes.rows if step(letter) == 1 and 1 < count <= sizes.lanes)
    return next(near, None)


def ways(contraction: Contraction, vector: Letter, apart: bool) -> Iterator[bool]:
    """Whether operand y may be read as it is and from a copy, with a letter in the lanes.

    As it is, if neighbours in the lanes are neighbours in memory, or `apart` is allowed.
    """
    if vector.extent < 1 or not vector.y:
        return
    if not vector.out:
        if not contraction.guards_of(vector.name) and vector.y == 1 and vector.x in (0, 1):
            yield False
        return
    if apart or (vector.y == 1 and vector.x in (0, 1)):
        yield False
    if not vector.x and not bordered(contraction, "y"):
        yield True


def bordered(contraction: Contraction, operand: str) -> bool:
    """Whether borders decide which elements of an operand exist: it moves with all letters of one."""
    moving = {letter.name for letter in contraction.letters if getattr(letter, operand) or letter.extent == 1}
    return any(moving.issuperset(guard.names) for guard in contraction.guards)


def costs_of(
    contraction: Contraction, sizes: Sizes, text: int, staged: bool, out: Mapping[str, int]
) -> Iterator[tuple[int, float]]:
    """The cost of a tile with operand x as it is, and with a copy of so many rows; nothing for what cannot be."""
    vector, size = sizes.vector, DTYPES[contraction.dtype].itemsize
    rows = [letter for letter, _ in sizes.rows]
    around = [letter for letter in contraction.outs if letter not in rows and letter is not vector]
    turns = prod(letter.extent for letter in around)
    folds, turned = vector is not None and not vector.out, turned_letter(sizes, out)
    steps, apart = steps_of(contraction, sizes, folds), {"x": False, "y": staged}
    cycles = turns * tiles_cycles(sizes, steps, folds, apart, turned is not None)
    cycles += cost.WRITTEN * text * cost.EXCHANGED[folds, turned is not None]
    if vector is not None and vector.out and turned is None and out.get(vector.name.split(".")[-1], 0) != 1:
        cycles += turns * prod(letter.extent for letter in rows) * vector.extent * cost.SCATTERED
    if turned and not folds:
        cycles *= cost.TURNED
    if chunks_wanted(contraction) > 1 and turns * tiles_in(sizes) == 1:
        cycles *= 2  # one tile is one chunk, and a second thread has nothing to do
    for letter in rows:
        if contraction.guards_of(letter.name):
            cycles *= cost.BORDERS
        cycles *= 1 + min(abs(letter.x) * size, 2**16) / 2**22
    columns, far, farther = 0.0, 1.0, 1.0
    if staged:
        if any(letter.y for letter in rows) or strip(contraction, sizes, "y") * size > STAGED:
            return
        columns = copy_cycles(contraction, sizes, "y", size) * prod(letter.extent for letter in around if letter.y)
    elif vector is not None and vector.out and pages(contraction, "y", size) > PAGES:
        far = cost.PAGES
        farther = 1.0 if read_again(contraction, size) else cost.PAGES
    if any(count > 12 and letter.x and letter.x * size % PAGE == 0 for letter, count in sizes.rows):
        cycles *= cost.STREAMS
    crowded = pages(contraction, "x", size) > PAGES or shares_places(contraction, "x", size)
    yield 0, cycles * far * (cost.PAGES if crowded else 1) + columns
    if not folds and crowded and can_block(contraction, sizes, around):
        block = block_of(contraction, sizes, size, staged)
        copied = copy_cycles(contraction, sizes, "x", size) * prod(letter.extent for letter in around if letter.x)
        yield block, cycles * farther * cost.BLOCKED + columns * ceil(rows[0].extent / block) + copied


def tiles_in(sizes: Sizes) -> int:
    """How many tiles the letters of a tile itself make."""
    tiles = prod(ceil(letter.extent / count) for letter, count in sizes.rows)
    vector = sizes.vector
    return tiles * (ceil(vector.extent / (sizes.lanes * sizes.vectors)) if vector is not None and vector.out else 1)


def can_block(contraction: Contraction, sizes: Sizes, around: list[Letter]) -> bool:
    """Whether rows of operand x can be copied before the loops over columns of tiles."""
    if sizes.vector is None or sizes.vector.x or len(sizes.rows) != 1 or bordered(contraction, "x"):
        return False
    return not sizes.rows[0][0].y and all(letter.y for letter in around if letter.x)


def block_of(contraction: Contraction, sizes: Sizes, size: int, staged: bool) -> int:
    """Rows that are copied at a time: whole tiles, as many in every block, so that each can be a chunk.

    The copy stays in the second cache while the columns go by; where these are copied too, it is larger, as every
    block copies them again.
    """
    letter, count = sizes.rows[0]
    tiles = ceil(letter.extent / count)
    space = (BLOCK if staged else NEAR) // max(1, strip(contraction, sizes, "x") * size)
    blocks = ceil(tiles / max(1, min(space, ROWS[staged] // count)))
    return min((ceil(tiles / most) for most in (blocks, blocks + 1)), key=lambda each: of_two(tiles, each)) * count


def of_two(tiles: int, each: int) -> int:
    """Tiles that the busier of two threads has to do, so many at a time.

    >>> of_two(20, 6), of_two(20, 5)
    (12, 10)
    """
    full, left = divmod(tiles, each)
    return ceil(full / 2) * each + (0 if full % 2 else left)


def read_again(contraction: Contraction, size: int) -> bool:
    """Whether operand y may as well be read as it is for every block of rows, and needs no copy."""
    elements = prod(letter.extent for letter in contraction.letters if letter.y)
    return elements * size <= AGAIN and pages(contraction, "y", size) <= AGAIN_PAGES


def strip(contraction: Contraction, sizes: Sizes, operand: str) -> int:
    """Elements of an operand that one tile reads."""
    width = sizes.lanes * sizes.vectors if operand == "y" else sizes.rows[0][1]
    return prod(letter.extent for letter in contraction.sums if getattr(letter, operand)) * width


def copy_cycles(contraction: Contraction, sizes: Sizes, operand: str, size: int) -> float:
    """What copying all strips of an operand costs."""
    letter = sizes.vector if operand == "y" else sizes.rows[0][0]
    if letter is None:
        return 0.0
    width = sizes.lanes * sizes.vectors if operand == "y" else sizes.rows[0][1]
    each = cost.COPIED if getattr(letter, operand) == 1 else cost.TRANSPOSED
    if pages(contraction, operand, size) > PAGES:
        each *= 2
    return each * strip(contraction, sizes, operand) * ceil(letter.extent / width)


def pages(contraction: Contraction, operand: str, size: int) -> int:
    """Pages of memory that the sum of one tile is spread over."""
    return prod(letter.extent for letter in contraction.sums if abs(getattr(letter, operand)) * size >= PAGE)


def shares_places(contraction: Contraction, operand: str, size: int) -> bool:
    """Whether the places that one sum reads lie so far apart that a cache has room for few of them.

    Where they are a multiple of 2 KiB apart, say, a cache keeps them where it keeps every 32nd of its lines.
    """
    steps = {letter: abs(getattr(letter, operand)) * size for letter in contraction.sums}
    apart = {letter: step for letter, step in steps.items() if step >= LINE}
    return prod(letter.extent for letter in apart) * gcd(*apart.values(), PAGE) > PAGES * PAGE


def scheduled(best: Candidate, names: tuple[str, ...], groups: tuple[Group, ...]) -> Plan:
    """The chosen tile with the loops around it: what moves least is innermost.

    The loop over columns of tiles stands around all others that do not move operand y, if y is copied or too large to
    stay near; else around the innermost one.
    """
    contraction, sizes = best.contraction, best.sizes
    rows = {letter.name: count for letter, count in sizes.rows}
    vector = sizes.vector.name if sizes.vector else None
    around = [letter for letter in contraction.outs if letter.name != vector]
    around.sort(key=lambda letter: -abs(letter.x) * rows.get(letter.name, 1) or -abs(letter.y))
    first = [letter.name for letter in around if letter.y and letter.name not in rows]
    second = [letter.name for letter in around if letter.name not in first]
    if vector is not None and not best.folds:
        near = prod(letter.extent for letter in contraction.letters if letter.y) * DTYPES[contraction.dtype].itemsize
        second.insert(0 if best.staged or near > NEAR else max(0, len(second) - 1), vector)
    if best.block:
        second.insert(0, next(iter(rows)) + "'")
    unrolled = tuple(letter.name for letter in sizes.unrolled)
    return Plan(
        contraction,
        names,
        groups,
        best.swapped,
        sizes.lanes,
        vector,
        best.folds,
        tuple(rows.items()),
        sizes.vectors,
        (*first, *second),
        sum_order(contraction, vector if best.folds else None, unrolled),
        unrolled,
        best.turned,
        best.staged,
        best.block,
    )
