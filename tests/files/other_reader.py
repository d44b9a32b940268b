"""A reader of its own: docs/format.md in code, with json, hashlib, numpy and struct, and nothing of mapsto's."""

import hashlib
import json
import re
import struct
from typing import Any, NamedTuple

import numpy as np

TYPES = {
    "bool": "?", "i8": "i1", "i16": "<i2", "i32": "<i4", "i64": "<i8", "u8": "u1", "u16": "<u2", "u32": "<u4",
    "u64": "<u8", "f16": "<f2", "bf16": "<u2", "f32": "<f4", "f64": "<f8",
}  # fmt: skip


class Line(NamedTuple):
    """One application: the names and specs that it makes, the primitive with its version, arguments and settings."""

    made: list[tuple[str, str]]
    primitive: str
    version: int
    names: list[str]
    settings: dict[str, Any]


class File(NamedTuple):
    header: dict[str, Any]
    tensors: dict[str, np.ndarray]
    inputs: list[tuple[str, str]]
    lines: list[Line]
    output: str
    sections: dict[str, "Section"]


class Section(NamedTuple):
    """A graph: its inputs with their specs, what it applies, and the names that it hands out."""

    inputs: list[tuple[str, str]]
    lines: list[Line]
    outputs: list[str]


def read(path: Any) -> File:
    with open(path, "rb") as file:
        content = file.read()
    magic, version, length = struct.unpack_from("<7sBQ", content)
    if magic != b"mapsto\0" or version != 1:
        raise ValueError("no such file, or of another version")
    text, digest, blob = content[16 : 16 + length], content[16 + length : 48 + length], content[48 + length :]
    if hashlib.sha256(text).digest() != digest:
        raise ValueError("the header is damaged")
    header = json.loads(text)
    if header["blob"] != {"size": len(blob), "sha256": hashlib.sha256(blob).hexdigest()}:
        raise ValueError("the blob is damaged")
    tensors = read_blob(blob)
    for name, stated in header["tensors"].items():
        if hashlib.sha256(tensors[name].tobytes()).hexdigest() != stated["sha256"]:
            raise ValueError(f"{name} is damaged")
    sections = read_graph(header["graph"])
    inputs, lines, (output,) = sections.pop("graph")
    return File(header, {name: tensors[name] for name in header["hidden"]}, inputs, lines, output, sections)


def read_blob(blob: bytes) -> dict[str, np.ndarray]:
    (length,) = struct.unpack_from("<Q", blob)
    own, numbers = json.loads(blob[8 : 8 + length]), blob[8 + length :]
    own.pop("__metadata__", None)
    found = {}
    for name, one in own.items():
        begin, end = one["data_offsets"]
        kind = TYPES[one["dtype"].lower()]
        found[name] = np.frombuffer(numbers[begin:end], kind).reshape(one["shape"])
    return found


DECLARED = re.compile(r"(\w+): (\w+\*?\[[\d,]*\])")
LINE = re.compile(r"  (.*?) = (\w+)(?:\.(\d+))?\((.*)\)")


def read_graph(text: str) -> dict[str, Section]:
    """The first graph, and those below it, by name."""
    found = {}
    for section in re.split(r"\n(?=graph)", text):
        first, *middle, last = section.split("\n")
        outputs = last.removeprefix("  return ").split(", ")
        found[first.split("(")[0]] = Section(DECLARED.findall(first), [read_line(line) for line in middle], outputs)
    return found


def read_line(line: str) -> Line:
    match = LINE.fullmatch(line)
    assert match is not None, line
    left, primitive, version, inside = match.groups()
    names, settings = inside, ""
    if "=" in inside.split("; ")[0]:
        names, settings = "", inside
    elif "; " in inside:
        names, settings = inside.split("; ", 1)
    arguments = [name for name in names.split(", ") if name]
    return Line(DECLARED.findall(left), primitive, int(version or 1), arguments, read_settings(settings))


class Body(NamedTuple):
    """The name of a section."""

    name: str


BODIES = re.compile(r"(\[)?(graph_\d+(?:, graph_\d+)*)\]?")


def read_settings(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while text:
        key, rest = text.split("=", 1)
        bodies = BODIES.match(rest)
        if bodies:
            named, end = [Body(name) for name in bodies[2].split(", ")], bodies.end()
            if bodies[1]:
                found[key] = named
            else:  # one, and what follows the comma is the next setting
                (found[key],) = named
        else:
            found[key], end = json.JSONDecoder().raw_decode(rest)
        text = rest[end:].removeprefix(", ")
    return found
