"""Memory, loops and conditions: machine code = interpreter, bit for bit; and nothing is touched beyond the masks."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from mapsto.core.spec import DTYPES
from mapsto.ir.build import Builder
from mapsto.ir.loops import Type
from mapsto.ir.loops_run import run
from mapsto.ir.loops_text import parse
from mapsto.target.assembly import assembly, llvm_text
from mapsto.target.host import host
from tests.target.native_loops import Native, Numbers, differences, kind, kinds, noise, special

KINDS = kinds()
every_kind = pytest.mark.parametrize("word", KINDS)


def agree(
    text: str, word: str, arrays: Mapping[str, Numbers], sizes: Sequence[int] = (), chunk: int = 0, scratch: int = 0
) -> dict[str, Numbers]:
    """Run a text both ways; what the arrays are then."""
    kernel = parse(text)
    found, wanted = ({name: array.copy() for name, array in arrays.items()} for _ in range(2))
    work = [np.full(scratch, 0xFF, np.uint8) for _ in range(2)]
    with kind(word):
        Native([kernel]).run(kernel.name, found, sizes, chunk, work[0])
        run(kernel, wanted, sizes, chunk, scratch=work[1], fused=host().fma)
    for name in arrays:
        assert not differences(found[name], wanted[name], exact=True).size, (name, found[name], wanted[name])
    assert not differences(*work).size
    return found


# words that need more than arguments


@every_kind
def test_numbers_that_stand_in_the_text(word: str) -> None:
    for dtype in DTYPES:
        numbers, build = special(dtype), Builder("k")
        y = build.buffer("y", dtype, 5 * numbers.size, "out")
        for place, number in enumerate(numbers):
            build.store(y, build.const(5 * place), build.const(number, Type(dtype)))
            build.store(y, build.const(5 * place), build.const(number, Type(dtype, 4)), shift=1)
        out = np.zeros(5 * numbers.size, DTYPES[dtype])
        with kind(word):
            Native([build.kernel()]).run("k", {"y": out})
        assert not differences(out, np.repeat(numbers, 5)).size, dtype


@every_kind
def test_moves_of_lanes(word: str) -> None:
    for dtype in DTYPES:
        name = f"{dtype}x"
        text = f"""
