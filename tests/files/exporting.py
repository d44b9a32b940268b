"""Exported nets, called from a C program in a process of its own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapsto.files.export import Exported

needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
CALLING = Path(__file__).with_name("calling.c")
CHECKED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def tool(*words: object) -> str:
    """What a command says; it must succeed."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def checks() -> tuple[str, ...]:
    """The options by which the C compiler has a program watch itself; none where it cannot."""
    words = ["cc", *CHECKED, "-x", "c", "-", "-o", "/dev/null"]
    return CHECKED if subprocess.run(words, input=b"int main(void) { return 0; }").returncode == 0 else ()


def called(made: Exported, x: np.ndarray, y: np.ndarray, threads: int = 1, calls: int = 2) -> tuple[int, np.ndarray]:
    """Run C on an input ↦ what the function returned, and its output, in the type and shape of `y`."""
    folder = made.code.parent
    facts = {"HEADER": f'"{made.header.name}"', "NAME": made.name, "X_BYTES": x.nbytes, "Y_BYTES": y.nbytes}
    facts |= {"THREADS": threads, "CALLS": calls}
    options = [f"-D{key}={value}" for key, value in facts.items()]
    words: Sequence[object] = ("-O1", "-Wall", "-Wextra", "-Werror", *checks(), *options, f"-I{folder}", CALLING)
    tool("cc", *words, made.code, "-lm", "-pthread", "-o", folder / "calling")
    (folder / "x").write_bytes(x.tobytes())
    done = subprocess.run([folder / "calling", folder / "x", folder / "y"], capture_output=True, text=True, timeout=100)
    assert done.returncode in (0, 1) and not done.stderr, (done.returncode, done.stderr)
    return done.returncode, np.frombuffer((folder / "y").read_bytes(), y.dtype).reshape(y.shape)


def answered(answer: Any, x: np.ndarray) -> np.ndarray:
    """What the loaded file's net makes of a batch, in this process."""
    return np.asarray(answer.program(x))


def undefined(code: Path) -> set[str]:
    """The names that an object takes from elsewhere."""
    return {line.split()[-1].split("@")[0] for line in tool("nm", "-u", code).splitlines()}
