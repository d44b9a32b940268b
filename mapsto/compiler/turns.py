"""Loops as instructions of the driver: where a turn leaves its carries and rows, and where the next finds them.

What a loop hands on is not copied: the next turn's slots are told where this turn has written. A carry has two buffers
that take turns, since what it was is read while it is made anew; one of them is the loop's result, and where the number
of turns is known it is the one that is written last. A row that is handed out is written where it belongs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mapsto.compiler.bodies import CONDITION, BodyStep, in_turns
from mapsto.compiler.frames import Frame
from mapsto.compiler.weight import of_turn
from mapsto.ir.graph import Var
from mapsto.target.instructions import Instruction, Label
from mapsto.target.launch import Part
from mapsto.transform.loop import While
from mapsto.transform.scan import Scan

if TYPE_CHECKING:
    from mapsto.compiler.sequence import Sequencer


def bound(body: Frame, given: Sequence[int]) -> Iterator[Instruction]:
    """Tell a body where its inputs are."""
    for var, slot in zip(body.plan.graph.inputs, given, strict=True):
        yield Instruction("move", body.slot(var), slot)


class TurningLoop:
    """What the two kinds of loops share: carries from turn to turn.

    `before` are instructions ahead of the loop, `copies` those at the end of a turn, `after` those that make the next
    turn of it, `last` those behind the loop.
    """

    def __init__(self, sequencer: Sequencer, outer: Frame, step: BodyStep, body: Frame) -> None:
        self.sequencer, self.outer, self.step, self.body = sequencer, outer, step, body
        self.graph = body.plan.graph
        self.before = list(bound(body, outer.slots(step.inputs)))
        self.copies: list[Instruction] = []
        self.after: list[Instruction] = []
        self.last: list[Instruction] = []
        self.swaps: list[Instruction] = []

    def carry(self, count: int, constants: int, ends_in_result: bool, turns: int = 0) -> None:
        """Bind the carries; where the number of turns is known, what is written last is the result."""
        graph, turning = self.graph, in_turns(self.step.node)
        for number in range(count):
            inside, made = graph.inputs[constants + number], graph.outputs[number]
            result, place = self.outer.first + self.step.outputs[number], self.body.slot(inside)
            if number in turning:
                now = self.alternate(number, made, result, ends_in_result and turns % 2 == 0)
                self.after.append(Instruction("move", place, now))
            elif made is not inside:
                self.after.append(Instruction("move", place, self.body.slot(made)))
            if number not in turning or not ends_in_result:
                self.last.append(Instruction("copy", result, place, made.spec.nbytes))
        self.after += self.swaps

    def alternate(self, number: int, made: Var, result: int, spare_first: bool) -> int:
        """Let a carry be written to two buffers in turn ↦ the slot of the one that is written to."""
        spare = self.outer.first + self.step.own[number]
        now, other = self.body.slot(made), self.sequencer.frames.take()
        if made in self.graph.inputs:  # it is handed on as it is
            now = self.sequencer.frames.take()
            self.copies.append(Instruction("copy", now, self.body.slot(made), made.spec.nbytes))
        first, second = (spare, result) if spare_first else (result, spare)
        self.before += [Instruction("move", now, first), Instruction("move", other, second)]
        self.swaps.append(Instruction("swap", now, other))
        return now

    def turn(self, parts: Iterator[Part], cost: int) -> Iterator[Part]:
        """The instructions of one turn: its phases, then what the next turn needs."""
        yield from parts
        yield from self.copies
        yield from self.after
        if self.sequencer.pause is not None:
            yield Instruction("pause", self.sequencer.pause, cost)


class ScanLoop(TurningLoop):
    """A known number of turns, with a row of every array in each."""

    def parts(self, scan: Scan) -> Iterator[Part]:
        """The instructions of a scan: bind the carries and rows, then one turn after another."""
        outputs, inputs = self.outer.slots(self.step.outputs), self.outer.slots(self.step.inputs)
        if not scan.length:
            first = inputs[scan.constants :]
            for var, result, given in zip(self.graph.outputs[: scan.carries], outputs, first, strict=False):
                yield Instruction("copy", result, given, var.spec.nbytes)
            return
        self.carry(scan.carries, scan.constants, True, scan.length)
        for var in self.graph.inputs[scan.constants + scan.carries :]:
            self.rows(scan, self.body.slot(var), self.body.slot(var), var.spec.nbytes)
        placed = set(self.graph.inputs)
        for var, result in zip(self.graph.outputs[scan.carries :], outputs[scan.carries :], strict=True):
            slot = self.body.slot(var)
            if var in placed:  # it is there already, and goes to this row too
                slot = self.sequencer.frames.take()
                self.copies.append(Instruction("copy", slot, self.body.slot(var), var.spec.nbytes))
            placed.add(var)
            self.rows(scan, slot, result, var.spec.nbytes)
        count, begin = self.sequencer.frames.take(), Label()
        yield from self.before
        yield Instruction("set", count, c=scan.length)
        yield begin
        yield from self.turn(self.sequencer.body(self.body), of_turn(self.body.plan))
        yield Instruction("turn", count, to=begin)
        yield from self.last

    def rows(self, scan: Scan, slot: int, array: int, nbytes: int) -> None:
        """Let a slot go from row to row of an array."""
        first, step = ((scan.length - 1) * nbytes, -nbytes) if scan.reverse else (0, nbytes)
        self.before.append(Instruction("move", slot, array, first))
        self.after.append(Instruction("move", slot, slot, step))


class WhileLoop(TurningLoop):
    """Turns for as long as a condition holds, which looks at the carries before each."""

    def parts(self, loop: While, condition: Frame) -> Iterator[Part]:
        """The instructions of a while loop: before each turn the condition, which looks at the carries."""
        first = loop.constants
        self.carry(len(self.step.outputs), first, False)
        asked = condition.plan.graph
        truth = condition.slot(asked.outputs[0])
        pairs = [
            Instruction("move", condition.slot(there), self.body.slot(here))
            for there, here in zip(asked.inputs, self.graph.inputs, strict=True)
        ]
        begin, end = Label(), Label()
        yield from self.before
        yield from pairs[:first]
        if asked.outputs[0] not in asked.inputs:
            yield Instruction("move", truth, self.outer.first + self.step.own[CONDITION])
        yield begin
        yield from pairs[first:]
        yield from self.sequencer.body(condition)
        yield Instruction("unless", truth, to=end)
        yield from self.turn(self.sequencer.body(self.body), of_turn(self.body.plan) + of_turn(condition.plan))
        yield Instruction("jump", to=begin)
        yield end
        yield from self.last
