"""What a file says of itself: the header as checked data, the graph in it, and the tensors in its blob."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from mapsto.core.errors import MapstoError
from mapsto.core.notes import note
from mapsto.core.spec import Spec, is_float, parse_spec
from mapsto.files.container import (
    VERSION,
    Opened,
    Path_,
    Refusal,
    exactly,
    opened,
    refusing,
    too_deep,
    too_large,
)
from mapsto.files.form import check_form, nodes_in
from mapsto.files.steps import Settings, steps_from, text_of
from mapsto.files.tensors import Place, length_of, next_numbers, places_of
from mapsto.files.work import check_work
from mapsto.ir.graph import Graph
from mapsto.ir.parse import parse

MOST_TENSORS = 10_000
LONGEST_REASON = 500  # letters

HEADER: dict[str, type | tuple[type, ...]] = {
    "format": int,
    "mapsto": str,
    "input": str,
    "output": str,
    "before": list,
    "graph": str,
    "hidden": list,
    "after": list,
    "tensors": dict,
    "blob": dict,
    "recipe": (dict, type(None)),
}


@dataclass(frozen=True)
class Tensor:
    """A tensor as the header describes it: its spec, and the SHA-256 of its bytes in hexadecimal."""

    spec: Spec
    sha256: str


@dataclass(frozen=True, eq=False)
class Contents:
    """What a file holds, without the numbers. Specs are those of one example: no batch axis.

    `hidden` names the graph's inputs after the first, in order; `before` and `after` are the host steps at the ends;
    `mapsto` is the version that wrote the file, `version` the format's, `size` the whole file's in bytes.
    """

    version: int
    mapsto: str
    input: Spec
    output: Spec
    before: tuple[Settings, ...]
    graph: str
    hidden: tuple[str, ...]
    after: tuple[Settings, ...]
    tensors: dict[str, Tensor]
    blob_size: int
    blob_sha256: str
    recipe: dict[str, Any] | None
    size: int

    @property
    def pipeline(self) -> tuple[str, ...]:
        """The way from input to answer, a line for each step."""
        middle = f"{batch_text(self.input)} ↦ {batch_text(self.output)}, a graph of {nodes_in(self.graph)} nodes"
        return (*map(text_of, self.before), middle, *map(text_of, self.after))

    @property
    def table(self) -> tuple[tuple[str, Spec], ...]:
        """Name and spec of every tensor, in the order in which the graph takes them."""
        return tuple((name, self.tensors[name].spec) for name in self.hidden)

    @property
    def numbers(self) -> int:
        """How many numbers the tensors hold together."""
        return sum(spec.size for _, spec in self.table)


def batch_text(spec: Spec) -> str:
    """The spec of one example ↦ that of a batch of n: `f32[n,10]`."""
    name, extents = str(spec).split("[", 1)
    return f"{name}[n{',' if spec.shape else ''}{extents}"


def inspect_file(path: Path_) -> Contents:
    """The path of a file ↦ what it holds, by its header; the tensors are neither read nor checked.

    Raises FormatError for what is no such file or is damaged up to the tensors, LimitError for a header beyond the
    limits.
    """
    with refusing(path), opened(path) as file:
        return contents_of(file)


def contents_of(file: Opened) -> Contents:
    """A sound header's JSON ↦ its contents, every field checked. Raises Refusal."""
    header = file.header
    demand(header, HEADER, "the header")
    if header["format"] != VERSION:
        raise Refusal("FILE-14", detail=f"it is of format version {header['format']}, the file of {VERSION}")
    blob = demand(header["blob"], {"size": int, "sha256": str}, "blob")
    file.check_end(blob["size"])
    if len(header["tensors"]) > MOST_TENSORS:
        raise too_large(f"{len(header['tensors'])} tensors", f"{MOST_TENSORS}")
    tensors: dict[str, Tensor] = {}
    for name, one in header["tensors"].items():
        demand(one, {"spec": str, "sha256": str}, f"tensor {name[:60]!r}")
        tensors[name] = Tensor(spec_from(one["spec"], f"tensor {name[:60]!r}", header["mapsto"]), one["sha256"])
    hidden = header["hidden"]
    if not all(isinstance(name, str) for name in hidden) or sorted(hidden) != sorted(tensors):
        raise Refusal("FILE-14", detail="the names in hidden are not those of the tensors, each once")
    specs = {end: spec_from(header[end], end, header["mapsto"]) for end in ("input", "output")}
    return Contents(
        version=VERSION,
        mapsto=header["mapsto"],
        input=specs["input"],
        output=specs["output"],
        before=checked_steps(header["before"], "before"),
        graph=header["graph"],
        hidden=tuple(hidden),
        after=checked_steps(header["after"], "after"),
        tensors=tensors,
        blob_size=blob["size"],
        blob_sha256=blob["sha256"],
        recipe=header["recipe"],
        size=file.size,
    )


def checked_steps(records: list[Any], end: Any) -> tuple[Settings, ...]:
    steps_from(records, end)
    return tuple(records)


