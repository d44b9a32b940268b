"""The text of loops: read, printed, refused; the example of the documentation; what the checks find."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapsto.core.errors import FormatError, IndexRangeError
from mapsto.core.spec import DTYPES, SHORT_NAMES, is_float
from mapsto.ir.build import Builder
from mapsto.ir.loops import INDEX, Kernel, Let, Load, Loop, Store, Type, Value, When
from mapsto.ir.loops_check import check_kernel
from mapsto.ir.loops_run import run
from mapsto.ir.loops_text import parse, show

DOCUMENT = (Path(__file__).parents[2] / "docs" / "loops.md").read_text(encoding="utf-8")
EXAMPLE = DOCUMENT.split("```loops\n")[1].split("```")[0]


def values(*lines: str) -> str:
    """A kernel with these lines: x and y are buffers of f32, n is a size."""
    return "\n".join(["kernel k(x: in f32[64], y: out f32[64], t: scratch i8[64] at 0, n: size):", *lines])


PRINTED = [
    values("  y[0] = 1.5").replace("n: size", "n1: size"),
    """kernel none():""",
    """\
kernel every(x: in f32[64], i: in bool[64], w: scratch bf16[8] at 64, y: out f32[64], n1: size, n2: size):
  n3: i64x4 = lanes()
  m1: bool = less(n1, 7)
  m2: boolx4 = less(n3, 7)
  m3: bool = less(f32(1.5), f32(nan))
  m4: boolx4 = bit_xor(m2, true)
  v1: f32x4 = x[chunk - 3]
  v2: f32x4 = x[n3 + 60] where m2 else -inf
  v3: f32x4 = select(m1, v1, 0.1)
  v4: f32x8 = shuffle(v1, v3; 0, 4, 1, 5, 2, 6, 3, 7)
  v5: f32x2 = shuffle(v4; 7, 0)
  s1: f32 = extract(v5; 1)
  v6: bf16x4 = cast(v1)
  v7: bf16x4 = bitcast(u16x4(65535))
  w[4] = v6
  w[n3] = bf16x4(9.1835e-41) where m2
  for j in 0..n1 step 16 with v8: f32x4 = v1, n4: i64 = -1, m5: bool = true → v9, n5, m6:
    for k in j..n2:
      m7: bool = i[k] where m5 else false
      when m7:
        for i1 in 0..1:
          y[i1] = s1
        y[k + 1] = -0.0
    for k in 5..2:
      y[n3 - 1] = v8 where true
    yield 3.4028235e+38, j, m1
  v10: f32x4 = fma(v9, 1e-45, v9)
  y[n5] = v10 where m4""",
]


@pytest.mark.parametrize("text", PRINTED, ids=range(len(PRINTED)))
def test_print_undoes_parse(text: str) -> None:
    kernel = parse(text)
    check_kernel(kernel)
    assert show(kernel) == text


def test_the_example_of_the_documentation() -> None:
    kernel = parse(EXAMPLE)
    check_kernel(kernel)
    text = show(kernel)
    assert show(parse(text)) == text
    x = np.random.Generator(np.random.PCG64(1)).standard_normal((8, 20), np.float32)
    x[5] = -1
    y = np.zeros((8, 20), np.float32)
    for chunk in range(2):
        run(kernel, {"x": x.ravel(), "y": y.ravel()}, chunk=chunk)
    positive = np.maximum(x, 0)
    wanted = positive / np.maximum(positive.sum(1, keepdims=True), 1e-30)
    np.testing.assert_allclose(y, wanted, rtol=1e-6)


REFUSED = {
    # the header
    "": "line 1 of the loops does not read: it does not begin with kernel name(…):",
    "  kernel k():": "line 1 * it does not begin with",
    "kernel k()": "line 1 * : is expected, not the end of the line",
    "kernel k(x: in f32[3], x: out f32[3]):": "line 1 * x is made twice",
    "kernel k(x: inout f32[3]):": "line 1 * x is inout, and must be one of in, out, scratch, size",
    "kernel k(x: in f32x4[3]):": "line 1 * an element of x is f32x4, and must be f32",
    "kernel k(x: in f128[3]):": "line 1 * f128 is no type",
    "kernel k(x: in f32[-3]):": "line 1 * the buffer x: in f32[-3]",
    "kernel k(x: in f32[3] at 4):": "line 1 * the buffer x: in at byte 4",
    "kernel k(f32: in f32[3]):": "line 1 * f32 is a word of the language, and no name",
    "kernel k(x: scratch f32[3] at 2):": "line 1 * the buffer x: scratch at byte 2",
    "kernel k(x: scratch f32[3] at 0, y: scratch f32[3] at 8):": "line 1 * the scratch buffers x and y overlap",
    # names
    values("  a: f32 = neg(b)"): "line 2 * b is not made yet, or out of scope",
    values("  a: f32 = neg(a)"): "line 2 * a is not made yet",
    values("  a: f32 = x[0]", "", "  a: f32 = x[1]"): "line 4 * a is made twice",
    values("  x: f32 = x[0]"): "line 2 * x is made twice",
    values("  yield: f32 = x[0]"): "line 2 * yield is a word of the language",
    values("  when: f32 = x[0]"): "line 2 * a name is expected, not :",
    values("  for i in 0..1:", "    a: f32 = x[0]", "  y[0] = a"): "line 4 * a is not made yet, or out of scope",
    values("  for i in 0..1:", "    y[0] = 1.0", "  y[i] = 1.0"): "line 4 * i is not made yet, or out of scope",
    values("  for i in 0..1 with a: f32 = a → b:", "    yield a"): "line 2 * a is not made yet",
    values("  for i in 0..1 with a: f32 = 0.0 → b:", "    yield b"): "line 3 * b is not made yet",
    values("  for i in 0..1:", "    for i in 0..1:"): "line 3 * i is made twice",
    values("  a: f32 = z[0]"): "line 2 * there is no buffer z",
    # words
    values("  a: f32 = ad(1.0, 2.0)"): "line 2 * there is no word ad",
    values("  a: f32 = const(1.0)"): "line 2 * there is no word const",
    values("  a: f32 = add(1.0)"): "line 2 * add takes 2 arguments, and has 1",
    values("  a: f32 = neg(1.0, 2.0)"): "line 2 * neg takes 1 arguments, and has 2",
    values("  a: f32 = x[0]", "  b: f32x4 = add(a, 1.0)"): "line 3 * an argument of add is f32, and must be f32x4",
    values("  a: i32 = x[0]"): "line 2 * what stands in x is i32, and must be f32",
    values("  a: f32 = x[0]", "  b: f64 = less(a, a)"): "line 3 * the value of less is f64, and must be bool",
    values("  a: i32 = sqrt(4)"): "line 2 * sqrt is not for i32",
    values("  a: bf16 = add(1.0, 1.0)"): "line 2 * add is not for bf16",
    values("  a: bool = less(1.0, 2.0)"): "line 2 * the type of 1.0 does not show: write it as f32(1.0)",
    values("  a: f32x4 = splat(1.5)", "  b: f32 = extract(a; 4)"): "line 3 * extract: f32x4 has no lane 4",
    values("  a: f32x4 = splat(1.5)", "  b: f32 = extract(a)"): "line 3 * extract: f32x4 has no lane None",
    values(
        "  a: f32x4 = splat(1.5)", "  b: f32x2 = shuffle(a; 1, 4)"
    ): "line 3 * shuffle: there are no lanes (1, 4) in 4",
    values("  a: f32x4 = splat(1.5)", "  b: f32x4 = shuffle(a; 1, 2)"): "line 3 * shuffle: 2 lanes do not make f32x4",
    values("  a: f32 = splat(1.5)"): "line 2 * splat: one lane",
    values("  a: f32x4 = splat(1.5; 1)"): "line 2 * splat has no attribute",
    values("  a: f32x4 = splat(1.5)", "  b: f64x2 = cast(a)"): "line 3 * cast: f32x4 has not the lanes of f64x2",
    values("  a: f32x4 = splat(1.5)", "  b: f64x4 = bitcast(a)"): "line 3 * bitcast: f32x4 has not the bits of f64x4",
    values("  a: f32x3 = splat(1.5)", "  b: f32 = fold_add(a)"): "line 3 * f32x3 cannot be halved to the end",
    values("  a: f32x512 = splat(1.5)"): "line 2 * f32x512 is no type",
    # numbers
    values("  a: u8 = neg(256)"): "line 2 * 256 is no u8",
    values("  a: i8 = neg(1.0)"): "line 2 * 1.0 is no i8",
    values("  a: f32 = neg(true)"): "line 2 * true is no f32",
    values("  a: f32 = neg(1e39)"): "line 2 * 1e39 is too large for f32",
    values("  y[n] = 1.5e"): "line 2 * e is one word too many",
    values("  y[n + 1.5] = 1.0"): "line 2 * 1.5 is no whole number",
    # memory
    values("  x[0] = 1.0"): "line 2 * x is only read",
    values("  a: f32 = x[0] else 1.0"): "line 2 * something to fill with, and no mask",
    values("  y[0] = 1.0 where true"): "line 2 * a scalar is stored under a condition by `when`",
    values("  a: f32 = x[0]", "  b: f32 = x[a]"): "line 3 * f32 does not place f32",
    values("  a: i64x4 = lanes()", "  b: f32x8 = x[a]"): "line 3 * i64x4 does not place f32x8",
    values("  y[n -3] = 1.0"): "line 2 * ] is expected, not -3",
    values("  a: i64x4 = lanes()", "  m: boolx4 = less(a, 2)", "  b: f32x8 = x[0] where m"): (
        "line 4 * the mask is boolx4, and must be boolx8"
    ),
    values("  a: f32x4 = x[0] where true else n"): "line 2 * what fills is i64, and must be f32x4",
    # control
    values("  for i in 0..n step 0:"): "line 2 * a step of 0",
    values("  for i in 0..n step -1:"): "line 2 * a step of -1",
    values("  for i in 0..1.5:"): "line 2 * 1.5 is no i64",
    values("  for i in 0..1 with a: f32 = 0.0:"): "line 2 * → is expected, not :",
    values("  for i in 0..1 with a: f32 = 0.0 → b, c:"): "line 2 * 1 values are carried, and 2 left",
    values("  for i in 0..1 with a: f32 = 0.0 → b:", "    y[0] = a"): "line 3 * 1 values are carried, and 0 yielded",
    values("  for i in 0..1 with a: f32 = 0.0 → b:", "    yield i"): "line 3 * a value that the loop carries is i64",
    values("  for i in 0..1 with a: f32 = 0.0 → b:", "    yield a, a"): "line 3 * 1 values are carried, and 2 yielded",
    values("  for i in 0..1:", "    yield i"): "line 3 * a yield, and nothing is carried",
    values("  for i in 0..1 with a: f32 = 0.0 → b:", "    yield a", "    y[0] = a"): "line 4 * a line after the yield",
    values("  when true:", "    yield n"): "line 3 * a yield, and nothing is carried",
    values("  when n:"): "line 2 * the condition is i64, and must be bool",
    # lines
    values("    y[0] = 1.0"): "line 2 * it is indented too far",
    values("   y[0] = 1.0"): "line 2 * levels are 2 spaces apart",
    values("\ty[0] = 1.0"): "line 2 * levels are 2 spaces apart",
    values("  y[0] = 1.0", "kernel other():"): "line 3 * a line after the kernel",
    values("  y[0] = 1.0 % 2"): "line 2 * cannot read '% 2'",
    values("  y[0] = 1.0, 2.0"): "line 2 * , is one word too many",
    values(*("  " * level + "when true:" for level in range(1, 70))): "more than 64 levels",
}


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_what_does_not_read(text: str) -> None:
    with pytest.raises(FormatError) as error:
        parse(text)
    assert error.value.code == "LOOPS-01"
    for part in REFUSED[text].split(" * "):
        assert part in str(error.value)


@given(st.text(alphabet="kernel xyn01:()[]{}=.,;→+-#\n \t¼é", max_size=60), st.integers(0, len(EXAMPLE)))
def test_nothing_but_format_errors(noise: str, place: int) -> None:
    for text in (noise, EXAMPLE[:place] + noise + EXAMPLE[place:], EXAMPLE[:place] + EXAMPLE[place + len(noise) :]):
        try:
            kernel = parse(text)
        except FormatError:
            continue
        check_kernel(kernel)
        assert show(parse(show(kernel))) == show(kernel)


@given(st.sampled_from(list(DTYPES)), st.integers(0, 2**64 - 1))
def test_numbers_are_read_as_they_are_printed(dtype: str, bits: int) -> None:
    kind = DTYPES[dtype]
    number = np.frombuffer(bits.to_bytes(8, "little"), "u1" if dtype == "bool" else kind)[0]
    number = bool(number & 1) if dtype == "bool" else number.item()
    build = Builder("k")
    build.store(build.buffer("y", dtype, 1, "out"), build.const(0), build.const(number, Type(dtype)))
    kernel = build.kernel()
    check_kernel(kernel)
    again = parse(show(kernel))
    assert show(again) == show(kernel)
    found, wanted = (np.zeros(1, kind) for _ in range(2))
    run(again, {"y": found})
    run(kernel, {"y": wanted})
    with np.errstate(invalid="ignore"):
        assert found.tobytes() == wanted.tobytes() or (found != found and wanted != wanted)
    assert is_float(kind) or found[0] == number


# kernels that no text can say


F32 = Type("f32")


def broken() -> list[tuple[str, Kernel]]:
    """What is wrong, and a kernel in which it is."""
    build = Builder("k")
    x, y = build.buffer("x", "f32", 4, "in"), build.buffer("y", "f32", 4, "out")
    zero, one = build.const(0), build.const(1.5, F32)
    with build.loop(0, 4) as turn:
        inner = build.load(x, turn.index)
    good = build.kernel()
    loose, index = Value(F32), Value(INDEX)

    def kernel(*more: Any) -> Kernel:
        return Kernel("k", good.buffers, (), good.chunk, (*good.body, *more))

    other = Builder("o").buffer("z", "f32", 4, "out")
    loop = Loop(index, zero, zero, 1, (loose,), (one,), (), (loose,), (Value(F32),))
    away, truth = Value(INDEX), Value(Type("bool"))
    unmade = (
        Load(Value(F32), x, away),
        Load(Value(F32), x, zero, mask=truth),
        Load(Value(F32), x, zero, mask=truth, fill=loose),
        Store(y, away, one),
        Store(y, zero, loose),
        When(truth, ()),
        Loop(index, away, zero, 1, (), (), (), (), ()),
        Loop(index, zero, away, 1, (), (), (), (), ()),
        Loop(index, zero, zero, 1, (Value(F32),), (loose,), (), (one,), (Value(F32),)),
        Loop(index, zero, zero, 1, (Value(F32),), (one,), (), (loose,), (Value(F32),)),
    )
    return [
        ("statement 6 * a f32 that is not made yet", kernel(Let(Value(F32), "neg", (loose,)))),
        ("statement 6 * a f32 that is out of scope", kernel(Let(Value(F32), "neg", (inner,)))),
        ("statement 6 * a value is made twice", kernel(Let(one, "neg", (one,)))),
        ("statement 6 * the buffer z is not the kernel's", kernel(Store(other, zero, one))),
        ("statement 6 * there is no word double", kernel(Let(Value(F32), "double", (one,)))),
        ("statement 6 * 0.1 is no number of f32", kernel(Let(Value(F32), "const", (), 0.1))),
        ("statement 6 * 1 is no f32", kernel(Let(Value(F32), "const", (), 1))),
        ("statement 6 * True is no i64", kernel(Let(Value(INDEX), "const", (), True))),
        ("statement 6 * 300 is out of the range of i8", kernel(Let(Value(Type("i8")), "const", (), 300))),
        ("statement 6 * extract: f32 has no lane 0", kernel(Let(Value(F32), "extract", (one,), 0))),
        ("statement 6 * x is only read", kernel(Store(x, zero, one))),
        ("statement 6 * what stands in y is f64, and must be f32", kernel(Load(Value(Type("f64")), y, zero))),
        ("statement 6 * the condition is f32", kernel(When(one, ()))),
        ("statement 7 * a f32 that is out of scope", kernel(loop, Let(Value(F32), "neg", (loose,)))),
        (
            "statement 9 * a f32 that is out of scope",
            kernel(
                Let(truth, "const", (), True),
                When(truth, (Let(loose, "neg", (one,)),)),
                Let(Value(F32), "neg", (loose,)),
            ),
        ),
        (
            "statement 6 * a value that the loop carries is f32",
            kernel(Loop(index, zero, zero, 1, (Value(INDEX),), (one,), (), (zero,), (Value(INDEX),))),
        ),
        ("statement 6 * begun, yielded, left", kernel(Loop(index, zero, zero, 1, (), (one,), (), (), ()))),
        ("'a b' is no name", Kernel("a b", (), (), good.chunk, ())),
        ("a size is f32", Kernel("k", (), (Value(F32),), good.chunk, ())),
        *(("statement 6 * that is not made yet", kernel(statement)) for statement in unmade),
    ]


BROKEN = broken()


@pytest.mark.parametrize(("reason", "kernel"), BROKEN, ids=range(len(BROKEN)))
def test_the_check_finds(reason: str, kernel: Kernel) -> None:
    with pytest.raises(FormatError) as error:
        check_kernel(kernel)
    assert error.value.code == "LOOPS-02"
    for part in reason.split(" * "):
        assert part in str(error.value)


# the interpreter's own refusals; what it computes is held against machine code in tests/target


def test_accesses_are_checked() -> None:
    def touch(line: str, offset: int) -> None:
        run(parse(values(*line.split("\n"))), {"x": np.zeros(64, "f4"), "y": np.zeros(64, "f4")}, [offset])

    for line in ("  a: f32x8 = x[n]", "  a: f32x8 = x[n + 8]", "  y[n] = f32x8(0.0)", "  a: i8x8 = t[n]"):
        touch(line, 48)
        for offset in (-9, 57):
            with pytest.raises(IndexRangeError, match=r"reaches for element (-9|-1|6[45]) of [xyt], which has 64"):
                touch(line, offset)
    lanes = "  a: i64x8 = lanes()\n  b: i64x8 = splat(n)\n  c: i64x8 = add(a, b)\n  m: boolx8 = less(c, 64)\n"
    for line in ("  d: f32x8 = x[n] where m", "  y[n] = f32x8(0.0) where m", "  d: f32x8 = x[c] where m"):
        touch(lanes + line, 60)
        with pytest.raises(IndexRangeError, match="-1"):
            touch(lanes + line, -1)
    with pytest.raises(IndexRangeError, match="64"):
        touch(lanes + "  d: f32x8 = x[c]", 60)


@pytest.mark.parametrize(
    ("arrays", "sizes", "reason"),
    [
        ({"x": np.zeros(64, "f4")}, [1], r"takes y: f32\[64\], and was given x"),
        ({"x": np.zeros(64, "f8"), "y": np.zeros(64, "f4")}, [1], r"x: f32\[64\], and was given float64\[64\]"),
        ({"x": np.zeros(63, "f4"), "y": np.zeros(64, "f4")}, [1], r"x: f32\[64\], and was given float32\[63\]"),
        ({"x": np.zeros((8, 8), "f4"), "y": np.zeros(64, "f4")}, [1], r"and was given float32\[8, 8\]"),
        ({"x": np.zeros(64, "f4"), "y": np.zeros(64, "f4")}, [], "takes 1 sizes, and was given 0"),
    ],
)
def test_arrays_must_be_those_of_the_kernel(arrays: Any, sizes: list[int], reason: str) -> None:
    with pytest.raises(FormatError, match=reason) as error:
        run(parse(values("  y[0] = 1.0")), arrays, sizes)
    assert error.value.code == "LOOPS-04"


def test_scratch_is_garbage_at_first() -> None:
    kernel = parse("kernel k(t: scratch f32[1] at 4, y: out f32[1]):\n  a: f32 = t[0]\n  y[0] = a")
    y = np.zeros(1, np.float32)
    run(kernel, {"y": y})
    assert np.isnan(y[0])
    run(kernel, {"y": y}, scratch=np.array([1, 2], np.float32).view(np.uint8))
    assert y[0] == 2


def test_every_element_type_has_a_place_in_the_document() -> None:
    line = re.search(r"element +(bool .*)", DOCUMENT)
    assert line and line[1].split() == list(SHORT_NAMES.values())
