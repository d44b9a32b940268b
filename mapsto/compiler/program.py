"""Graph ↦ a program that runs natively: kernels in phases, memory, and what the host does between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.memory import Block, as_block, in_memory
from mapsto.compiler.account import Memory, memory_of
from mapsto.compiler.context import Context, Contexts
from mapsto.compiler.frames import Frames
from mapsto.compiler.fuse import Flag, HostStep
from mapsto.compiler.outputs import Outputs, ResultMemory
from mapsto.compiler.pipeline import host_made, planned, read_by
from mapsto.compiler.sequence import Sequencer
from mapsto.compiler.weight import of_plan
from mapsto.core.errors import MapstoError
from mapsto.ir.graph import Graph
from mapsto.ir.primitive import outputs_of
from mapsto.target.instructions import Instruction, Label
from mapsto.target.launch import Launch, Part, Phase
from mapsto.target.native import load_kernels
from mapsto.target.threads import threads

Numbers = np.ndarray[Any, Any]
SMALL = 3_000_000  # operations and bytes that one thread has done before another is awake
SHORT = 20_000_000  # the same of what two threads have done before other threads of Python's need to hear of it


class Refused(Exception):
    """A run whose results do not count. Nothing that was given is changed."""

    def __init__(self, flag: Flag) -> None:
        super().__init__(flag.name)
        self.flag = flag


class Native:
    """A graph, compiled: arrays ↦ arrays. Several Python threads may run it at once.

    `parameters` are the places of inputs that are the same in many runs. What follows from them alone, such as kernels
    in the form that a convolution wants them in, is made when they change.
    """

    def __init__(self, graph: Graph, outputs: Outputs | None = None, parameters: Sequence[int] = ()) -> None:
        threads()  # a number of threads that cannot be is told before the first step, not at the first large one
        self.plan = plan = planned(graph, parameters=[graph.inputs[place] for place in parameters])
        self.specs = plan.specs
        self.inputs = [plan.fusion.numbers[var] for var in plan.graph.inputs]
        self.results = [plan.fusion.numbers[var] for var in plan.graph.outputs]
        elsewhere = {*self.inputs, *host_made(plan.steps)}
        self.outputs = [number for number in dict.fromkeys(self.results) if number not in elsewhere]
        self.input_slots, self.output_slots = together(self.inputs), together(self.outputs)
        self.frames = Frames(plan)
        addresses = load_kernels([written.kernel for written in self.frames.written])
        self.parts = list(self.sequence(addresses))
        kept = {
            number
            for step, level in zip(plan.steps, plan.levels, strict=True)
            if level < plan.kept_phases
            for number in read_by(step)
        }
        self.parameters = [place for place, number in enumerate(self.inputs) if number in kept]
        self.passed = [place for place, number in enumerate(self.inputs) if number in self.results]
        self.launches = [part for part in self.parts if isinstance(part, Launch)]
        self.alone = self.launches == self.parts
        self.has_bodies = len(self.frames.all) > 1
        self.contexts = Contexts(partial(Context, self.frames))
        strong = [replace(spec, weak=False) for spec in self.specs]
        self.turns = (outputs or Outputs()).of(tuple(strong[number] for number in self.outputs))
        places = {number: place for place, number in enumerate((*self.outputs, *self.inputs))}
        self.picked = [(places[number], strong[number]) for number in self.results if number in places]

    def sequence(self, addresses: dict[str, int]) -> Iterator[Launch | HostStep]:
        """Launches and host steps in order; what does not wait for the host is one launch."""
        sequencer = Sequencer(self.frames, addresses)
        weight = of_plan(self.plan)
        parts: list[Part] = []
        for part in [*sequencer.parts(self.frames.root), None]:
            if isinstance(part, (Phase, Instruction, Label)):
                parts.append(part)
                continue
            if parts:
                parts += sequencer.subroutines()
                yield Launch(parts, self.frames.scratch, weight < SMALL, sequencer.pause, weight < SHORT)
                parts = []
            if part is not None:
                yield part

    def run(self, inputs: Sequence[Numbers]) -> list[Numbers]:
        """The graph's inputs ↦ its results."""
        return [array.data for array in self.launch(*in_memory([Array(value) for value in inputs]))]

    def launch(self, held: Sequence[Block], addresses: list[int]) -> list[Array]:
        """The same of blocks of memory, and their addresses by themselves. Raises Refused."""
        context, memory = self.contexts.take(), self.turns.take()
        slots = context.slots
        if addresses != context.given or self.has_bodies:
            context.write(self.input_slots, addresses)
            context.given = addresses
        if self.parameters:
            context.remember([held[place] for place in self.parameters])
        context.write(self.output_slots, memory.addresses)
        if self.has_bodies:
            context.renew()
        if self.alone:
            for launch in self.launches:
                launch.run(slots)
            found, places = memory.arrays, memory.addresses
            if self.passed:
                found, places = [*found, *(block for block, _ in held)], [*places, *addresses]
            made = [Array(found[place], False, places[place], spec) for place, spec in self.picked]
        else:
            made = self.run_with_host(context, [block for block, _ in held], memory)
        failed = context.failed() if 0 in context.flags else None
        self.contexts.give(context)
        self.turns.give(memory)  # with the results made: before, nobody would seem to see it
        if failed is not None:
            raise Refused(failed)
        return made

    def run_with_host(self, context: Context, blocks: Sequence[Numbers], memory: ResultMemory) -> list[Array]:
        """A program of which the host does a part."""
        values = dict(zip((*self.inputs, *self.outputs), (*blocks, *memory.arrays), strict=True))
        for part in self.parts:
            if isinstance(part, Launch):
                part.run(context.slots)
                if self.has_bodies and context.failed() is not None:  # it ended there
                    return []
            else:
                self.on_host(part, values, context)
        return [Array(values[number]) for number in self.results]

    def on_host(self, step: HostStep, values: dict[int, Numbers], context: Context) -> None:
        """Let the reference evaluate a node. What it refuses, the whole reference finds again, or something before."""
        given = [values[number] if number in values else context.view(number) for number in step.inputs]
        try:
            results = outputs_of(step.node.primitive, given)
        except MapstoError as error:
            raise Refused(Flag(None)) from error
        for number, made in zip(step.outputs, results, strict=True):
            shared = any(np.may_share_memory(made, array) for array in given)  # the arena's, or the user's own
            values[number], context.slots[number] = as_block(Array(made.copy() if shared else made))

    @property
    def memory(self) -> Memory:
        """What a run needs, in bytes.

        What is donated to a run is among its inputs; its memory takes the results of the run after this one.
        """
        return memory_of(self.plan)


def together(slots: Sequence[int]) -> slice | np.ndarray[Any, Any]:
    """Slots as an index; those one behind the other as a slice, which NumPy finds sooner.

    >>> together([3, 4, 5]), together([5, 3])
    (slice(3, 6, None), array([5, 3]))
    """
    first, stop = (slots[0], slots[0] + len(slots)) if slots else (0, 0)
    return slice(first, stop) if [*slots] == [*range(first, stop)] else np.array(slots, np.int64)
