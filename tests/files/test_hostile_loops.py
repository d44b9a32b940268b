"""Graphs within graphs that a stranger wrote: tiny texts that ask for much, refused when the file is loaded."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, random, xp
from mapsto.files.work import check_work
from tests.files.common import Header, blob_of, edited, loops_net, saved, tiny_net

MILLION = 10**6


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return saved(tiny_net(), tmp_path)


def of_text(path: Path, text: str, spec: str = "f32[]") -> Path:
    """The file with this graph and no tensors, from one spec to the same."""

    def change(header: Header) -> None:
        header.update(graph=text, hidden=[], tensors={}, input=spec, output=spec)

    return edited(path, change, blob_of({}, b""))


def graphs(*bodies: str, spec: str = "f32[]") -> str:
    """Graphs of one value each: what one does to `a`, in lines that end with `z`."""
    titles = ["graph", *(f"graph_{number}" for number in range(1, len(bodies)))]
    texts = []
    for title, body in zip(titles, bodies, strict=True):
        lines = "\n  ".join([f"{title}(a: {spec}):", *body.split("\n"), "return z"])
        texts.append(lines)
    return "\n".join(texts)


def scan(number: int, length: int, name: str = "z") -> str:
    return f"{name}: f32[] = scan(a; body=graph_{number}, length={length}, constants=0, carries=1, reverse=false)"


def calls(number: int) -> str:
    """Twice what graph `number` does."""
    call = f"call({{}}; body=graph_{number}, again=false)"
    return f"b: f32[] = {call.format('a')}\nz: f32[] = {call.format('b')}"


LAST = "z: f32[] = neg(a)"


def refused(path: Path, kind: type[Exception], code: str, words: str | None) -> None:
    begin = time.perf_counter()
    with pytest.raises(kind, match=words) as caught:
        mt.load(path)
    assert getattr(caught.value, "code", "") == code
    assert time.perf_counter() - begin < 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (graphs(scan(1, 2**60), LAST), "primitives one after another for one example, up to its scan"),
        (graphs(scan(1, 10**190), LAST), "primitives one after another"),
        (graphs(scan(1, MILLION), scan(2, MILLION), LAST), "2000002000001 primitives one after another"),
        (graphs(*(scan(i + 1, 10**190) for i in range(45)), LAST), "primitives one after another"),
        (graphs(*(scan(i + 1, 2) for i in range(40)), LAST), "primitives one after another"),
        (graphs(*(calls(i + 1) for i in range(45)), LAST), "as much code as [0-9]+ additions"),
        (graphs("z: f32[] = scan(a; body=graph_1, length=8000000, constants=0, carries=1, reverse=false)",
                "\n".join(f"{'z' if i == 11 else f'v{i}'}: f32[] = neg(a)" for i in range(12))), "one after"),
    ],
    ids=["turns", "more turns than fit", "nested", "deep, of many turns", "deep", "calls", "many lines in many turns"],
)  # fmt: skip
def test_more_than_minutes(text: str, words: str, path: Path) -> None:
    refused(of_text(path, text), mt.LimitError, "FILE-23", words)


def test_a_loop_that_does_nothing_is_counted(path: Path) -> None:
    text = f"graph(a: f32[]):\n  {scan(1, 2**60)}\n  return z\ngraph_1(a: f32[]):\n  return a"
    refused(of_text(path, text), mt.LimitError, "FILE-23", "primitives one after another")


def test_products_in_many_turns(path: Path) -> None:
    spec = "f32[4096,4096]"
    product = f'z: {spec} = contract(a, a; x="ik", y="kj", out="ij")'
    outer = scan(1, 1000).replace("f32[]", spec)
    refused(of_text(path, graphs(outer, product, spec=spec), spec), mt.LimitError, "FILE-23", "steps for one example")


def test_branches_count_all(path: Path) -> None:
    branch = 'i: i64[] = cast(a; dtype="i64")\nz: f32[] = branch(i, a; bodies=[graph_1, graph_1, graph_2])'
    much = scan(3, 30_000_000)
    refused(
        of_text(path, graphs(branch, much, scan(3, 20_000_000), LAST)), mt.LimitError, "FILE-23", "up to its branch"
    )


def test_rows_are_as_large_as_arrays(path: Path) -> None:
    """2^20 rows of 2^14 floats each: 64 GiB, made by a body of 64 KiB."""
    spread = "z: f32[16384] = broadcast(a; shape=[16384], axes=[])"
    text = (
        "graph(a: f32[]):\n  r: f32[1048576,16384] = scan(a; body=graph_1, length=1048576, constants=1, carries=0, "
        "reverse=false)\n  z: f32[] = max(r; axes=[0, 1])\n  return z\n"
        f"graph_1(a: f32[]):\n  {spread}\n  return z"
    )
    refused(of_text(path, text), mt.LimitError, "FILE-23", r"scan would make f32\[1048576,16384\]")


def test_memory_within_a_body_counts_beside_what_is_held(path: Path) -> None:
    """Four times 4 GiB held outside, and again inside, at one time."""
    wide = "f32[32768,32768]"
    broadcast = lambda name: f"{name}: {wide} = broadcast(a; shape=[32768, 32768], axes=[])"
    outer = "\n".join([*map(broadcast, "bc"), scan(1, 3, "y"),
                       f"d: {wide} = add(b, c)", "e: f32[] = max(d; axes=[0, 1])", "z: f32[] = add(e, y)"])  # fmt: skip
    inner = "\n".join([*map(broadcast, "bcd"), f"s: {wide} = add(b, c)",
                       f"t: {wide} = add(s, d)", "z: f32[] = max(t; axes=[0, 1])"])  # fmt: skip
    refused(of_text(path, graphs(outer, inner)), mt.LimitError, "FILE-23", "bytes at one time")


def test_a_while_loop(path: Path, tmp_path: Path) -> None:
    text = (
        "graph(a: f32[]):\n  z: f32[] = while(a; condition=graph_2, body=graph_1, constants=0)\n  return z\n"
        "graph_1(a: f32[]):\n  z: f32[] = neg(a)\n  return z\n"
        "graph_2(a: f32[]):\n  z: bool[] = equal(a, a)\n  return z"
    )
    refused(of_text(path, text), mt.LimitError, "FILE-33", "a while loop in the graph may go on for ever")
    within = text.replace("graph(", "graph_9(").replace("graph_2", "graph_3").replace("graph_1", "graph_2")
    refused(of_text(path, graphs(scan(1, 2)) + "\n" + within.replace("graph_9", "graph_1")),
            mt.LimitError, "FILE-33", "a while loop")  # fmt: skip
    before = path.read_bytes()
    forever = mt.fn(lambda x: mt.while_loop(lambda y: xp.max(y) < xp.inf, lambda y: y / 2, x))
    with pytest.raises(mt.LimitError, match=r"a while loop \(net test_hostile_loops.py:[0-9]+\)") as caught:
        mt.save(forever, path, example=xp.ones((1, 2)))
    assert "mt.fori or mt.scan" in caught.value.fix
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (graphs(scan(1, 2), scan(1, 2)), "FILE-19", "within itself"),
        (graphs(scan(1, 2), scan(2, 2), scan(1, 2)), "FILE-19", "within itself"),
        (graphs(scan(1, 2), LAST, LAST), "FILE-19", "no line names graph_2"),
        (graphs(LAST, LAST), "FILE-19", "no line names graph_1"),
        (graphs(scan(2, 2), LAST), "FILE-19", "there is no graph_2"),
        (graphs(*(scan(i + 1, 1) for i in range(51)), LAST), "FILE-19", "deeper than 50"),
        (graphs(scan(1, -1), LAST), "FILE-19", "numbers of turns"),
        (graphs(scan(1, 2).replace("carries=1", "carries=-1"), LAST), "FILE-19", "numbers of turns"),
        (graphs(scan(1, 2).replace("carries=1", "carries=2"), LAST), "FILE-19", "numbers of turns"),
        (graphs(scan(1, 2).replace("graph_1", "3"), LAST), "FILE-19", "Body|attribute"),
        (graphs(scan(1, 2).replace("=2,", "=graph_1,"), LAST), "FILE-19", None),
        (graphs(LAST.replace("neg(a)", 'const(text=graph_1, dtype="f32")'), LAST), "FILE-19", None),
        (graphs(scan(1, 2).replace("graph_1", "[graph_1]"), LAST), "FILE-19", None),
        (graphs(scan(1, 2), LAST).replace("graph_1(", "graph_2("), "FILE-18", None),
        (graphs(scan(1, 2), LAST).replace("graph_1(", "graph_01("), "FILE-18", None),
        (graphs(scan(1, 2), LAST).replace("graph_1(a", "graph_1(; a"), "FILE-18", None),
        (graphs(scan(1, 2), LAST) + "\n" + graphs(LAST), "FILE-18", None),
        (graphs(scan(1, 2), LAST).removesuffix("\n  return z"), "FILE-18", None),
        (graphs(scan(1, 2), LAST) + "\n  return z", "FILE-18", None),
        (graphs(scan(1, 2), LAST).replace("return z\n", "return z, z\n"), "FILE-18", None),
        (graphs(scan(1, 2), LAST) + ", z", "FILE-19", "scan yields"),
    ],
)  # fmt: skip
def test_sections_that_do_not_fit(text: str, code: str, words: str | None, path: Path) -> None:
    refused(of_text(path, text), mt.FormatError, code, words)


def test_as_many_sections_as_lines_allow(path: Path) -> None:
    many = "\n".join(f"graph_{i}(a: f32[]):\n  return a" for i in range(1, 9_999))
    refused(of_text(path, f"{graphs(scan(1, 2))}\n{many}"), mt.FormatError, "FILE-19", "no line names")
    more = "\n".join(f"graph_{i}(a: f32[]):\n  return a" for i in range(1, 10_001))
    refused(of_text(path, f"{graphs(scan(1, 2))}\n{more}"), mt.LimitError, "FILE-23", "a graph of 20003 lines")


def test_equal_graphs_are_compared_in_no_time(path: Path) -> None:
    """Two towers of calls, equal at every height: 7 of them, for code has a limit."""
    towers = 7  # as high as the limit on code lets them be
    left = [calls(2 * i + 1) for i in range(1, towers + 1)]
    right = [calls(2 * i + 2) for i in range(1, towers + 1)]
    both = [body for pair in zip(left, right, strict=True) for body in pair]
    top = "b: f32[] = call(a; body=graph_1, again=false)\nz: f32[] = call(b; body=graph_2, again=false)"
    of_text(path, graphs(top, *both, LAST, LAST))
    begin = time.perf_counter()
    answer = mt.load(path)
    assert float(answer(np.ones(1, np.float32))[0]) == 1.0
    assert time.perf_counter() - begin < 20


def of_turns(length: int) -> Callable[[mt.Array], mt.Array]:
    return lambda x: mt.fori(0, length, lambda i, y: y * 0.5 + 1, x)


def test_honest_loops_are_far_from_the_limits(tmp_path: Path) -> None:
    x = random.normal(mt.key(1), (3, 5, 3))
    net = loops_net()
    answer = mt.load(saved(net, tmp_path))
    assert np.allclose(np.asarray(answer(x)), np.asarray(net(x)), atol=1e-6)
    mt.save(mt.fn(of_turns(1000)) >> nn.Dense(2).init(mt.key(0), x[0]), tmp_path / "long", example=x[0])
    check_work(mt.graph(of_turns(MILLION))(x).graph)
