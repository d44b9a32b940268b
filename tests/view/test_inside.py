"""From a compiled step to its kernels, formulas, loops, LLVM IR and instructions; what is asked for wrongly."""

from __future__ import annotations

import re

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, nn, optim, xp
from mapsto.compiler.account import flops_of
from mapsto.compiler.pipeline import planned
from mapsto.ir.loops_text import parse
from mapsto.view.formulas import Indices, formula_lines
from mapsto.view.inside import LEVELS, Inside, inside
from mapsto.view.kernels import shortened, table_of_plan
from mapsto.view.measure import measured

net = (nn.Conv2D(4, 3) >> nn.relu >> nn.MaxPool2D(2) >> nn.Flatten() >> nn.Dense(3)).init(
    mt.key(0), xp.ones((1, 8, 8, 1))
)
optimizer = optim.adam(1e-3).init(net)
x, y = xp.asarray(np.linspace(-1, 1, 6 * 64, dtype=np.float32).reshape(6, 8, 8, 1)), xp.asarray(np.arange(6) % 3)


@mt.compile
def step(net, opt, x, y):
    def objective(net):
        return losses.cross_entropy(net(x), y).mean()

    loss, g = mt.value_and_grad(objective)(net)
    net, opt = opt.step(net, g)
    return net, opt, loss


step(net, optimizer, x, y)
CONV = next(row.number for row in table_of_plan(inside(step, "").plan, "").rows if row.takes.startswith("conv2d"))


def shown(capsys: pytest.CaptureFixture[str], **how: object) -> str:
    mt.show(step, **how)  # type: ignore[arg-type]
    return capsys.readouterr().out.rstrip("\n")


def test_the_table_of_kernels(capsys: pytest.CaptureFixture[str]) -> None:
    plan = inside(step, "").plan
    table = table_of_plan(plan, "step")
    assert [row.number for row in table.rows if row.cost] == sorted(plan.written, key=lambda n: (plan.levels[n], n))
    assert table.total.flops >= flops_of(plan.graph.nodes)  # what is computed again counts again
    text = shown(capsys)
    assert text.startswith(f"step: {len(plan.written)} kernels, ")
    assert "conv2d_1 → relu → maxpool2d" in text and "memory: inputs" in text and "peak" in text
    assert len(re.findall(r"^k\d+ ", text, re.MULTILINE)) == len(plan.written)
    assert "<pre" in table._repr_html_() and "conv2d" in table._repr_html_()
    one = shown(capsys, kernel=CONV, level="kernels")
    assert re.findall(r"^k\d+", one, re.MULTILINE) == [f"k{CONV}"]


def test_a_kernel_has_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    page = shown(capsys, kernel=CONV)
    assert page.startswith(f"kernel {CONV} of step, phase 0: ") and "net.conv2d_1.weight" in page
    stages, loops = shown(capsys, kernel=CONV, level="stages"), shown(capsys, kernel=CONV, level="loops")
    assert page.endswith(loops) and stages.removeprefix(f"kernel k{CONV}\n") in page
    assert loops.startswith(f"kernel k{CONV}(")
    parse(loops)
    assert "Σ(r<1, s<3, t<3: " in stages


@pytest.mark.parametrize(
    ("level", "begins"),
    [("graph", "graph("), ("llvm", "define void @k0"), ("asm", "k0:"), ("loops", "kernel k0("), ("mappings", "step:")],
)
def test_every_level(level: str, begins: str, capsys: pytest.CaptureFixture[str]) -> None:
    of_one, of_all = shown(capsys, kernel="k0", level=level), shown(capsys, level=level)
    assert begins in of_one and len(of_one) < len(of_all)
    if level in ("loops", "asm"):
        assert of_all.startswith(of_one) and "k1" in of_all


def test_the_graph_of_a_kernel_is_what_it_took_in(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, kernel=CONV, level="graph")
    assert "conv(" in text and "window_max(" in text and "# net.conv2d_1" in text
    assert set(re.findall(r" = (\w+)\(", text)) <= set(re.findall(r" = (\w+)\(", shown(capsys, level="graph")))


def test_names_of_inputs_are_those_of_the_graph() -> None:
    assert inside(step, "").inputs == mt.graph(step)(net, optimizer, x, y).names


def test_graphs_have_kernels_too(capsys: pytest.CaptureFixture[str]) -> None:
    view = mt.graph(lambda x: xp.exp(x) + 1)(xp.ones(40))
    mt.show(view, level="stages")
    stages = capsys.readouterr().out
    assert "  a1[i<40] = exp(a0[i]) + 1.0" in stages and "f32[40]  x" in stages
    mt.show(view.graph, kernel=0, level="loops")
    assert capsys.readouterr().out.startswith("kernel k0(")


