"""Lines of a graph that a stranger wrote: refused when the file is loaded, not when the answer is called."""

import functools
import itertools
import json
import operator
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn
from mapsto.files.work import MOST_CODE, code_of
from tests.files.common import Header, blob_of, edited, saved, tiny_net


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return saved(tiny_net(), tmp_path)


def with_line(path: Path, line: str) -> Path:
    """The file with one more line in its graph, before the return."""

    def change(header: Header) -> None:
        header["graph"] = header["graph"].replace("  return", f"  {line}\n  return")

    return edited(path, change)


NO_NUMBERS = {
    "f32": [
        "",
        " 1",
        "1_000",
        "0x10",
        "4.-128",
        "1e999",
        "1e39",
        "\u0661",
        "infinity",
        "+1",
        "True",
        "__import__('os')",
    ],
    "i8": ["", "1.0", "128", "1_0", "01", "-0", "nan", "\u0661", "9" * 100],
    "bool": ["", "true", "1"],
}


@pytest.mark.parametrize(("dtype", "text"), [(dtype, text) for dtype, all_ in NO_NUMBERS.items() for text in all_])
def test_constants_that_are_no_numbers(dtype: str, text: str, path: Path) -> None:
    with_line(path, f"z: {dtype}[] = const(text={json.dumps(text)}, dtype={json.dumps(dtype)})")
    with pytest.raises(mt.FormatError, match="a constant needs a number of") as caught:
        mt.load(path)
    assert caught.value.code == "FILE-19"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("neg", "h, h"), ("add", "h"), ("select", "h, h"), ("concat", ""), ("const", "h"), ("zero_mul", "h")],
)
def test_a_primitive_of_another_number_of_inputs(name: str, arguments: str, path: Path) -> None:
    settings = {"concat": "axis=0", "const": 'text="1.0", dtype="f32"'}.get(name, "")
    with_line(path, f"z: f32[1] = {name}({'; '.join(filter(None, (arguments, settings)))})")
    with pytest.raises(mt.FormatError, match=f"{name} takes .* inputs, not {len(arguments.split())}") as caught:
        mt.load(path)
    assert caught.value.code == "FILE-19"


def chain(name: str, count: int) -> str:
    """The graph that applies one primitive again and again to f32[2]."""
    names = ["a", *(f"v{i}" for i in range(count))]
    lines = [f"  {new}: f32[2] = {name}({old})\n" for old, new in itertools.pairwise(names)]
    return "graph(a: f32[2]):\n" + "".join(lines) + f"  return {names[-1]}"


def only(text: str, spec: str = "f32[2]") -> Any:
    """A change of the header: this graph, and no tensors."""
    return lambda header: header.update(graph=text, hidden=[], tensors={}, input=spec, output=spec)


@pytest.mark.parametrize(("name", "count"), [("sin", 201), ("log", 1251), ("neg", 10_001)])
def test_more_to_compile_than_some_seconds(name: str, count: int, path: Path) -> None:
    edited(path, only(chain(name, count)), blob_of({}, b""))
    with pytest.raises(mt.LimitError, match=r"as much code as [0-9]+ additions; the limit is 10000"):
        mt.load(path)


def test_the_most_that_is_compiled_takes_seconds(path: Path) -> None:
    edited(path, only(chain("sin", 200)), blob_of({}, b""))
    start = time.perf_counter()
    mt.load(path)(np.ones((1, 2), np.float32))
    assert time.perf_counter() - start < 30  # 5 s on an idle core


def test_deep_nets_are_far_from_the_limit(tmp_path: Path) -> None:
    x = mt.xp.ones((2, 16))
    net = functools.reduce(operator.rshift, [nn.Dense(16) >> nn.gelu for _ in range(100)]).init(mt.key(0), x)
    answer = mt.load(saved(net, tmp_path))
    assert sum(map(code_of, answer.program.graph.nodes)) < MOST_CODE / 3
    assert np.allclose(np.asarray(answer(x)), np.asarray(net(x)), atol=1e-5)


def test_more_axes_than_numpy_has(path: Path) -> None:
    for count in (63, 64):
        spec = f"f32[{','.join('1' * count)}]"
        edited(path, only(f"graph(a: {spec}):\n  b: {spec} = neg(a)\n  return b", spec), blob_of({}, b""))
        if count == 63:
            assert mt.load(path)(np.ones((2, *[1] * 63), np.float32)).shape[0] == 2
            continue
        with pytest.raises(mt.LimitError, match="an array of 64 axes; the limit is 63"):
            mt.load(path)