kernel k(x: in {dtype}[16], y: out {dtype}[64]):
  a: {name}8 = x[0]
  b: {name}8 = x[8]
  c: {name}8 = shuffle(a; 7, 6, 5, 4, 3, 2, 1, 0)
  y[0] = c
  d: {name}16 = shuffle(a, b; 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 15, 15)
  y[8] = d
  e: {name}2 = shuffle(d; 15, 3)
  y[24] = e
  f: {dtype} = extract(b; 5)
  g: {name}16 = splat(f)
  y[26] = g
  h: {dtype} = extract(e; 0)
  y[42] = h
  o: {dtype} = select(true, f, h)
  y[43] = o"""
        x = noise(dtype, 16)
        y = agree(text, word, {"x": x, "y": np.zeros(64, DTYPES[dtype])})["y"]
        assert not differences(y[:8], x[7::-1].copy(), exact=True).size


@every_kind
def test_lanes_count(word: str) -> None:
    for dtype in ("i8", "u16", "i32", "u32", "i64"):
        text = (
            f"kernel k(y: out {dtype}[17]):\n  a: {dtype}x16 = lanes()\n  b: {dtype} = lanes()\n  y[1] = a\n  y[0] = b"
        )
        assert agree(text, word, {"y": np.ones(17, DTYPES[dtype])})["y"].tolist() == [0, *range(16)]


# memory


ACCESS = """
kernel k(x: in {0}[64], p: in {2}[16], m: in bool[17], y: out {0}[64], z: out {0}[64], n: size):
  place: {2}x{1} = p[0]
  mask: boolx{1} = m[0]
  other: boolx{1} = m[1]
  a: {0}x{1} = x[n + 3]
  b: {0}x{1} = x[n - 2] where mask
  c: {0}x{1} = x[8] where other else a
  d: {0}x{1} = x[place]
  e: {0}x{1} = x[place + 5] where mask else b
  y[n] = a
  y[16] = b where mask
  y[17] = c where other
  y[40] = e
  z[place] = d
  z[place + 1] = c where other
  f: {0} = x[n]
  one: bool = extract(mask; 0)
  two: bool = extract(other; 0)
  g: {0} = x[n + 1] where one
  h: {0} = x[n + 2] where two else f
  z[60] = f
  z[61] = g
  z[n + 60] = h"""


@every_kind
@pytest.mark.parametrize("places", ["i64", "i32"])
def test_loads_and_stores(word: str, places: str) -> None:
    for dtype, kind_of in DTYPES.items():
        for lanes in (4, 16):
            mask = np.arange(17) % 3 != 1
            order = np.array([3, 17, 1, 40, 2, 2, 9, 9, 30, 11, 50, 0, 5, 6, 7, 8], DTYPES[places])  # some twice
            x, z = noise(dtype, 64), special(dtype)[:1].repeat(64)
            arrays = {"x": x, "p": order, "m": mask, "y": np.zeros(64, kind_of), "z": z}
            agree(ACCESS.format(dtype, lanes, places), word, arrays, [2])


@every_kind
def test_every_byte_but_0_is_true(word: str) -> None:
    text = "kernel k(x: in bool[16], y: out bool[17]):\n  a: boolx16 = x[0]\n  y[0] = a\n  b: bool = x[3]\n  y[16] = b"
    given = np.array([0, 1, 2, 3, 128, 255, 0, 4] * 2, np.uint8)
    y = agree(text, word, {"x": given.view(np.bool_), "y": np.zeros(17, np.bool_)})["y"]
    assert y.view(np.uint8).tolist() == [0, 1, 1, 1, 1, 1, 0, 1] * 2 + [1]


class Guarded:
    """Bytes at the end of a page, and behind it one that may not be touched."""

    def __init__(self, count: int) -> None:
        self.map = mmap.mmap(-1, 3 * mmap.PAGESIZE)
        self.view = (ctypes.c_char * len(self.map)).from_buffer(self.map)
        self.address = ctypes.addressof(self.view)
        for page in (0, 2):
            self.protect(page, 0)
        whole = np.frombuffer(self.map, np.uint8)
        self.last, self.first = whole[2 * mmap.PAGESIZE - count : 2 * mmap.PAGESIZE], whole[mmap.PAGESIZE :][:count]

    def protect(self, page: int, rights: int) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        assert libc.mprotect(self.address + page * mmap.PAGESIZE, mmap.PAGESIZE, rights) == 0

    def open(self) -> None:
        """Else the process ends badly when the memory is given back."""
        for page in (0, 2):
            self.protect(page, mmap.PROT_READ | mmap.PROT_WRITE)


EDGE = """
kernel k(x: in {0}[4], y: out {0}[4], z: out {0}[2], n: size):
  lane: i64x16 = lanes()
  begin: i64x16 = splat(n)
  place: i64x16 = add(lane, begin)
  above: boolx16 = less_equal(0, place)
  below: boolx16 = less(place, 4)
  mask: boolx16 = bit_and(above, below)
  a: {0}x16 = x[n] where mask
  y[n] = a where mask
  b: {0}x16 = x[place] where mask
  y[place] = b where mask
  no: bool = less(n, -100)
  c: {0} = x[n + 1000000000000] where no
  d: {0} = x[4] where false
  z[0] = c
  z[1] = d"""


@pytest.mark.skipif(os.name != "posix", reason="pages cannot be guarded here")
@every_kind
def test_masked_lanes_are_not_touched(word: str) -> None:
    """The four elements that may be read lie at one end of a page, with forbidden ones before and behind."""
    for dtype, kind_of in DTYPES.items():
        numbers = noise(dtype, 4)
        pages = [Guarded(numbers.nbytes) for _ in range(2)]
        for begin, (x, y) in ((0, [page.last for page in pages]), (-12, [page.first for page in pages])):
            x[:], y[:] = numbers.view(np.uint8), 0
            kernel = parse(EDGE.format(dtype))
            with kind(word):
                z = np.ones(2, kind_of)
                Native([kernel]).run("k", {"x": x.view(kind_of), "y": y.view(kind_of), "z": z}, [begin])
            assert y.tobytes() == numbers.tobytes() and not z.any()
        for page in pages:
            page.open()


@every_kind
def test_scratch(word: str) -> None:
    text = """