def demand(value: Any, keys: dict[str, Any], what: str) -> dict[str, Any]:
    """The value is a dict with exactly these keys, of these types; True is no number."""
    if not isinstance(value, dict):
        raise Refusal("FILE-14", detail=f"{what} is no JSON object")
    missing, extra = sorted(keys.keys() - value.keys()), sorted(value.keys() - keys.keys())
    if missing or extra:
        beyond = [name[:60] for name in extra[:8]]
        raise Refusal("FILE-14", detail=f"{what} lacks {missing} and has beyond what is known {beyond}")
    for name, kind in keys.items():
        if not isinstance(value[name], kind) or isinstance(value[name], bool):
            detail = f"{name} in {what} is of the wrong JSON type, {type(value[name]).__name__}"
            raise Refusal("FILE-14", detail=detail)
    return value


def spec_from(text: str, what: str, writer: str) -> Spec:
    try:
        found = parse_spec(text)
        if str(found) != text:
            raise ValueError("written in another way than it is printed")
    except (MapstoError, ValueError) as problem:
        fix = f"install the mapsto that wrote it, {writer[:40]}, or a later one: pip install --upgrade mapsto"
        raise Refusal("FILE-15", fix, part=what, text=text[:60], version=VERSION) from problem
    if found.weak:
        raise Refusal("FILE-14", detail=f"{what}: a stored array cannot be weak")
    return found


def graph_of(contents: Contents) -> Graph:
    """The graph of a file, typed anew by the primitives' own rules and compared with the header. Raises Refusal."""
    check_form(contents.graph)
    try:
        graph = parse(contents.graph)
    except RecursionError as problem:
        raise too_deep("an attribute in the graph") from problem
    except MapstoError as problem:
        fix = f"if the file is sound, install the mapsto that wrote it, {contents.mapsto[:40]}, or a later one"
        raise Refusal("FILE-19", fix, reason=shortened(problem.headline)) from problem
    except (ArithmeticError, AttributeError, LookupError) as problem:  # by a type rule, for attributes of a wrong kind
        raise Refusal("FILE-19", reason=shortened(f"{type(problem).__name__}: {problem}")) from problem
    wanted = [contents.input, *(spec for _, spec in contents.table)]
    if [var.spec for var in graph.inputs] != wanted or [var.spec for var in graph.outputs] != [contents.output]:
        raise Refusal("FILE-20")
    check_work(graph)
    return graph


def shortened(reason: str) -> str:
    """What is wrong, in the words of a type rule, which may list what a stranger wrote by the thousand."""
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]} …"


def tensors_of(contents: Contents, file: BinaryIO) -> list[np.ndarray[Any, Any]]:
    """A file whose blob comes next ↦ the tensors in the order of `hidden`, all checksums compared. Raises Refusal."""
    start = exactly(file, min(8, contents.blob_size), contents.size)
    text = exactly(file, length_of(start, contents.blob_size), contents.size)
    places, _ = places_of(text, contents.blob_size - 8 - len(text))
    check_places(contents, places)
    whole = hashlib.sha256(start + text)
    found: dict[str, np.ndarray[Any, Any]] = {}
    for name, place in places.items():  # in the order in which they lie
        found[name] = next_numbers(file, place.spec, contents.size)
        if digest(found[name]) != contents.tensors[name].sha256:
            raise Refusal("FILE-12", part=f"tensor {name}")
        whole.update(little_endian(found[name]))
    if whole.hexdigest() != contents.blob_sha256:
        raise Refusal("FILE-12", part="the tensors' part of the file")
    return [found[name] for name in contents.hidden]


def check_places(contents: Contents, places: dict[str, Place]) -> None:
    """The blob has the tensors that the header states. Raises Refusal."""
    stated = contents.tensors
    if stated.keys() != places.keys():
        missing, extra = sorted(stated.keys() - places.keys())[:8], sorted(places.keys() - stated.keys())[:8]
        raise Refusal("FILE-22", detail=f"missing {missing}, beyond it {extra}")
    for name, place in places.items():
        if place.spec != stated[name].spec:
            raise Refusal("FILE-22", detail=f"tensor {name} is {place.spec}, and by the header {stated[name].spec}")


def note_nan(path: Path_, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
    """Remark which tensors of a file hold NaN: nearly everything that the net makes will be NaN as well."""
    broken = [name for name, array in arrays.items() if is_float(array.dtype) and np.isnan(array).any()]
    if broken:
        more = f" and {len(broken) - 6} more" if len(broken) > 6 else ""
        names = ", ".join(name[:80] for name in broken[:6])
        note(f"{os.fspath(path)}: NaN stands in {names}{more}; look at how the net was trained", once=False)


def digest(array: np.ndarray[Any, Any]) -> str:
    """SHA-256 of an array's elements, row by row, little-endian, in hexadecimal."""
    return hashlib.sha256(little_endian(array)).hexdigest()


def little_endian(array: np.ndarray[Any, Any]) -> memoryview:
    """The bytes of an array as files have them, without a copy where they lie so."""
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(little).reshape(-1).view(np.uint8).data


def read(path: Path_) -> tuple[Contents, Graph, list[np.ndarray[Any, Any]]]:
    """A file ↦ its contents, graph and tensors, everything checked. Raises Refusal or OSError."""
    with opened(path) as file:
        contents = contents_of(file)
        graph = graph_of(contents)
        return contents, graph, tensors_of(contents, file.file)
