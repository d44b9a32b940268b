"""The conductor's end of the pipes: a framework in one variant and one setting, started, asked and stopped."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.networks import Row

PATIENCE = 600  # seconds for one answer; torch.compile's first step needs up to 60
ROOT = Path(__file__).resolve().parent.parent
# Memory that was freed is kept: neither mapped anew for every large buffer nor given back from the top, and in one
# arena, since others hold 64 MiB at most. By default glibc maps what is larger than 128 KiB, later up to 32 MiB, and
# every page of a mapping is paid for.
SETTINGS: dict[str, dict[str, str]] = {
    "installed": {},
    "tuned": {
        "MALLOC_MMAP_THRESHOLD_": str(2**30),
        "MALLOC_TRIM_THRESHOLD_": str(2**32),
        "MALLOC_ARENA_MAX": "1",
    },
}
ALLOCATING = ("torch", "jax")
LIBRARIES = {
    "mapsto": ["mapsto"],
    "torch": ["torch"],
    "jax": ["jax", "optax"],
    "onnxruntime": ["onnxruntime", "onnx"],
    "fma": ["llvmlite"],
}


def variants(framework: str, row: Row) -> list[str]:
    """The ways in which a framework can do a row; its best one counts.

    PyTorch `frozen` and `jit` fold the weights into the program, which only inference can. JAX `ahead` waits for a step
    only after the next one is begun, which pays if steps are short; `reshape` pools by a maximum over split axes.
    `time` puts the time in front of the batch, `unroll` ten turns of a loop into one.

    >>> from bench.networks import ROWS
    >>> variants("torch", ROWS["dense-64"]), variants("onnxruntime", ROWS["dense-64"])
    (['eager', 'compile'], [])
    """
    pictures, trains = row.pictures, row.trains
    if row.kind == "lstm" and framework in ("torch", "jax"):
        return ["eager", "compile", "eager time"] if framework == "torch" else ["jit", "jit unroll"]
    if row.kind == "dcgan" and framework == "jax":
        return ["jit"]
    if framework == "torch":
        names = ["eager", "compile"] + (["channels_last", "compile channels_last"] if pictures else [])
        return names + ([] if trains else ["frozen", "jit"])
    if framework == "jax":
        return ["jit", "jit reshape"] if pictures else ["jit", "jit ahead"] if trains else ["jit"]
    if framework == "onnxruntime":
        return [] if trains else ["session"]
    return ["compile"] if framework == "mapsto" else ["loop"]


class Failed(Exception):
    """A framework that is not there, or a step of it that went wrong; the message says which."""


def absent(framework: str) -> list[str]:
    """The libraries that a framework needs and this Python does not have."""
    return [name for name in LIBRARIES[framework] if importlib.util.find_spec(name) is None]


def environment(cores: list[int], setting: str) -> dict[str, str]:
    """The variables of a worker: as many threads as cores in everybody's words, and the allocator's setting.

    Waiting threads are left as each library has them (OMP_WAIT_POLICY, GOMP_SPINCOUNT, KMP_BLOCKTIME): a library that
    spins between its own steps is faster for it, and must not lose that. What it burns after a block is over within
    some milliseconds; the conductor waits them out and records them.
    """
    threads = str(len(cores))
    words = "OMP_NUM_THREADS MKL_NUM_THREADS OPENBLAS_NUM_THREADS MAPSTO_THREADS NPROC TORCHINDUCTOR_COMPILE_THREADS"
    own = dict.fromkeys(words.split(), threads)
    own |= {"TORCHINDUCTOR_COMPILE_THREADS": "1", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "2"}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    chosen = {"BENCH_CORES": ",".join(map(str, cores)), "PYTHONPATH": path}
    return {**inherited, **own, **SETTINGS[setting], **chosen}


@dataclass
class Contestant:
    """A worker process and what is known of it."""

    framework: str
    variant: str
    setting: str
    process: Any = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        words = [self.framework, self.variant, "" if self.setting == "installed" else self.setting]
        return " ".join(filter(None, words))

    def start(self, folder: Path, cores: list[int], log: Any = subprocess.DEVNULL) -> None:
        """Raises Failed if it does not come up."""
        arguments = [self.framework, self.variant, str(folder), self.name.replace(" ", "_")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment(cores, self.setting),
            text=True,
        )
        self.facts.update(self.heard())

    def ask(self, do: str, **request: float) -> dict[str, Any]:
        """A request ↦ the worker's answer. Raises Failed with what it said."""
        self.process.stdin.write(json.dumps({"do": do, **request}) + "\n")
        self.process.stdin.flush()
        return self.heard()

    def heard(self) -> dict[str, Any]:
        """The next answer. Raises Failed if it tells of a failure, or if none comes in time."""
        alarm = threading.Timer(PATIENCE, self.process.kill)
        alarm.start()
        line = self.process.stdout.readline()
        alarm.cancel()
        answer = json.loads(line) if line else {"failed": f"ended with status {self.process.wait()}"}
        for word in ("absent", "failed"):
            if word in answer:
                raise Failed(f"{self.name}: {word}: {answer[word]}")
        return answer

    def stop(self) -> None:
        """Ends the process, which reads until its input ends."""
        if self.process is not None:
            self.process.communicate()


def contestants(row: Row, frameworks: list[str]) -> list[Contestant]:
    """Every framework in each of its variants; those that allocate as they go, in each setting of the allocator."""
    return [
        Contestant(framework, variant, setting)
        for framework in frameworks
        for variant in variants(framework, row)
        for setting in (SETTINGS if framework in ALLOCATING else ["installed"])
    ]