kernel k(s: scratch i32[4] at 64, x: in i32[4], t: scratch bool[4] at 0, y: out i32[4], z: out bool[4]):
  a: i32x4 = x[0]
  s[0] = a
  m: boolx4 = less(a, 3)
  t[0] = m
  b: i32 = s[3]
  y[0] = b
  c: i32x2 = s[1]
  y[2] = c
  d: boolx4 = t[0]
  z[0] = d"""
    arrays = {"x": np.array([1, 2, 3, 4], "i4"), "y": np.zeros(4, "i4"), "z": np.zeros(4, "?")}
    found = agree(text, word, arrays, scratch=80)
    assert found["y"].tolist() == [4, 0, 2, 3] and found["z"].tolist() == [True, True, False, False]


# loops and conditions


@pytest.mark.parametrize(
    ("begin", "end", "step", "turns"),
    [(0, 0, 1, []), (5, 2, 1, []), (0, 7, 3, [0, 3, 6]), (-4, 1, 2, [-4, -2, 0]), (3, 4, 100, [3])],
)
@pytest.mark.parametrize("known", ["begin end", "begin", "end", ""])
def test_turns(begin: int, end: int, step: int, turns: list[int], known: str) -> None:
    first, last = begin if "begin" in known else "n", end if "end" in known else "m"
    text = f"""
kernel k(y: out i64[16], n: size, m: size):
  for i in {first}..{last} step {step} with count: i64 = 0, before: i64 = -7 → total, final:
    y[count] = i
    more: i64 = add(count, 1)
    yield more, i
  y[14] = total
  y[15] = final"""
    wanted = [*turns, *[99] * (14 - len(turns)), len(turns), turns[-1] if turns else -7]
    for word in KINDS:
        assert agree(text, word, {"y": np.full(16, 99)}, [begin, end])["y"].tolist() == wanted


@every_kind
def test_carried_values_change_places(word: str) -> None:
    """Fibonacci's numbers: both are replaced at once."""
    text = """
kernel k(y: out i64[2], n: size):
  for i in 0..n with a: i64 = 0, b: i64 = 1 → last, next:
    c: i64 = add(a, b)
    yield b, c
  y[0] = last
  y[1] = next"""
    for n, wanted in ((0, [0, 1]), (1, [1, 1]), (10, [55, 89])):
        assert agree(text, word, {"y": np.zeros(2, "i8")}, [n])["y"].tolist() == wanted
        assert agree(text.replace("0..n", f"0..{n}"), word, {"y": np.zeros(2, "i8")}, [0])["y"].tolist() == wanted


@every_kind
def test_loops_within_loops_and_conditions(word: str) -> None:
    text = """
kernel k(x: in f32[96], y: out f32[96], n: size):
  first: i64 = mul(chunk, 2)
  last: i64 = add(first, 2)
  for i in first..last with best: f32x8 = -inf, all: i64 = 0 → top, count:
    start: i64 = mul(i, 24)
    for j in 0..n step 8 with sum: f32x8 = best, turns: i64 = all → sums, seen:
      place: i64 = add(start, j)
      a: f32x8 = x[place]
      b: f32x8 = maximum(a, sum)
      early: bool = less(j, 9)
      when early:
        y[place] = b
        late: bool = less(0, j)
        when late:
          for k in 0..2:
            c: f32 = extract(b; 7)
            y[place + 8] = c
      step: i64 = add(turns, 1)
      yield b, step
    for j in 5..5 with d: f32x8 = sums → same:
      yield best
    e: f32x8 = add(same, 0.5)
    yield e, seen
  f: f32 = fold_maximum(top)
  g: f32 = cast(count)
  y[last] = f
  y[last + 1] = g"""
    x = np.random.Generator(np.random.PCG64(3)).standard_normal(96, np.float32)
    for n in (0, 8, 24):
        for chunk in (0, 1):
            found = agree(text, word, {"x": x, "y": np.zeros(96, "f4")}, [n], chunk)["y"]
            assert found[2 * chunk + 3] == 2 * n / 8


# what a reader is shown


def test_a_kernel_as_llvm_and_as_assembly() -> None:
    kernel = parse(
        "kernel half(x: in f32[64], y: out f32[64]):\n  a: f32x4 = x[0]\n  b: f32x4 = mul(a, 0.5)\n  y[0] = b"
    )
    assert "fmul <4 x float>" in llvm_text(kernel) and "define void @half(" in llvm_text(kernel)
    lines = assembly(kernel).splitlines()
    assert lines[0] == "half:" and not [line for line in lines if line.strip().startswith(".") and ":" not in line]
    assert any("mul" in line for line in lines) and "ret" in lines[-1]
