"""Small programs after each pass of the compiler: graph, stages, kernels, loops, as stored in `stored/`.

And others after each rule that rewrites them: the graph before, and after every rule that makes another one of it.

After a deliberate change, `UPDATE_GOLDEN=1 python -m pytest tests/golden` writes them anew; read the difference.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from functools import partial
from pathlib import Path

import pytest

from mapsto.compiler import pipeline
from mapsto.compiler.fuse import Fusion
from mapsto.compiler.rewrites import RULES, Rule, rewritten
from mapsto.compiler.rewrites.panels import in_panels
from mapsto.ir.graph import Graph, Var
from mapsto.ir.loops_check import check_kernel
from mapsto.ir.loops_text import parse, show
from mapsto.ir.show import show as graph_text
from mapsto.view.kernels import table_of_plan
from mapsto.view.stages import fused_lines, stage_lines
from tests.golden.programs import AVX2, GOLDEN, REWRITTEN

STORED = Path(__file__).parent / "stored"


def passes(graph: Graph) -> str:
    """Everything between a graph and machine code, as text."""
    plan = pipeline.planned(graph)
    parts = [f"# graph\n\n{graph_text(graph)}"]
    parts.append("\n".join(["# stages", "", *fused_lines(Fusion(graph))]))
    parts.append(f"# kernels\n\n{table_of_plan(plan, 'program')}")
    for number, written in plan.written.items():
        parts.append("\n".join([f"# kernel k{number}", "", *stage_lines(written), "", show(written.kernel)]))
    return "\n\n".join(parts) + "\n"


def rules(graph: Graph, parameters: Collection[Var]) -> str:
    """A graph, and what every rule that changes it makes of it, as text."""
    named: dict[str, Rule] = {rule.__name__: rule for rule in RULES}
    named["in_panels"] = partial(in_panels, parameters=parameters)
    texts = {"graph": graph_text(graph)}
    wanted = graph_text(rewritten(graph, parameters))
    for name, rule in named.items():
        graph = rule(graph)
        if graph_text(graph) not in texts.values():
            texts[name] = graph_text(graph)
    assert graph_text(graph) == wanted
    return "\n\n".join(f"# {name}\n\n{text}" for name, text in texts.items()) + "\n"


def assert_stored(name: str, found: str) -> None:
    path = STORED / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", GOLDEN)
def test_after_each_pass(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "host", lambda: AVX2)
    assert_stored(name, passes(GOLDEN[name]()))


@pytest.mark.parametrize("name", REWRITTEN)
def test_after_each_rule(name: str) -> None:
    program, parameters = REWRITTEN[name]
    graph = program()
    assert_stored(name, rules(graph, graph.inputs[:parameters]))


def test_every_rule_is_seen() -> None:
    texts = [(STORED / f"{name}.txt").read_text(encoding="utf-8") for name in REWRITTEN]
    for rule in (*RULES, in_panels):
        assert any(f"# {rule.__name__}\n" in text for text in texts)


@pytest.mark.parametrize("name", GOLDEN)
def test_loops_of_every_kernel_read_back(name: str) -> None:
    for written in pipeline.planned(GOLDEN[name]()).written.values():
        check_kernel(written.kernel)
        text = show(written.kernel)
        assert show(parse(text)) == text


def test_nothing_is_stored_for_nobody() -> None:
    assert {path.stem for path in STORED.iterdir()} == {*GOLDEN, *REWRITTEN}
