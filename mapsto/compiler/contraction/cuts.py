"""How the result of a contraction is cut into parts that threads can do in any order."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod

from mapsto.compiler.contraction.index import Index, affine, divided, least, rest, value
from mapsto.compiler.contraction.letters import Contraction
from mapsto.compiler.contraction.plans import Plan
from mapsto.ir.build import Builder
from mapsto.ir.loops import Value

MOST = 32
WORK = 2**18  # multiply-adds; about two microseconds
READ = 5  # multiply-adds that take as long as an element of an operand from the second or third cache
USES = 256  # of every copied element, at least; a copy takes as long as about ten


@dataclass(frozen=True)
class Cut:
    """A letter cut into `count` ranges of `block` turns, the last one perhaps shorter."""

    name: str
    extent: int
    block: int

    @property
    def count(self) -> int:
        return ceil(self.extent / self.block)


@dataclass(frozen=True)
class Chunks:
    """The cuts, the slowest first; a chunk is one range of each."""

    cuts: tuple[Cut, ...]

    @property
    def count(self) -> int:
        return prod(cut.count for cut in self.cuts)

    def bounds(self, b: Builder, chunk: Value) -> dict[str, tuple[Value, Value]]:
        """The number of a chunk ↦ its ranges, as `write` takes them."""
        found: dict[str, tuple[Value, Value]] = {}
        left: Index = chunk
        for cut in reversed(self.cuts):
            number = rest(b, left, cut.count) if cut is not self.cuts[0] else left
            left = divided(b, left, cut.count)
            begin, shift = affine(b, [(cut.block, number)])
            end = least(b, b.affine([(1, begin)], shift + cut.block), cut.extent)
            found[cut.name] = (b.affine([(1, begin)], shift), value(b, end))
        return found


def chunks(plan: Plan, work: int = WORK) -> Chunks:
    """A plan ↦ its chunks: a function of the shapes alone, so that results never depend on the number of threads.

    Every chunk has about `work` multiply-adds, or reads that take as long, if there are as many. Letters around the
    tiles are cut first, then columns of tiles, then rows; where blocks of rows are copied, these before columns. Chunks
    that copy the same of an operand are so few that their copies cost little.

    >>> from mapsto.compiler.contraction import plan, product
    >>> from mapsto.target.host import Host
    >>> made = plan(product("mk", "kn", "mn", dict(m=64, k=784, n=512)), Host("", "", "", 64, 32), dict(m=512, n=1))
    >>> chunks(made, work=2**21).cuts
    (Cut(name='n', extent=512, block=64),)
    """
    wanted = chunks_wanted(plan.contraction, work)
    shares = {
        "x": shares_of(plan, "x") if plan.block else wanted,
        "y": shares_of(plan, "y") if plan.stage_y else wanted,
    }
    cuts: list[Cut] = []
    nest = [name for name in plan.nest if not name.endswith("'")]

    def late(name: str) -> int:
        """Which letters are cut only where those before them were not enough."""
        own = (plan.row_names, (plan.vector,)) if plan.block else ((plan.vector,), plan.row_names)
        return next((place for place, names in enumerate(own, 1) if name in names), 0)

    for name in sorted(nest, key=late):
        if plan.block and name == plan.vector:
            wanted = max(1, wanted // 2)  # rather fewer chunks than narrower ones that copy the same rows
        letter = plan.contraction.letter(name)
        step = dict(plan.rows).get(name, plan.vectors * plan.lanes if name == plan.vector else 1)
        step = plan.block or step if name in plan.row_names else step
        tiles = ceil(letter.extent / step)
        again = [operand for operand in "xy" if not getattr(letter, operand)]  # every part copies these
        parts = min(wanted, tiles, *(shares[operand] for operand in again))
        if parts > 1:
            cuts.append(Cut(name, letter.extent, ceil(tiles / parts) * step))
            wanted //= cuts[-1].count
            shares |= {operand: max(1, shares[operand] // cuts[-1].count) for operand in again}
    return Chunks(tuple(cuts))


def shares_of(plan: Plan, operand: str) -> int:
    """Into how many parts the letters that use a copied element may be cut, so that its uses are worth the copy."""
    return max(1, prod(letter.extent for letter in plan.contraction.outs if not getattr(letter, operand)) // USES)


def chunks_wanted(contraction: Contraction, work: int = WORK) -> int:
    """How many chunks its work is worth."""
    return max(1, min(MOST, round(cost_of(contraction) / work)))


def cost_of(contraction: Contraction) -> int:
    """The multiply-adds, and those that reading every operand once would be: a vector times a matrix is all reading."""
    letters = contraction.letters
    read = prod(letter.extent for letter in letters if letter.x) + prod(letter.extent for letter in letters if letter.y)
    return prod(letter.extent for letter in letters) + READ * read