def test_measuring(capsys: pytest.CaptureFixture[str]) -> None:
    donating = mt.compile(lambda x, i: (xp.sort(xp.exp(x))[::2] * 2, xp.take(x, i, axis=0)), donate="x")
    x, i = xp.asarray(np.linspace(0, 1, 1000)), xp.asarray(np.arange(4))
    kept = np.asarray(i).copy()
    donating(x, i)
    mt.show(donating, measure=True)
    text = capsys.readouterr().out
    assert "by the host" in text and "ms" in text and "GFLOP/s" in text and "100 %" in text
    np.testing.assert_array_equal(np.asarray(i), kept)
    plan = inside(donating, "").plan
    seconds, _ = measured(plan)
    assert set(seconds) == set(range(len(plan.steps))) and all(second > 0 for second in seconds.values())


def test_what_cannot_be_shown() -> None:
    with pytest.raises(mt.StateError, match=r"never called"):
        mt.show(mt.compile(lambda x: x), kernel=0)
    with pytest.raises(mt.UsageError, match=r"Chain is no compiled function, and has no level.*SHOW-01"):
        mt.show(net, level="loops")
    with pytest.raises(mt.UsageError, match=r"int is no compiled function, and has no kernels"):
        mt.show(3, kernel=0)
    for kernel in (99, -1, "k99", "three", 1.5, True):
        with pytest.raises(mt.UsageError, match=r"step has no kernel .*\n +kernels +0 to \d+"):
            mt.show(step, kernel=kernel)  # type: ignore[arg-type]
    with pytest.raises(mt.UsageError, match=r"did you mean 'loops'"):
        mt.show(step, level="loop")
    with pytest.raises(mt.UsageError, match="'mappings', 'graph', 'kernels', 'stages', 'loops', 'llvm', 'asm'"):
        mt.show(step, level="assembler")
    with pytest.raises(mt.UsageError, match=r"measure=True"):
        mt.show(step, level="asm", measure=True)
    with pytest.raises(mt.UsageError, match=r"measure is 1"):
        mt.show(step, measure=1)  # type: ignore[arg-type]


def test_the_host_has_no_kernels() -> None:
    found = Inside("f", mt.graph(lambda x: xp.sort(x))(xp.ones(3)).graph)
    assert not found.plan.written and "by the host" in str(table_of_plan(found.plan, "f"))
    with pytest.raises(mt.UsageError, match=r"kernels +none: the host"):
        mt.show(found.graph, kernel=0)


FORMULAS = {
    "(a - b) - (a - (b - a))": lambda a, b: (a - b) - (a - (b - a)),
    "sum": lambda a, b: xp.sum(xp.maximum(a, 0) * b, axis=1),
    "matrix product": lambda a, b: a @ b.T,
    "reshape": lambda a, b: xp.reshape(a, (6, 2)) + xp.reshape(b, (6, 2)),
    "where": lambda a, b: xp.where((a < b) & (b < 1), -a, xp.where(a <= 3, b, a)),
    "shared": lambda a, b: (a + 1) * xp.tanh((a + 1) + b),
    "shifted": lambda a, b: a[:, 1:] - b[:, :-1],
}
TEXTS = {
    "(a - b) - (a - (b - a))": ["a0[i, j] - a1[i, j] - (a0[i, j] - (a1[i, j] - a0[i, j]))"],
    "sum": ["Σ(r<4: maximum(a0[i, r], 0.0) * a1[i, r])"],
    "matrix product": ["Σ(r<4: a0[i, r] * a1[j, r])"],
    "reshape": ["a0[(2*i + j) // 4, (2*i + j) % 4] + a1[(2*i + j) // 4, (2*i + j) % 4]"],
    "where": ["-a0[i, j] if a0[i, j] < a1[i, j] and a1[i, j] < 1.0 else (a1[i, j] if a0[i, j] <= 3.0 else a0[i, j])"],
    "shared": ["p * tanh(p + a1[i, j])", "p = a0[i, j] + 1.0"],
    "shifted": ["a0[i, j + 1] - a1[i, j]"],
}


@pytest.mark.parametrize("name", TEXTS)
def test_formulas_are_read_as_mathematics(name: str) -> None:
    example = xp.asarray(np.zeros((3, 4), np.float32))
    plan = planned(mt.graph(FORMULAS[name])(example, example).graph)  # type: ignore[arg-type]
    (written,) = plan.written.values()
    (member,) = written.group.members
    lines = formula_lines(member.stage.formula, Indices(member.stage.domain), lambda number: f"a{number}")
    assert lines == TEXTS[name]


def test_short_words() -> None:
    assert shortened(["a", "b"], 3) == "a → b"  # two are never shortened
    assert shortened(list("abcdefg"), 17) == "a → b → … → f → g"
    assert shortened(list("abc"), 9) == "a → b → c"


def test_levels_lead_downwards() -> None:
    assert LEVELS == ("mappings", "graph", "kernels", "stages", "loops", "llvm", "asm")
