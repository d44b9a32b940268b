"""docs/format.md holds: a reader written from it reads what we write, and older files load for ever."""

import ast
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import data
from mapsto.ir.body import Body
from mapsto.ir.graph import Graph
from mapsto.ir.primitive import PRIMITIVES, attributes
from tests.files import other_reader
from tests.files.common import conv_net, dense_net, loops_net, saved, taken_apart, tiny_net, whole_way

ROOT = Path(__file__).parents[2]
STORED = ROOT / "tests" / "stored"
PAGE = ROOT / "docs" / "primitives.md"
NETS = {
    "tiny": tiny_net,
    "dense": dense_net,
    "conv": conv_net,
    "whole": lambda: whole_way(conv_net()),
    "loops": loops_net,
}


@pytest.mark.parametrize("name", NETS)
def test_another_reader(name: str, tmp_path: Path) -> None:
    path = saved(NETS[name](), tmp_path, recipe={"accuracy": 0.5})
    found, answer = other_reader.read(path), mt.load(path)
    assert {n: a.tobytes() for n, a in found.tensors.items()} == {
        n: np.asarray(a).tobytes() for n, a in answer.program.tensors.items()
    }
    graph = answer.program.graph
    named = agree(graph, found.inputs, found.lines)
    while named:  # every section that a line names, once
        name, body = named.popitem()
        section = found.sections.pop(name)
        assert len(section.outputs) == len(body.outputs)
        named.update(agree(body.graph, section.inputs, section.lines))
    assert not found.sections
    made_by = {name: i for i, line in enumerate(found.lines) for name, _ in line.made}
    assert made_by[found.output] == len(found.lines) - 1


def agree(graph: Graph, inputs: list[tuple[str, str]], lines: list[other_reader.Line]) -> dict[str, Body]:
    """The lines say what the graph is. Returns the bodies that they name."""
    named: dict[str, Body] = {}

    def value(setting: Any, wanted: Any) -> Any:
        if isinstance(setting, other_reader.Body):
            named[setting.name] = wanted
            return wanted
        if isinstance(setting, list):
            return tuple(map(value, setting, wanted))
        return setting

    assert [spec for _, spec in inputs] == [str(var.spec) for var in graph.inputs]
    assert len(lines) == len(graph.nodes)
    for line, node in zip(lines, graph.nodes, strict=True):
        assert (line.primitive, line.version) == (node.primitive.name, node.primitive.version)
        assert [spec for _, spec in line.made] == [str(var.spec) for var in node.outputs]
        assert len(line.names) == len(node.inputs)
        wanted = attributes(node.primitive)
        assert line.settings.keys() == wanted.keys()
        assert {key: value(setting, wanted[key]) for key, setting in line.settings.items()} == wanted
    return named


def test_it_imports_nothing_of_ours() -> None:
    tree = ast.parse(Path(other_reader.__file__).read_text(encoding="utf-8"))
    names = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names == {"hashlib", "json", "re", "struct", "typing", "numpy"}


def test_version_1_loads_for_ever() -> None:
    """Written by mapsto 0.1.0, before weights could be loaded: the same answers as then."""
    answer = mt.load(STORED / "format_1.mapsto")
    with np.load(STORED / "format_1_answers.npz") as stored:
        np.testing.assert_allclose(np.asarray(answer.program(stored["x"])), stored["y"], rtol=1e-5, atol=1e-6)
    ((best, *_),) = answer([data.sample_picture()])
    assert best[0] == "3" and abs(best[1] - 0.84038) < 1e-4
    assert answer.recipe is not None and answer.recipe["epochs"] == 3


def test_a_later_version_is_named(tmp_path: Path) -> None:
    path = saved(tiny_net(), tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:7] + b"\x07" + content[8:])
    with pytest.raises(mt.FormatError, match="format version 7; this mapsto reads version 1"):
        mt.load(path)


def test_primitives_are_written_by_name_and_version(tmp_path: Path) -> None:
    header, _ = taken_apart(saved(conv_net(), tmp_path))
    used = {line.primitive for line in other_reader.read_graph(header["graph"])["graph"].lines}
    assert {"conv", "contract", "window_max", "maximum", "reshape"} <= used <= set(PRIMITIVES)


def primitives_page() -> str:
    rows = ["# Primitives", "",
            "What a saved graph is made of ([format.md](format.md)); from the docstrings in `mapsto/prims` and",
            "`mapsto/transform`. A `while` is in no file, and a rule of its own (`own_rule`) is saved as what it does.",
            "`UPDATE_GOLDEN=1 python -m pytest tests/files/test_format.py` writes this page anew.", "",
            "| name | version | settings | what it makes of its inputs |", "|---|---|---|---|"]  # fmt: skip
    for name, kind in sorted(PRIMITIVES.items()):
        first = " ".join((kind.__doc__ or "").strip().split("\n\n")[0].split()).replace("|", "\\|")
        rows.append(f"| `{name}` | {kind.version} | {', '.join(kind.fields)} | {first} |")
    return "\n".join(rows) + "\n"


def test_the_page_of_primitives() -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(primitives_page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == primitives_page()
