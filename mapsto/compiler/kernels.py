"""Groups ↦ kernels: the loops over the rows of a chunk, block by block, and within a block stage by stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from mapsto.compiler.contraction import chunks
from mapsto.compiler.groups import READ_AGAIN, Group, Member
from mapsto.compiler.nest_writer import NestWriter
from mapsto.compiler.nests import Nest, nests_of
from mapsto.compiler.pieces import Piece, pieces
from mapsto.compiler.products import ProductStage
from mapsto.compiler.rows import top_fold
from mapsto.compiler.running import RunLoops
from mapsto.compiler.scattered import Scatter, scatter_loops
from mapsto.compiler.shared_nests import moved, nest_of, shared_nests
from mapsto.compiler.terms import rebuilt
from mapsto.core.spec import Spec
from mapsto.ir.formula import Formula, Index, Load, Reduce, word
from mapsto.ir.loops import Kernel, Value
from mapsto.target.host import Host

BLOCK = 2**15  # bytes of work space that a block of rows may take: what stays in a first-level cache
SCATTERED = 2**17  # the same where every block looks through all indices: some larger, in a second-level cache


@dataclass(frozen=True, eq=False)
class Written:
    """The kernel of a group.

    `names`, where it was written for another group: the arrays of that one, after which its buffers are named ↦ those
    of its own group.
    """

    kernel: Kernel
    arrays: tuple[int, ...]  # in the order of its parameters
    chunks: int
    scratch: int  # bytes of work space for a thread
    group: Group
    sizes: tuple[int, ...] = ()  # integers that it is given at run time
    names: Mapping[int, int] = field(default_factory=dict[int, int])


class KernelWriter(NestWriter):
    """Writes the kernel of a group: of stages over rows, or of a contraction by tiles."""

    def __init__(self, name: str, group: Group, specs: Sequence[Spec], lasting: set[int], host: Host) -> None:
        super().__init__(name, group, specs, lasting, host)
        self.sizes: list[int] = []

    def write(self) -> Written:
        group, b = self.group, self.b
        self.ev.env[group.chunk] = b.chunk
        if group.tiled:
            count = self.write_tiles()
        else:
            self.write_rows()
            count = group.chunks
        arrays = tuple(number for number, buffer in self.buffers.items() if buffer.role != "scratch")
        return Written(b.kernel(), arrays, count, self.scratch, group, tuple(self.sizes))

    # rows

    def write_rows(self) -> None:
        """The rows of a chunk, block by block; a block has so many rows that what it reads and makes stays cached."""
        group, b = self.group, self.b
        per_chunk, rows = self.size(group.per_chunk), self.size(group.rows)
        first = b.op("mul", b.chunk, per_chunk)
        last = b.op("minimum", b.op("add", first, per_chunk), rows)
        for member in group.members:
            if member.slots is not None:
                self.clear(member)
        per_row = sum(self.specs[number].nbytes // group.rows for number in self.inner)
        scattered = any(member.stage.scatter is not None for member in group.members)
        self.block = max(1, min(group.per_chunk, (SCATTERED if scattered else BLOCK) // max(per_row, 1)))
        if len(group.members) > 1 and not group.flat and not scattered:
            self.block = max(1, min(self.block, READ_AGAIN // max(self.read_by_row(), 1)))
        if self.block >= group.per_chunk:
            self.first_row = first
            return self.write_block(first, last)
        with b.loop(first, last, self.block) as turn:
            self.first_row = turn.index
            end = b.op("minimum", b.op("add", turn.index, b.const(self.block)), last)
            self.write_block(turn.index, end)

    def read_by_row(self) -> int:
        """The bytes of a row of all arrays that its stages read or write."""
        members = self.group.members
        touched = {n for member in members for n in (*member.stage.reads(), member.stage.array)}
        return sum(self.specs[n].nbytes // self.group.rows for n in touched if self.specs[n].size >= self.group.rows)

    def size(self, number: int) -> Value:
        """A number of rows: known only at run time for flat groups, so that one function serves arrays of all sizes."""
        if not self.group.flat or self.group.rows == 1:
            return self.b.const(number)
        self.sizes.append(number)
        return self.b.size()

    def clear(self, member: Member) -> None:
        """Set the slots of a sum to what its fold starts with."""
        fold = top_fold(member.stage.formula)
        assert fold is not None and member.slots is not None
        index = (self.group.chunk, *member.stage.domain)
        for nest in nests_of(Nest((member.slots,), member.stage.domain, index, (fold.start,)), self.specs):
            self.write_nest(nest, None, {})

    def write_block(self, first: Value, last: Value) -> None:
        """All stages, one nest after another, for the rows from `first` to `last`."""
        shared = shared_nests(self.group.members)
        self.passed_on = set[int]()
        for members in shared:
            made = {member.stage.array for member in members}
            self.passed_on.update(n for member in members for n in member.stage.reads() if n not in made)
        for members in shared:
            stage, rows = members[0].stage, members[0].rows
            if stage.scatter is not None:
                self.write_scatter(members[0], stage.scatter, first, last)
            elif stage.run is not None:
                bounds = {} if rows is None else {rows: (first, last)}
                RunLoops(self.ev, stage.run, stage.formula, self.specs, bounds).write()
            elif stage.product() is None or not self.write_product(members[0], first, last):
                self.write_members(members, (first, last))

    def write_members(self, members: list[Member], bounds: tuple[Value, Value]) -> None:
        """Stages that share a nest, for the rows within bounds."""
        head = members[0]
        if head.slots is not None:
            return self.write_sums(members, bounds)
        nest = nest_of(members)
        if not self.group.flat:
            return self.write_nests(nest, head.rows, bounds)
        (nest,) = nests_of(nest, self.specs, flat=True)
        rows = nest.axes[0] if nest.axes else None
        return self.write_nest(nest, rows, {} if rows is None else {rows: bounds})

    def write_sums(self, members: list[Member], bounds: tuple[Value, Value]) -> None:
        """Folds over a block's rows, which go on from what their slots have."""
        head, formulas = members[0], list[Formula]()
        index = (self.group.chunk, *head.stage.domain)
        for member in members:
            fold = top_fold(member.stage.formula)
            assert fold is not None and member.slots is not None and head.rows is not None
            body = rebuilt(fold.body, lambda term, own=member.rows: head.rows if term is own else None)
            start = Load(member.slots, index)
            formulas.append(Reduce(fold.word, head.rows, start, moved(body, member, head)))
            self.ev.bounds[head.rows] = bounds
        slots = tuple(member.slots for member in members if member.slots is not None)
        for nest in nests_of(Nest(slots, head.stage.domain, index, tuple(formulas)), self.specs, head.rows):
            self.write_nest(nest, None, {})

    def write_scatter(self, member: Member, scatter: Scatter, first: Value, last: Value) -> None:
        """A scattered fold of the rows of a block: what it starts with everywhere, then term by term."""
        array, domain = member.stage.array, member.stage.domain
        bounds = {} if member.rows is None else {member.rows: (first, last)}
        self.write_nests(Nest((array,), domain, domain, (scatter.fold.start,)), member.rows, (first, last))
        outer, inner = scatter.outer(domain), scatter.inner(domain)
        sum_of_both = word(scatter.fold.word, Load(array, domain), scatter.value)
        for _ in scatter_loops(self.ev, scatter, outer, bounds):
            nest = Nest((array,), tuple(inner), domain, (sum_of_both,))
            self.write_nests(nest, member.rows if member.rows in inner else None, (first, last))

    # contractions

    def product_pieces(self, member: Member) -> list[Piece] | None:
        """A member as contractions with epilogues; None where its addresses are no sums of indices."""
        stage = member.stage
        product = stage.product()
        if product is None:
            return None
        if member.slots is None:
            nest = Nest((stage.array,), stage.domain, tuple(stage.domain), (stage.formula,))
        else:
            nest = Nest((member.slots,), stage.domain, (self.group.chunk, *stage.domain), (product.fold,))
        return pieces(nest, self.specs, member.rows)

    def product_stage(self, piece: Piece, rows: Index | None) -> ProductStage | None:
        """A piece with its tiles; None if it has no terms to sum up."""
        if piece.letters is None or piece.contraction is None:
            return None
        output = (piece.nest.arrays[0], piece.nest.index, piece.nest.formulas[0])
        return ProductStage(piece.letters, piece.contraction, output, self.host, rows)

    def write_product(self, member: Member, first: Value, last: Value) -> bool:
        """Write a contraction over the rows of a block; sums over rows go on from their slot."""
        found = self.product_pieces(member)
        if found is None:
            return False
        for piece in found:
            made = self.product_stage(piece, member.rows)
            if made is not None:
                begin = None if member.slots is None else Load(member.slots, piece.nest.index)
                bounds = {} if made.rows is None else {made.rows: (first, last)}
                made.write(self.ev, bounds, self.work_space, begin)
            elif member.slots is None:
                self.write_nests(piece.nest, member.rows, (first, last))
        return True

    def write_tiles(self) -> int:
        """A contraction by itself, cut into chunks of its tiles; or anything that has no rows, in one."""
        (member,) = self.group.members
        stage, count = member.stage, 0
        whole = Nest((stage.array,), stage.domain, tuple(stage.domain), (stage.formula,))
        found = self.product_pieces(member) or [Piece(whole)]
        for piece in found:
            made = self.product_stage(piece, None)
            parts = None if made is None else chunks(made.plan)
            turns = 1 if parts is None else parts.count
            with self.only(count, turns, len(found) == 1) as chunk, self.ev.scope():
                if made is not None and parts is not None:
                    made.write(self.ev, parts.bounds(self.b, chunk), self.work_space)
                else:
                    for one in nests_of(piece.nest, self.specs):
                        self.write_nest(one, None, {})
            count += turns
        return count

    @contextmanager
    def only(self, first: int, count: int, alone: bool) -> Iterator[Value]:
        """What is written within is done by `count` chunks from number `first` on ↦ the chunk's number among these."""
        b = self.b
        if alone:
            yield b.chunk
            return
        begin, end = b.const(first), b.const(first + count)
        mine = b.op("bit_and", b.op("less_equal", begin, b.chunk), b.op("less", b.chunk, end))
        with b.when(mine):
            yield b.op("sub", b.chunk, begin)
