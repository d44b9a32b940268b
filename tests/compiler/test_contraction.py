"""Contractions against a sum over all their letters in float64, which knows nothing of tiles."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import pytest

from mapsto.compiler.contraction import Contraction, Guard, Letter, Plan, chunks, plan, product
from mapsto.ir.loops import Value
from mapsto.target.host import Host
from tests.compiler.contracted import WIDTHS, Compiled, expected, guarded, machine, reach


def check(c: Contraction, machine: Host, rng: np.random.Generator) -> Compiled:
    """The kernel gives what the sum gives, twice the same, and reads nothing beyond its operands."""
    sizes = reach(c, "x"), reach(c, "y")
    numbers = np.dtype(f"{c.dtype[0]}{int(c.dtype[1:]) // 8}")
    x, y = (guarded(rng.integers(-8, 9, size).astype(numbers)) for size in sizes)
    if c.dtype[0] == "f":
        x[...], y[...] = (rng.standard_normal(array.shape) for array in (x, y))
    kernel = Compiled(c, machine, sizes, by_letter=bool(rng.random() < 0.5))
    found, again = kernel(x, y), kernel(x, y)
    assert found.tobytes() == again.tobytes()
    if c.dtype[0] == "f":
        wide = expected(c, x.astype("f8"), y.astype("f8"))
        most = expected(c, abs(x).astype("f8"), abs(y).astype("f8"))
        terms = max(1, prod(letter.extent for letter in c.sums))
        bound = np.finfo(x.dtype).eps * min(terms, 40) * most + 1e-300
        assert (abs(found - wide) <= bound).all(), (c, kernel.plan)
    else:
        assert (found == expected(c, x, y)).all(), (c, kernel.plan)
    return kernel


PRODUCTS = [
    ("mk", "kn", "mn"),
    ("km", "kn", "mn"),
    ("mk", "nk", "mn"),
    ("km", "nk", "mn"),
    ("mk", "kn", "nm"),
    ("bmk", "bkn", "bmn"),
    ("bmk", "bnk", "bmn"),
    ("bkm", "kn", "bmn"),
    ("bmk", "kn", "bmn"),
    ("m", "n", "mn"),
    ("k", "k", ""),
    ("mk", "k", "m"),
    ("km", "k", "m"),
    ("mk", "mk", "m"),
    ("mk", "mn", "kn"),
    ("kk", "k", ""),
    ("mm", "mn", "n"),
    ("mjk", "knj", "mn"),
]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("letters", PRODUCTS, ids=str)
def test_products(letters: tuple[str, str, str], width: str) -> None:
    rng = np.random.default_rng(5)
    for extents in ({"b": 3, "m": 19, "n": 37, "k": 21, "j": 2}, {"b": 2, "m": 1, "n": 5, "k": 40, "j": 3}):
        check(product(*letters, extents), machine(width), rng)


@pytest.mark.parametrize("dtype", ["f64", "i32", "i8", "i64"])
@pytest.mark.parametrize("letters", PRODUCTS[:4], ids=str)
def test_types(letters: tuple[str, str, str], dtype: str) -> None:
    check(product(*letters, {"m": 9, "n": 70, "k": 13}, dtype), machine("wide"), np.random.default_rng(6))


@pytest.mark.parametrize("empty", "mnk")
def test_nothing_to_do(empty: str) -> None:
    extents = {"m": 3, "n": 4, "k": 5, empty: 0}
    check(product("mk", "kn", "mn", extents), machine("wide"), np.random.default_rng(7))


def convolution(rng: np.random.Generator, dtype: str) -> dict[str, Contraction]:
    """A random convolution in two dimensions, its input gradient (stride 1) and its weight gradient."""
    n, g, c, o = (int(rng.choice([1, 2, 3])) for _ in range(4))
    c, o = int(rng.choice([c, 5, 17])), int(rng.choice([o, 9, 20]))
    if rng.random() < 0.2:
        g, c, o = 19, 1, 1
    k = [int(rng.integers(1, 4)) for _ in "yx"]
    i = [int(rng.integers(1, 14)) for _ in "yx"]
    s = [int(rng.choice([1, 1, 2])) for _ in "yx"]
    d = [int(rng.choice([1, 1, 2])) for _ in "yx"]
    p = [int(rng.integers(0, 3)) for _ in "yx"]
    j = [max(1, (i[a] + 2 * p[a] - d[a] * (k[a] - 1) - 1) // s[a] + 1) for a in (0, 1)]
    e = {"n": n, "g": g, "c": c, "o": o, "ky": k[0], "kx": k[1], "jy": j[0], "jx": j[1], "iy": i[0], "ix": i[1]}
    xs = [i[1] * g * c, g * c]
    x = {
        "n": i[0] * xs[0],
        "g": c,
        "c": 1,
        "jy": s[0] * xs[0],
        "jx": s[1] * xs[1],
        "ky": d[0] * xs[0],
        "kx": d[1] * xs[1],
    }
    w = {"ky": k[1] * g * c * o, "kx": g * c * o, "g": c * o, "c": o, "o": 1}
    ys = [j[1] * g * o, g * o]
    y = {"n": j[0] * ys[0], "jy": ys[0], "jx": ys[1], "g": o, "o": 1}
    before = -p[0] * xs[0] - p[1] * xs[1]
    guards = tuple(Guard(((f"j{a}", s[v]), (f"k{a}", d[v])), -p[v], i[v]) for v, a in enumerate("yx"))

    def made(a: dict[str, int], b: dict[str, int], out: list[str], sums: list[str], *rest: object) -> Contraction:
        names = [(name, True) for name in out] + [(name, False) for name in sums]
        letters = tuple(Letter(name, e[name], a.get(name, 0), b.get(name, 0), is_out) for name, is_out in names)
        return Contraction(letters, *rest)  # type: ignore[arg-type]

    found = {
        "forward": made(x, w, ["n", "jy", "jx", "g", "o"], ["ky", "kx", "c"], guards, dtype, before, 0),
        "weights": made(x, y, ["ky", "kx", "g", "c", "o"], ["n", "jy", "jx"], guards, dtype, before, 0),
    }
    if s == [1, 1]:
        back = {**y, "iy": ys[0], "ix": ys[1], "ky": -d[0] * ys[0], "kx": -d[1] * ys[1], "jy": 0, "jx": 0}
        turned = tuple(Guard(((f"i{a}", 1), (f"k{a}", -d[v])), p[v], j[v]) for v, a in enumerate("yx"))
        shift = p[0] * ys[0] + p[1] * ys[1]
        found["input"] = made(back, w, ["n", "iy", "ix", "g", "c"], ["ky", "kx", "o"], turned, dtype, shift, 0)
    return found


@pytest.mark.parametrize("seed", range(12))
def test_convolutions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(2):
        width = str(rng.choice(list(WIDTHS)))
        for c in convolution(rng, str(rng.choice(["f32", "f32", "f64", "i32"]))).values():
            check(c, machine(width), rng)


@pytest.mark.parametrize("seed", range(12))
def test_anything(seed: int) -> None:
    """Letters with any strides, also 0 and negative ones."""
    rng = np.random.default_rng(100 + seed)
    often = {0: 0.02, 1: 0.1, 2: 0.2, 3: 0.28, 5: 0.2, 18: 0.2}
    for _ in range(3):
        letters: list[Letter] = []
        for name in "abcde"[: rng.integers(1, 6)]:
            x, y = (int(rng.choice([0, 0, 1, 1, 2, 7, 30, -1, -5])) for _ in "xy")
            extent = int(rng.choice(list(often), p=list(often.values())))
            letters.append(Letter(name, extent, x, y, bool(rng.random() < 0.5)))
        shifts = [
            sum(max(0, -getattr(letter, operand) * (letter.extent - 1)) for letter in letters) for operand in "xy"
        ]
        guards: list[Guard] = []
        if rng.random() < 0.5:
            some = [letters[place] for place in rng.permutation(len(letters))[: rng.integers(1, 4)]]
            terms = tuple((letter.name, int(rng.choice([1, -1, 2, -3]))) for letter in some)
            guards.append(Guard(terms, int(rng.integers(-3, 4)), int(rng.integers(1, 12))))
        dtype = str(rng.choice(["f32", "f64", "i32"]))
        c = Contraction(tuple(letters), tuple(guards), dtype, shifts[0], shifts[1])
        check(c, machine(str(rng.choice(list(WIDTHS)))), rng)


def operands(c: Contraction, seed: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, y = (guarded(rng.standard_normal(reach(c, operand)).astype("f4")) for operand in "xy")
    return x, y


def test_a_range_of_the_batch() -> None:
    """Letters named to the plan take their range at run time."""
    c = product("bmk", "kn", "bmn", {"b": 6, "m": 5, "k": 7, "n": 18})
    x, y = operands(c)
    kernel = Compiled(c, machine("wide"), (x.size, y.size), ("b",))
    found, whole = kernel(x, y, 2, 5), expected(c, x, y)
    assert np.allclose(found[2:5], whole[2:5], atol=1e-5)
    assert not found[:2].any() and not found[5:].any()


def test_a_sum_in_parts() -> None:
    """A range of the sum goes on with what the range before it left."""
    c = product("mbk", "kbn", "mn", {"b": 6, "m": 5, "k": 7, "n": 18})
    x, y = operands(c)
    kernel = Compiled(c, machine("wide"), (x.size, y.size), ("b",), continued=True)
    found = np.zeros((5, 18), "f4")
    for begin, end in ((0, 2), (2, 6)):
        found = found + kernel(x, y, begin, end)
    assert np.allclose(found, expected(c, x, y), atol=1e-5)
    assert np.allclose(kernel(x, y, 3, 3, start=2.5), 2.5)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("letters", [*PRODUCTS[:4], ("mk", "k", "m"), ("mk", "mk", "m")], ids=str)
def test_continued(letters: tuple[str, str, str], width: str) -> None:
    c = product(*letters, {"m": 21, "n": 35, "k": 18})
    x, y = operands(c)
    found = Compiled(c, machine(width), (x.size, y.size), continued=True)(x, y, start=0.5)
    assert np.allclose(found, expected(c, x, y) + 0.5, atol=1e-5)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("letters", PRODUCTS, ids=str)
def test_chunks_cover_the_result(letters: tuple[str, str, str], width: str) -> None:
    """Whatever the chunks, in any order: the same bits as in one."""
    c = product(*letters, {"b": 3, "m": 45, "n": 70, "k": 5, "j": 2})
    x, y = operands(c)
    kernel = Compiled(c, machine(width), (x.size, y.size), cut=20, by_letter=True)
    whole = Compiled(c, machine(width), (x.size, y.size))
    assert kernel(x, y, start=np.nan).tobytes() == whole(x, y, start=np.nan).tobytes()


def test_chunks_of_convolutions() -> None:
    rng = np.random.default_rng(11)
    for _ in range(4):
        for c in convolution(rng, "f32").values():
            x, y = operands(c)
            kernel = Compiled(c, machine("wide"), (x.size, y.size), cut=50, by_letter=True)
            assert np.allclose(kernel(x, y, start=np.nan), expected(c, x, y), atol=1e-4), (c, kernel.plan)


@pytest.mark.parametrize("dtype", ["f32", "f64", "i8"])
@pytest.mark.parametrize("letters", PRODUCTS[:4], ids=str)
def test_copies(letters: tuple[str, str, str], dtype: str) -> None:
    """Copies of both operands, which only large contractions choose: blocks of rows, and columns of tiles."""
    c = product(*letters, {"m": 23, "n": 75, "k": 19}, dtype)

    def copied(made: Plan) -> Plan:
        sizes = {"vector": "n", "rows": (("m", 5),), "vectors": 2, "swapped": False, "turned": None, "lane_sums": False}
        return replace(made, contraction=c, **sizes, nest=("m'", "n", "m"), stage_y=True, block=10)

    rng = np.random.default_rng(9)
    numbers = np.dtype(f"{dtype[0]}{int(dtype[1:]) // 8}")
    x, y = (guarded(rng.integers(-5, 6, reach(c, operand)).astype(numbers)) for operand in "xy")
    whole, sizes = expected(c, x, y), (x.size, y.size)
    for cut in (0, 1000):
        assert (Compiled(c, machine("wide"), sizes, cut=cut, change=copied)(x, y) == whole).all()
    some = Compiled(c, machine("wide"), sizes, ("m",), change=copied)(x, y, 5, 23)
    assert (some[5:] == whole[5:]).all()
    assert not some[:5].any()


@pytest.mark.parametrize("m", [512, 1024, 2048])
@pytest.mark.parametrize("k", [512, 1024, 2048, 4096])
@pytest.mark.parametrize("n", [512, 1024, 2048])
def test_chunks_share_the_copies(m: int, k: int, n: int) -> None:
    """Aᵀ·B with columns of A whole pages apart: chunks are many enough, and few copy the same rows."""
    made = plan(product("km", "kn", "mn", {"m": m, "k": k, "n": n}), machine("wide"), {"m": n, "n": 1})
    counts = {cut.name: cut.count for cut in chunks(made).cuts}
    if made.block:
        (rows,), columns, extents = made.row_names, made.vector or "", {"m": m, "n": n}
        copies = counts.get(columns, 1)  # every chunk copies its own rows, once for all its columns
        assert copies * 256 <= extents[columns]
        assert copies <= 2 or counts.get(rows, 1) < 8
    if min(m, k, n) >= 1024:
        assert made.block
        assert prod(counts.values()) >= 8


def test_what_is_read_can_be_changed() -> None:
    """Half floats become float32 as they are read, and one operand is halved."""
    c = product("mk", "nk", "mn", {"m": 20, "n": 40, "k": 33})
    x, y = (guarded(array.astype("f2")) for array in operands(c))
    sizes, seen = (x.size, y.size), []
    b_of = {}

    def read(value: Value) -> Value:
        b = b_of["b"]
        seen.append(value.type)
        wide = b.cast(value, "f32")
        return b.op("mul", wide, b.const(0.5, wide.type))

    class Halved(Compiled):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name == "b":
                b_of["b"] = value

    found = Halved(c, machine("wide"), sizes, read=read, stored="f16")(x, y)
    assert np.allclose(found, expected(c, x.astype("f4") / 2, y.astype("f4")), atol=1e-5)
    assert all(type.dtype == "f16" for type in seen)
