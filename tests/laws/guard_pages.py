"""Runs compiled cases with every array beside a page that nobody may touch, so that one byte too far ends the process.

Run as `python -m tests.laws.guard_pages end` (each array ends where its page does) or `start`. It prints every name
before it runs it: the last one is to blame.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np

from mapsto.compiler.context import Context
from mapsto.compiler.program import Native
from mapsto.core.spec import Spec
from mapsto.ir.graph import Graph, run
from mapsto.ir.primitive import outputs_of
from mapsto.target.launch import Launch
from tests.laws.random_graphs import random_case
from tests.laws.samples import CASES, Array, assert_close, one_node, values

PAGE = mmap.PAGESIZE
GRAPHS = 40


@contextmanager
def guarded(spec: Spec, at_end: bool) -> Iterator[Array]:
    """An array in pages of its own, between two that cannot be read or written."""
    pages = max(1, -(-spec.nbytes // PAGE))
    memory = mmap.mmap(-1, (pages + 2) * PAGE)
    first = ctypes.c_char.from_buffer(memory)
    start = ctypes.addressof(first)
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    for place in (start, start + (pages + 1) * PAGE):
        if protect(ctypes.c_void_p(place), ctypes.c_size_t(PAGE), 0):
            raise OSError(ctypes.get_errno(), "mprotect")
    offset = PAGE + (pages * PAGE - spec.nbytes if at_end else 0)
    yield np.frombuffer(memory, np.uint8, spec.nbytes, offset).view(spec.dtype).reshape(spec.shape)
    for place in (start, start + (pages + 1) * PAGE):
        protect(ctypes.c_void_p(place), ctypes.c_size_t(PAGE), mmap.PROT_READ | mmap.PROT_WRITE)


def run_guarded(native: Native, inputs: Sequence[Array], at_end: bool) -> list[Array]:
    """The results of a program whose arrays, those of the arena too, stand apart."""
    context = Context(native.frames)
    with ExitStack() as stack:
        arrays = [stack.enter_context(guarded(spec, at_end)) for spec in native.specs]
        for number, value in zip(native.inputs, inputs, strict=True):
            arrays[number][...] = value
        for number, array in enumerate(arrays):
            context.slots[number] = array.ctypes.data
        for frame in native.frames.all[1:]:
            for number in frame.plan.offsets:
                array = stack.enter_context(guarded(frame.plan.specs[number], at_end))
                context.slots[frame.first + number] = array.ctypes.data
        for part in native.parts:
            if isinstance(part, Launch):
                part.run(context.slots)
                continue
            made = outputs_of(part.node.primitive, [arrays[number] for number in part.inputs])
            for number, value in zip(part.outputs, made, strict=True):
                arrays[number][...] = value
        return [arrays[number].copy() for number in native.results]


def graphs() -> Iterator[tuple[str, Graph, list[Array]]]:
    """What is run: all cases, and some random graphs."""
    for name, case in CASES.items():
        yield name, one_node(case), values(case)
    for seed in range(GRAPHS):
        yield f"random {seed}", *random_case(seed)


def main(at_end: bool) -> None:
    for name, graph, inputs in graphs():
        print(name, flush=True)
        found = run_guarded(Native(graph), inputs, at_end)
        for one, other in zip(found, run(graph, inputs), strict=False):
            assert_close(one, other, 1e-4)
    print("done")


if __name__ == "__main__":
    main(sys.argv[1] == "end")
