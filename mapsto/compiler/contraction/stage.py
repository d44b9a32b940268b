"""Copies of an operand in the order in which tiles use it: read once from far apart, then many times from one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from mapsto.compiler.contraction.access import Access, Operand
from mapsto.compiler.contraction.index import Index, affine, least, value
from mapsto.compiler.contraction.regions import Region
from mapsto.compiler.contraction.tile import Job
from mapsto.ir.build import Builder
from mapsto.ir.loops import Buffer, Type, Value


def panel_order(job: Job) -> tuple[str, ...]:
    """The summed letters of a panel as they are laid out: as the tile loops, that of the operand's neighbours last."""
    sums = [name for name in job.plan.sums if job.y.far[name]]
    return tuple(sorted(sums, key=lambda name: job.y.far[name] == 1))


def panel_size(job: Job) -> int:
    """Elements of work space for the panel of one tile; a little more, where a block of the copy reaches over its end."""
    width = job.plan.vectors * job.plan.lanes
    return (prod(job.plan.contraction.letter(name).extent for name in panel_order(job)) + job.plan.lanes) * width


def stage_panel(job: Job, buffer: Buffer, region: Region, at: Mapping[str, Index]) -> Access:
    """Copies what tiles in one column of the result read of operand y: for every place of the sum, the column's lanes."""
    plan, b = job.plan, job.b
    assert plan.vector is not None
    order = panel_order(job)
    strides, step = {plan.vector: 1}, plan.vectors * plan.lanes
    for name in reversed(order):
        strides[name] = step
        step *= plan.contraction.letter(name).extent
    near = order[-1] if order and job.y.far[order[-1]] == 1 else None
    far = order[:-1] if near else order
    copy = Copy(job, buffer, strides, region)

    def loops(names: Sequence[str], at: Mapping[str, Index]) -> None:
        if names:
            with b.loop(0, plan.contraction.letter(names[0]).extent) as turn:
                return loops(names[1:], {**at, names[0]: turn.index})
        if near is not None and buffer.dtype in ("f32", "f64", "i32", "i64", "u32", "u64"):
            return copy.transposed(near, at)
        return copy.one_by_one(near, at)

    loops(far, at)
    within = {name: stride for name, stride in strides.items() if name != plan.vector}
    return Access(Operand(buffer), {**dict.fromkeys(job.y.far, 0), **within}, {plan.vector: 1}, 0)


class Copy:
    """One copy of a panel of operand y."""

    def __init__(self, job: Job, buffer: Buffer, strides: Mapping[str, int], region: Region) -> None:
        self.job, self.b, self.buffer, self.strides, self.region = job, job.b, buffer, strides, region
        self.vector = job.plan.vector or ""
        self.extent = job.plan.contraction.letter(self.vector).extent

    def source(self, at: Mapping[str, Index]) -> tuple[Value, int]:
        return self.job.y.offset(self.b, at)

    def target(self, at: Mapping[str, Index], lane: Index) -> tuple[Value, int]:
        terms = [(stride, at[name]) for name, stride in self.strides.items() if name != self.vector]
        return affine(self.b, [*terms, (1, lane)])

    def put(self, number: Value, at: tuple[Value, int]) -> None:
        self.b.store(self.buffer, at[0], number, shift=at[1])

    def get(self, at: Mapping[str, Index], lanes: int, mask: Value | None = None) -> Value:
        offset, shift = self.source(at)
        operand = self.job.y.operand
        found = self.b.load(operand.buffer, offset, lanes, shift=shift, mask=mask)
        if operand.read is not None:
            found = operand.read(found)
        return self.b.cast(found, self.buffer.dtype)

    def one_by_one(self, near: str | None, at: Mapping[str, Index]) -> None:
        """Element by element, in the order of the panel."""
        b = self.b
        extent = self.job.plan.contraction.letter(near).extent if near else 1
        first = at[self.vector]
        lanes = least(b, self.region.count * self.job.plan.lanes, affine_value(b, [(-1, first)], self.extent))
        with b.loop(0, extent) as row:
            inner = {**at, near: row.index} if near else at
            with b.loop(0, value(b, lanes)) as lane:
                place = {**inner, self.vector: affine_value(b, [(1, first), (1, lane.index)])}
                self.put(self.get(place, 1), self.target(inner, lane.index))

    def transposed(self, near: str, at: Mapping[str, Index]) -> None:
        """By squares of lanes × lanes: rows in, columns out.

        A square that reaches over the end of the sum writes rows that the next ones overwrite; one over the end of the
        result's letter repeats its last row, in lanes that no result has.
        """
        b, lanes = self.b, self.job.plan.lanes
        extent = self.job.plan.contraction.letter(near).extent
        with b.loop(0, extent, lanes) as row, b.loop(0, self.region.count * lanes, lanes) as column:
            mask = None
            if extent % lanes:
                left = affine_value(b, [(-1, row.index)], extent)
                type = Type("i64", lanes)
                mask = b.op("less", b.lanes(type), b.splat(value(b, left), lanes))
            square: list[Value] = []
            for line in range(lanes):
                lane = affine_value(b, [(1, at[self.vector]), (1, column.index)], line)
                if self.region.valid:
                    lane = least(b, lane, self.extent - 1)
                square.append(self.get({**at, near: row.index, self.vector: lane}, lanes, mask))
            for line, vector in enumerate(transpose(b, square)):
                offset, shift = self.target({**at, near: row.index}, column.index)
                self.put(vector, (offset, shift + line * self.strides[near]))


def affine_value(b: Builder, terms: Sequence[tuple[int, Index]], shift: int = 0) -> Value:
    found, shift = affine(b, terms, shift)
    return b.affine([(1, found)], shift)


def transpose(b: Builder, rows: Sequence[Value]) -> list[Value]:
    """As many vectors as lanes ↦ the columns of their square: 1 × 1 blocks change places across the diagonal, then
    2 × 2, then 4 × 4 …; each time two vectors exchange a half of their blocks."""
    found, lanes, block = list(rows), len(rows), 1
    while block < lanes:
        upper = tuple(lane if not lane & block else lanes + lane - block for lane in range(lanes))
        lower = tuple(lane + block if not lane & block else lanes + lane for lane in range(lanes))
        for first in range(lanes):
            if not first & block:
                pair = found[first], found[first + block]
                found[first] = b.op("shuffle", *pair, attribute=upper)
                found[first + block] = b.op("shuffle", *pair, attribute=lower)
        block *= 2
    return found
