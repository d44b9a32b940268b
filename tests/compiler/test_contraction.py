"""Contractions against a sum over all their letters in float64, which knows nothing of tiles."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import pytest

from mapsto.compiler.contraction import Contraction, Guard, Letter, Operand, Place, chunks, plan, product, write
from mapsto.compiler.contraction.convolution import parts
from mapsto.ir.build import Builder
from mapsto.ir.loops import Buffer, Type, Value
from mapsto.prims.conv import Conv
from mapsto.target.host import Host
from mapsto.target.llvm import module_text
from mapsto.target.native import load

WIDTHS = {"wide": (64, 32), "middle": (32, 16), "narrow": (16, 16)}
KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)


def machine(width: str) -> Host:
    return Host("", "", "", *WIDTHS[width])


def guarded(array: np.ndarray) -> np.ndarray:
    """A copy that ends where the next page of memory may not be read."""
    pages = -(-max(1, array.nbytes) // mmap.PAGESIZE)
    memory = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None)
    assert libc.mprotect(ctypes.c_void_p(start + pages * mmap.PAGESIZE), mmap.PAGESIZE, 0) == 0
    offset = pages * mmap.PAGESIZE - array.nbytes
    view = np.frombuffer(memory, array.dtype, array.size, offset).reshape(array.shape)
    view[...] = array
    return view


def expected(c: Contraction, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The sum of all terms that exist, in the type of the arrays."""
    names = [letter.name for letter in (*c.outs, *c.sums)]
    shape = [c.letter(name).extent for name in names]
    at = dict(zip(names, np.indices(shape, sparse=True), strict=True))
    there = np.ones(shape, bool)
    for guard in c.guards:
        place = sum((coefficient * at[name] for name, coefficient in guard.terms), start=guard.shift)
        there &= (place >= 0) & (place < guard.extent)
    x_at = np.broadcast_to(sum((letter.x * at[letter.name] for letter in c.letters), start=c.x_shift), shape)
    y_at = np.broadcast_to(sum((letter.y * at[letter.name] for letter in c.letters), start=c.y_shift), shape)
    terms = np.zeros(shape, x.dtype)
    terms[there] = x.reshape(-1)[x_at[there]] * y.reshape(-1)[y_at[there]]
    return terms.sum(tuple(range(len(c.outs), len(names))), dtype=x.dtype)


def strides_of(c: Contraction) -> dict[str, int]:
    shape = [letter.extent for letter in c.outs]
    return {letter.name: prod(shape[place + 1 :]) for place, letter in enumerate(c.outs)}


