"""The time that every kernel of a program takes by itself, on numbers made up for it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mapsto.compiler.fuse import HostStep
from mapsto.compiler.groups import Group
from mapsto.compiler.memory import ALIGNED
from mapsto.compiler.pipeline import Plan
from mapsto.core.spec import Spec, is_float
from mapsto.ir.primitive import outputs_of
from mapsto.target.launch import Launch, Phase, Task
from mapsto.target.native import load_kernels
from mapsto.view.entries import Entry, entries_of

TIMES = 10
BUDGET = 0.5  # seconds for a kernel, beyond which it is not repeated

Numbers = np.ndarray[Any, Any]


def measured(plan: Plan) -> tuple[dict[int | str, float], str]:
    """A plan ↦ the seconds that every step takes in all its turns, and how they were found.

    One turn of a step is run a few times on one thread, and the best counts. Nobody's arrays are touched: all memory is
    made here, so what a function donates is as it was.
    """
    entries = entries_of(plan)
    kernels = [entry.written.kernel for entry in entries if entry.written is not None]
    addresses = load_kernels(kernels)
    seconds: dict[int | str, float] = {}
    for one in dict.fromkeys(entry.plan for entry in entries):
        seconds.update(by_entry(one, [entry for entry in entries if entry.plan is one], addresses))
    return seconds, f"measured on one thread and numbers made up, every kernel by itself, the best of {TIMES}"


def by_entry(plan: Plan, entries: Sequence[Entry], addresses: dict[str, int]) -> Iterator[tuple[int | str, float]]:
    """The numbers of one plan's steps, and the seconds they take."""
    values = {plan.fusion.numbers[var]: made_up(var.spec) for var in plan.graph.inputs}
    values.update((number, made_up(spec)) for number, spec in enumerate(plan.specs) if not spec.size)
    for written in plan.written.values():
        for number in written.arrays:
            values.setdefault(number, made_up(plan.specs[number]))
    slots = np.zeros(plan.slots, np.int64)
    slots[len(plan.specs) :] = plan.sizes
    for number, value in values.items():
        slots[number] = value.ctypes.data
    for entry in entries:
        step, written = entry.step, entry.written
        if isinstance(step, HostStep):
            yield entry.number, on_host(step, values, slots)
        elif written is not None:
            task = Task(addresses[written.kernel.name], plan.binding(written), written.chunks)
            launch = Launch([Phase((task,))], written.scratch, small=True)
            yield entry.number, entry.times * min(took(launch, slots))
        elif not isinstance(step, Group):  # its kernels have entries of their own
            values.update((number, made_up(plan.specs[number])) for number in step.outputs if number not in values)


def took(launch: Launch, slots: Numbers) -> Iterator[float]:
    """The seconds of some runs."""
    began = time.perf_counter()
    for _ in range(TIMES):
        before = time.perf_counter()
        launch.run(slots)
        now = time.perf_counter()
        yield now - before
        if now - began > BUDGET:
            return


def on_host(step: HostStep, values: dict[int, Numbers], slots: Numbers) -> float:
    """Let the reference evaluate a node, and time it."""
    before = time.perf_counter()
    made = outputs_of(step.node.primitive, [values[number] for number in step.inputs])
    seconds = time.perf_counter() - before
    for number, value in zip(step.outputs, made, strict=True):
        values[number] = value = np.ascontiguousarray(value).reshape(value.shape)
        slots[number] = value.ctypes.data
    return seconds


def made_up(spec: Spec) -> Numbers:
    """An aligned array of numbers that slow nothing down: floats between ½ and 1, small integers."""
    memory = np.empty(spec.nbytes + ALIGNED, np.uint8)
    start = -memory.ctypes.data % ALIGNED
    array = memory[start : start + spec.nbytes].view(spec.dtype).reshape(spec.shape)
    count = np.arange(spec.size).reshape(spec.shape)
    array[...] = (0.5 + count % 512 / 1024 if is_float(spec.dtype) else count % 10).astype(spec.dtype)
    return array
