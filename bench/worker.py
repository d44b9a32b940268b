"""One framework in a process of its own, which answers over a pipe: `python -m bench.worker FRAMEWORK VARIANT FOLDER`.

A request is a line of JSON, and so is its answer: {"do": "follow", "steps": 20} takes the first steps and stores what
came out in FOLDER; {"do": "block", "steps": 100, "seconds": 2} starts from the first weights and times every
step, at most so many and about so long.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench import machine
from bench.networks import ROWS, SERVED
from bench.runner import Runner, Task

TASK = "task.npz"


def load(folder: Path) -> Task:
    """The task that the conductor stored."""
    with np.load(folder / TASK, allow_pickle=False) as file:
        found = {name: file[name] for name in file.files}
    weights = {name.removeprefix("weight/"): found[name] for name in found if name.startswith("weight/")}
    return Task({**ROWS, **SERVED}[str(found["row"])], weights, found["images"], found["labels"])


def save(task: Task, folder: Path) -> None:
    """A task ↦ a file that `load` reads."""
    weights: dict[str, Any] = {f"weight/{path}": array for path, array in task.weights.items()}
    arrays: dict[str, Any] = {"row": np.array(task.row.name), "images": task.images, "labels": task.labels}
    np.savez(folder / TASK, **arrays, **weights)


class Worker:
    """A runner, and what has been counted about its process."""

    def __init__(self, runner: Runner, task: Task, folder: Path, name: str) -> None:
        self.runner, self.task, self.folder, self.name = runner, task, folder, name
        self.before = machine.memory_now()  # libraries are loaded, weights and batches stand, no step was taken
        self.rested = time.process_time()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        found = {"follow": self.follow, "block": self.block}[request.pop("do")](**request)
        self.rested = time.process_time()
        return found

    def follow(self, steps: int) -> dict[str, Any]:
        """The first steps, what they gave, and what a step needs: time (roughly) and memory."""
        begun = time.perf_counter()
        found = [self.runner.numbers(self.runner.step(0)).astype(np.float64)]
        first = time.perf_counter() - begun
        found += [self.runner.numbers(self.runner.step(n)).astype(np.float64) for n in range(1, steps)]
        file = self.folder / f"{self.name}.npz"
        weights: dict[str, Any] = {f"weight/{path}": array for path, array in self.runner.weights().items()}
        np.savez(file, found=np.stack(found), **weights)
        machine.forget_peak()
        times = self.timed(5)
        peak = machine.memory_peak() - self.before
        return {"file": file.name, "first_seconds": first, "seconds": median(times), "peak_bytes": peak}

    def block(self, steps: int, seconds: float) -> dict[str, Any]:
        """Seconds of every step, from the first weights; the first few steps wake threads and caches, uncounted."""
        spun = time.process_time() - self.rested
        self.runner.restart()
        self.timed(2 + steps // 20, seconds / 10)
        cores = sorted(machine.allowed())
        faults, everybody = machine.page_faults(), machine.busy_seconds(cores)
        cpu, begun = time.process_time(), time.perf_counter()
        times = self.timed(steps, seconds)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - begun
        others = machine.busy_seconds(cores) - everybody - cpu
        return {
            "seconds": median(times),
            "busy": cpu / wall,  # threads that ran, on average
            "others": max(0.0, others) / wall / len(cores),  # what other processes took of the cores
            "faults": (machine.page_faults() - faults) / len(times),
            "spun": spun,  # processor seconds burnt while another framework should have had the cores
        }

    def timed(self, steps: int, seconds: float = float("inf")) -> list[float]:
        """Seconds of each step, on a fresh batch each, from call to return; 3 at least, then until the time is up."""
        step, pool, clock = self.runner.step, self.task.pool, time.perf_counter
        times = []
        end = clock() + seconds
        for number in range(steps):
            begun = clock()
            step(number % pool)
            times.append(clock() - begun)
            if begun > end and number >= 2:
                break
        self.runner.wait()
        return times


def main(framework: str, variant: str, folder: str, name: str) -> None:
    """Sets up the framework, says that it is ready (or absent, or what failed), and answers until the pipe closes."""
    machine.hold_to([int(core) for core in os.environ["BENCH_CORES"].split(",")])
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints does not get into the answers

    def say(answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=pipe, flush=True)

    try:
        module = importlib.import_module("bench.fma" if framework == "fma" else f"bench.on_{framework}")
        task = load(Path(folder))
        if framework != "fma" and task.row.kind != "layers":
            module = importlib.import_module(f"bench.{task.row.kind}.on_{framework}")
        runner = module.make(task, variant)
        worker = Worker(runner, task, Path(folder), name)
        say({"versions": module.versions(), "flops": getattr(runner, "flops", 0)})
        for line in sys.stdin:
            say(worker.answer(json.loads(line)))
    except ImportError as problem:
        say({"absent": str(problem)})
    except Exception as problem:
        say({"failed": f"{type(problem).__name__}: {problem}"[:500]})
        raise


if __name__ == "__main__":
    main(*sys.argv[1:5])
