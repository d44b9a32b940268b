"""A saved file ↦ an object for C: the net between the host steps as one function, with its weights, and a header."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.compiler.export import Layout, aligned, stand_alone
from mapsto.compiler.pipeline import Plan, planned, read_by
from mapsto.core.check import whole_number
from mapsto.core.errors import FormatError, LimitError, UsageError
from mapsto.files.answer import Answer, load
from mapsto.files.container import Path_, Refusal, refusing
from mapsto.files.header import Made, header
from mapsto.files.leftovers import folder_in
from mapsto.files.work import LARGEST_VALUE, size_of
from mapsto.ir.graph import Graph
from mapsto.target.host import named
from mapsto.target.native import object_code
from mapsto.target.section import c_string

LARGEST = 2**31 - 2**26  # bytes of weights: code reaches 2 GiB far, past itself
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Exported:
    """What was written: the object or library, and its header; the name in C, and the bytes of weights in the code."""

    code: Path
    header: Path
    name: str
    weights: int


def export(
    path: Path_, folder: Path_ = ".", *, name: str = "", batch: int = 1, cpu: str = "native", shared: bool = False
) -> Exported:
    """A saved file ↦ `NAME.o` (if `shared`, `libNAME.so`) and `NAME.h` in a folder: a function of C, `NAME_run`.

    The function does what the net between the host steps does with `batch` examples, on processors of the kind `cpu`:
    "native", or "x86-64" to "x86-64-v4". It needs the C library and libm, and nothing else. `name` is the file's,
    unless it is given. Both files are written, or neither.

    Raises UsageError where a step has no compiled code (EXPORT-01), for a name that C does not take (EXPORT-02),
    without a C compiler to link a library (EXPORT-03, -04), for 2 GiB of weights (EXPORT-05), and for an unknown
    processor (NATIVE-05); FormatError and LimitError for the file as `load` does, and FormatError for a folder that
    cannot be written to.
    """
    machine, source, batch = (
        named(cpu),
        Path(path),
        whole_number("export", "batch", batch, fix="1 is one example a call"),
    )
    answer = load(path)
    with refusing(path):
        check_batch(answer.program.graph, batch)
    name = name_in_c(name or re.sub(r"[^A-Za-z0-9_]+", "_", source.stem))
    graph, arrays = graph_of(answer, batch)
    plan = planned(graph, machine)
    layout, constants = Layout(plan), constants_of(plan, arrays)
    x, y = graph.inputs[0].spec, graph.outputs[0].spec
    made = Made(name, source.name, x, y, layout.workspace().size, machine, answer.classes)
    target = Path(folder)
    code = target / (f"lib{name}{'.dylib' if sys.platform == 'darwin' else '.so'}" if shared else f"{name}.o")
    written = Exported(code, target / f"{name}.h", name, sum(array.nbytes for array in constants.values()))
    for one in (written.code, written.header):
        check_target(one)
    with refusing(folder), folder_in(target, f".{name}.", ".part") as part:
        data, inner = part / "weights", part / f"{name}.o"
        places = write_constants(constants, data)
        ir = stand_alone(layout, name, machine, places, data) + class_names(made)
        inner.write_bytes(object_code(ir, machine))
        ready = part / f"{name}.h"
        ready.write_text(header(made, answer.contents), encoding="utf-8")
        os.replace(linked(inner) if shared else inner, written.code)
        os.replace(ready, written.header)
    return written


def name_in_c(name: str) -> str:
    """The name itself, if C takes it; it is the beginning of longer ones, so words of C are names too."""
    if not NAME.fullmatch(name):
        fix = "give one of letters, digits and _ that begins with a letter: --name digits"
        raise UsageError("EXPORT-02", name=name, fix=fix)
    return name


def check_batch(graph: Graph, batch: int) -> None:
    """Refuse a batch of which no array could be made. Raises Refusal (FILE-23)."""
    made = [graph.inputs[0], *(var for node in graph.nodes for var in node.outputs)]
    largest = batch * max(size_of(var.spec) for var in made)
    if largest > LARGEST_VALUE:
        found = f"{batch} examples at once would make an array of up to {largest} bytes"
        raise Refusal("FILE-23", "export it for fewer examples a call", LimitError, found=found, limit=LARGEST_VALUE)


def graph_of(answer: Answer, batch: int) -> tuple[Graph, list[Array]]:
    """The graph that the answer runs on so many examples, and its inputs, of which the first is an example."""
    x = asarray(np.zeros((batch, *answer.input.shape), answer.input.dtype))
    call, program = answer.program.on_batch.prepare((x, list(answer.program.tensors.values())), {})
    return program.graph, [*call.arrays, *program.captured]


def constants_of(plan: Plan, arrays: Sequence[Array]) -> dict[int, np.ndarray]:
    """The numbers of the graph's inputs after the first ↦ what they hold, for those that anything reads."""
    numbers = [plan.fusion.numbers[var] for var in plan.graph.inputs]
    read = {number for step in plan.steps for number in read_by(step)}
    read.update(plan.fusion.numbers[var] for var in plan.graph.outputs)
    pairs = zip(numbers[1:], arrays[1:], strict=True)
    constants = {number: np.ascontiguousarray(array.data) for number, array in pairs if number in read}
    check_size(sum(aligned(array.nbytes) for array in constants.values()))
    return constants


def check_size(weights: int) -> None:
    """Refuse more bytes of weights than code can reach. Raises UsageError (EXPORT-05)."""
    if weights > LARGEST:
        fix = "save it in parts and export each, or run it by mt.load"
        raise UsageError("EXPORT-05", found=f"{weights:,}", limit=f"{LARGEST:,}", fix=fix)


def write_constants(constants: dict[int, np.ndarray], path: Path) -> dict[int, int]:
    """Write arrays one behind the other, each at a multiple of 64 bytes ↦ where each begins."""
    places: dict[int, int] = {}
    with path.open("wb") as file:
        for number, array in constants.items():
            places[number] = file.tell()
            array.tofile(file)
            file.write(bytes(aligned(file.tell()) - file.tell()))
    return places


def check_target(path: Path) -> None:
    """Refuse a place that cannot be written to before anything is made."""
    if path.is_dir() or not os.access(path.absolute().parent, os.W_OK):
        code = "FILE-06" if path.is_dir() else "FILE-07"
        raise FormatError(code, path=str(path), fix="give --out a folder that exists and may be written to")


def class_names(made: Made) -> str:
    """The names of the classes as constants of LLVM IR: `NAME_classes`, an array of strings."""
    if not made.classes:
        return ""
    texts = [f"@class{i} = internal constant {c_string(one)}, align 1" for i, one in enumerate(made.classes)]
    table = ", ".join(f"ptr @class{i}" for i in range(len(made.classes)))
    return "\n".join([*texts, f"@{made.name}_classes = constant [{len(made.classes)} x ptr] [{table}], align 8\n"])


def linked(path: Path) -> Path:
    """An object ↦ a shared library beside it. Raises UsageError (EXPORT-03, EXPORT-04)."""
    compiler = shutil.which("cc")
    if compiler is None:
        fix = "install one (Debian, Ubuntu: apt install gcc), or leave out --shared and link the object yourself"
        raise UsageError("EXPORT-03", fix=fix)
    library = path.with_suffix(".so")
    command = [compiler, "-shared", "-o", str(library), str(path), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        reason = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        fix = f"leave out --shared and link the object yourself: cc -shared {path.name} -lm"
        raise UsageError("EXPORT-04", reason=reason, fix=fix)
    return library