class Compiled:
    """A kernel for one contraction into a dense array.

    `bounded` letters take their range from two integers each; with `cut` the kernel does one chunk; `by_letter` asks a
    place for every letter's index instead of the offset; `options` go to `write`.
    """

    def __init__(
        self,
        c: Contraction,
        machine: Host,
        sizes: tuple[int, int],
        bounded: tuple[str, ...] = (),
        cut: int = 0,
        by_letter: bool = False,
        stored: str = "",
        out: Mapping[str, int] | None = None,
        **options: Any,
    ) -> None:
        self.c, self.out, self.by_letter, self.work = c, out or strides_of(c), by_letter, 0
        self.plan = plan(c, machine, self.out, bounded)
        b = self.b = Builder("contraction")
        x, y = (b.buffer(name, stored or c.dtype, count, "in") for name, count in zip("xy", sizes, strict=True))
        self.result = b.buffer("out", c.dtype, prod(letter.extent for letter in c.outs), "out")
        bounds = {name: (b.size(), b.size()) for name in bounded}
        self.chunks = 1
        if cut:
            made = chunks(self.plan, cut)
            self.chunks, bounds = made.count, made.bounds(b, b.chunk)
        read = options.pop("read", None)
        if options.pop("continued", False):
            options["begin"] = self.begin
        write(b, self.plan, Operand(x, None, read), Operand(y), bounds, self.finish, scratch=self.scratch, **options)
        address = load(module_text([b.kernel()]), ["contraction"])["contraction"]
        self.call = KERNEL(address)

    def scratch(self, dtype: str, size: int) -> Buffer:
        made = self.b.buffer(f"work{self.work}", dtype, size, "scratch", self.work)
        self.work += -(-size * 8 // 64) * 64
        return made

    def where(self, place: Mapping[str, Value]) -> tuple[Value, int]:
        if not self.by_letter and isinstance(place, Place):
            return place.offset(self.out)
        return self.b.affine([(stride, place[name]) for name, stride in self.out.items()]), 0

    def lanes(self, lanes: int, at: tuple[Value, int]) -> Value | None:
        """Where every lane goes, if not one behind the other."""
        name = (self.plan.result or "").split(".")[-1]
        step = self.out.get(name, 1) if lanes > 1 else 1
        if step == 1:
            return None
        type = Type("i64", lanes)
        steps = self.b.op("mul", self.b.lanes(type), self.b.const(step, type))
        return self.b.op("add", self.b.splat(self.b.affine([(1, at[0])], at[1]), lanes), steps)

    def begin(self, place: Mapping[str, Value], lanes: int, mask: Value | None) -> Value:
        at = self.where(place)
        apart = self.lanes(lanes, at)
        if apart is not None:
            return self.b.load(self.result, apart, mask=mask)
        return self.b.load(self.result, at[0], lanes, shift=at[1], mask=mask)

    def finish(self, total: Value, place: Mapping[str, Value], lanes: int, mask: Value | None) -> None:
        at = self.where(place)
        apart = self.lanes(lanes, at)
        if apart is not None:
            self.b.store(self.result, apart, total, mask=mask)
        else:
            self.b.store(self.result, at[0], total, shift=at[1], mask=mask)

    def __call__(
        self, x: np.ndarray, y: np.ndarray, *sizes: int, start: float = 0, into: np.ndarray | None = None
    ) -> np.ndarray:
        numbers = np.dtype(f"{self.c.dtype[0]}{int(self.c.dtype[1:]) // 8}")
        out = guarded(np.full([letter.extent for letter in self.c.outs], start, numbers)) if into is None else into
        work = np.zeros(self.work // 8 + 8)
        slots = np.array([0, x.ctypes.data, y.ctypes.data, out.ctypes.data, *sizes])
        binding = np.arange(1, len(slots))
        for chunk in reversed(range(self.chunks)):
            self.call(slots.ctypes.data, binding.ctypes.data, chunk, work.ctypes.data + -work.ctypes.data % 64)
        return out


def check(c: Contraction, machine: Host, rng: np.random.Generator) -> Compiled:
    """The kernel gives what the sum gives, twice the same, and reads nothing beyond its operands."""
    sizes = tuple(reach(c, operand) for operand in "xy")
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


def reach(c: Contraction, operand: str) -> int:
    """Elements of an operand; it has no others than those that the borders allow, if it moves with all their letters."""
    names = [letter.name for letter in c.letters]
    shape = [letter.extent for letter in c.letters]
    if not prod(shape):
        return 1
    at = dict(zip(names, np.indices(shape, sparse=True), strict=True))
    there = np.ones(shape, bool)
    for guard in c.guards:
        if all(getattr(c.letter(name), operand) for name in guard.names):
            place = sum((coefficient * at[name] for name, coefficient in guard.terms), start=guard.shift)
            there &= (place >= 0) & (place < guard.extent)
    shift = c.x_shift if operand == "x" else c.y_shift
    places = np.broadcast_to(
        sum((getattr(letter, operand) * at[letter.name] for letter in c.letters), start=shift), shape
    )
    assert not there.any() or places[there].min() >= 0
    return int(places[there].max()) + 1 if there.any() else 1


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
    for _ in range(3):
        letters = []
        for name in "abcde"[: rng.integers(1, 6)]:
            x, y = (int(rng.choice([0, 0, 1, 1, 2, 7, 30, -1, -5])) for _ in "xy")
            letters.append(
                Letter(
                    name,
                    int(rng.choice([0, 1, 2, 3, 5, 18], p=[0.02, 0.1, 0.2, 0.28, 0.2, 0.2])),
                    x,
                    y,
                    bool(rng.random() < 0.5),
                )
            )
        shifts = [sum(max(0, -getattr(letter, o) * (letter.extent - 1)) for letter in letters) for o in "xy"]
        guards = []
        if rng.random() < 0.5:
            some = rng.choice(letters, min(len(letters), int(rng.integers(1, 4))), replace=False)
            terms = tuple((letter.name, int(rng.choice([1, -1, 2, -3]))) for letter in some)
            guards.append(Guard(terms, int(rng.integers(-3, 4)), int(rng.integers(1, 12))))
        dtype = str(rng.choice(["f32", "f64", "i32"]))
        c = Contraction(tuple(letters), tuple(guards), dtype, *shifts)
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


@pytest.mark.parametrize("seed", range(10))
def test_parts_of_convolutions(seed: int) -> None:
    """All parts of any convolution, whichever factor is its result, against the primitive's own evaluation."""
    rng = np.random.default_rng(200 + seed)
    rank = int(rng.choice([1, 2, 2]))

    def some(low: int, high: int) -> tuple[int, ...]:
        return tuple(int(number) for number in rng.integers(low, high, rank))

    stride, dilation, before, w = some(1, 4), some(1, 4), some(0, 3), some(1, 5)
    x = some(1, 12)
    places = zip(x, before, dilation, w, stride, strict=True)
    y = tuple(max(1, (i + 2 * p - d * (k - 1) - 1) // s + 1) for i, p, d, k, s in places)
    n, g, c, o = 2, int(rng.choice([1, 3])), int(rng.choice([1, 5])), int(rng.choice([1, 18]))
    shapes = {"x": (n, *x, g, c), "w": (*w, g, c, o), "y": (n, *y, g, o)}
    arrays = {role: guarded(rng.standard_normal(shape).astype("f4")) for role, shape in shapes.items()}
    for role in "xwy":
        conv = Conv(role, stride, dilation, before, x, w, y)
        inputs = [arrays[other] for other in conv.roles]
        found = guarded(np.full(shapes[role], np.nan, "f4"))
        for part in parts(conv, n, g, c, o, "f32"):
            sizes = (inputs[0].size, inputs[1].size)
            kernel = Compiled(part.contraction, machine("wide"), sizes, out=part.out_strides)
            kernel(*inputs, into=found.reshape(-1)[part.out_shift :])
        assert np.allclose(found, conv.eval(*inputs), atol=1e-4), (conv, n, g, c, o)
