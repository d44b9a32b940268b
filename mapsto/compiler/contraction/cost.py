"""How long a tile takes, as far as a glance at it tells: what the choice of a plan goes by.

Counted in cycles of a core that does two multiply-adds and two loads a cycle, with four cycles from one sum to the
next. The numbers were fitted to measured tiles; docs/notes/0019 has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, prod

from mapsto.compiler.contraction.letters import Letter

LATENCY = 4.0
TURN = 0.5  # of a loop, besides its step
BROADCAST = 0.05  # a load more, even where loads are not what is waited for
VECTOR = 0.15  # the same of a whole vector
FAR_VECTOR = 0.35  # the same, where the vectors of a tile's sum do not fit the first cache
FINISH = 2.0  # what becomes of one accumulator
ROW = 2.0  # of a row of the tile, whose results lie apart from those of others
TILE = 20.0
FOLD = 12.0  # lanes to one number
TURN_OVER = {False: 5.0, True: 3.0}  # an accumulator whose lanes change places with rows; if its lanes are summed
FIRST_CACHE = 600  # vectors, of 64 bytes
GATHER = 2.0  # a lane
TRANSPOSED = 0.2  # an element, copied into another order
COPIED = 0.12
SCATTERED = 6.0  # an element of the result that does not lie beside its neighbour in the lanes
STREAMS = 1.03  # rows a multiple of 4 KiB apart share their places in the first cache
PAGES = 1.3  # a sum that is spread over more pages of memory than the processor knows by heart
SHORT = 1.08  # a large tile for a short sum: its beginning and end do not hide behind the next one's
TURNED = 1.01  # the same, where a gain so small is not worth the longer text
BLOCKED = 1.03  # rows that come from a copy in the third cache
WRITTEN = 15.0  # a multiply-add more in the text, which has to be compiled
EXCHANGED = {(False, False): 1, (False, True): 3, (True, False): 5, (True, True): 2.5}  # more text for lanes, as below
BORDERS = 1.03  # rows that meet a border come in several kinds of tile


@dataclass(frozen=True)
class Sizes:
    """A candidate: letters and counts of the rows, the letter in the lanes, lanes, vectors, letters written out."""

    rows: tuple[tuple[Letter, int], ...]
    vector: Letter | None
    lanes: int
    vectors: int
    unrolled: tuple[Letter, ...] = ()

    @property
    def sums(self) -> int:
        return prod(count for _, count in self.rows) * self.vectors

    @property
    def turns(self) -> int:
        """Steps that are written out one after another."""
        return prod(letter.extent for letter in self.unrolled)

    def loads(self, operand: str) -> int:
        """Different elements or vectors of an operand in the steps that are written out."""
        moves = [(getattr(letter, operand), count) for letter, count in self.rows]
        if self.unrolled:
            moves += [(getattr(letter, operand), letter.extent) for letter in self.unrolled]
            places = {0}
            for stride, count in moves:
                places = {place + stride * step for place in places for step in range(count if stride else 1)}
            different = len(places)
        else:
            different = prod(count for stride, count in moves if stride)
        in_lanes = self.vector is not None and getattr(self.vector, operand)
        return different * (self.vectors if in_lanes else 1)

    @property
    def registers(self) -> int:
        """The accumulators, the operand that stays during a step, and one element of the other."""
        x, y = self.loads("x"), self.loads("y")
        if self.unrolled:
            return self.sums + x + y + 1
        stays = 1 if self.sums == max(x, y) and min(x, y) == 1 else min(x, y)
        return self.sums + stays + 1


def step_cycles(sizes: Sizes, staged: Mapping[str, bool], steps: float) -> float:
    """One step of so many of the sum in a tile, or as many as are written out."""
    vector = FAR_VECTOR if steps * sizes.vectors > FIRST_CACHE else VECTOR
    loads = besides = 0.0
    for operand in "xy":
        stride, each = getattr(sizes.vector, operand) if sizes.vector is not None else 0, 1.0
        if stride not in (0, 1) and not staged[operand]:
            each = GATHER * sizes.lanes
        count = sizes.loads(operand)
        loads += count * each
        besides += count * (vector if stride else BROADCAST)
    turns = sizes.turns
    return max(sizes.sums * turns / 2, loads / 2, LATENCY * turns) + besides + TURN


def parts(extent: int, count: int) -> Iterator[tuple[int, int]]:
    """How many tiles of which size.

    >>> list(parts(15, 4))
    [(3, 4), (1, 3)]
    """
    full, left = divmod(extent, count)
    if full:
        yield full, count
    if left:
        yield 1, left


def tiles_cycles(sizes: Sizes, steps: float, folds: bool, staged: Mapping[str, bool], turned: bool) -> float:
    """All tiles of the rows and vectors, for one turn of the loops around them; `steps` of the sum in each."""
    vectors: Sequence[tuple[int, int]] = [(1, sizes.vectors)]
    if sizes.vector is not None and not folds:
        vectors = list(parts(ceil(sizes.vector.extent / sizes.lanes), sizes.vectors))
    boxes: list[tuple[int, tuple[tuple[Letter, int], ...]]] = [(1, ())]
    for letter, count in sizes.rows:
        sizes_of = list(parts(letter.extent, count))
        boxes = [(often * number, (*rows, (letter, size))) for often, rows in boxes for number, size in sizes_of]
    total = 0.0
    for often, rows in boxes:
        for number, count in vectors:
            tile = Sizes(rows, sizes.vector, sizes.lanes, count, sizes.unrolled)
            lanes = TURN_OVER[folds] if turned else FOLD if folds else 0.0
            after = tile.sums * (FINISH + lanes) + TILE + ROW * tile.sums / count
            inside = steps / sizes.turns * step_cycles(tile, staged, steps)
            total += often * number * (inside + after) * (SHORT if steps < 16 and tile.sums > 20 else 1.0)
    return total
