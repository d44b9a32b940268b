"""A program whose inputs are in place, but for a few: what a call that is made again and again has to do itself."""

from __future__ import annotations

from collections.abc import Sequence

from mapsto.array.array import Array
from mapsto.array.memory import Block
from mapsto.compiler.program import Native, together


def can_stay(native: Native, changing: Sequence[int]) -> bool:
    """Whether a program's inputs can stay in place, but for those at the places `changing`.

    Not if the host has a part in it, if an input is among its results, or if other things follow from an input that
    changes.
    """
    plain = native.alone and len(native.launches) == 1 and not native.passed
    return plain and not set(changing) & set(native.parameters)


class InPlace:
    """Addresses of the inputs that change ↦ results, by a context that is in no pool meanwhile.

    One thread at a time. It holds none of its inputs: whoever runs it must, until the run is over.
    """

    __slots__ = ("idle", "launch", "left", "native", "slots")

    def __init__(self, native: Native, held: Sequence[Block], changing: Sequence[int]) -> None:
        """`held` are blocks for all inputs in their order, `changing` the places of those that each run brings anew."""
        self.native = native
        self.slots = together([native.inputs[place] for place in changing])  # of the inputs that change
        context = native.contexts.take()
        context.write(native.input_slots, [address for _, address in held])
        context.given = []  # whoever has it next finds out for himself
        context.remember([held[place] for place in native.parameters])
        self.launch = native.launches[0].bound(context.slots)
        self.idle = [context]  # empty while a thread is in a run, and after the end
        self.left = False  # whether this is the end

    def run(self, addresses: list[int]) -> list[Array] | None:
        """The results; None if they do not count (an index is out of range), or while another thread is in a run."""
        try:
            context = self.idle.pop()
        except IndexError:
            return None
        native = self.native
        try:
            memory = native.turns.take()
            context.write(self.slots, addresses)
            context.write(native.output_slots, memory.addresses)
            if native.has_bodies:
                context.renew()
            self.launch()
            context.anew[0] = 0
            counts = 0 not in context.flags
        finally:  # after an interrupt, too: without a context it would look as if another thread were within for good
            self.idle.append(context)
            if self.left:
                self.leave()
        made: list[Array] = []
        for place, spec in native.picked:
            made.append(Array(memory.arrays[place], False, memory.addresses[place], spec))
        native.turns.give(memory)  # with the results made: before, nobody would seem to see it
        return made if counts else None

    def leave(self) -> None:
        """Give the context back to the pool for good: at once, or at the end of the run that goes on."""
        self.left = True
        try:
            context = self.idle.pop()
        except IndexError:
            return
        self.native.contexts.give(context)
