"""Element types: bfloat16 wherever a float may stand, which type operands share, and what a type says of itself."""

from itertools import product

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from mapsto.core.spec import BFLOAT16, DTYPES, SHORT_NAMES, is_float

FLOATS = ["f16", "bf16", "f32", "f64"]


def half(*numbers):
    return xp.asarray(numbers, dtype=xp.bfloat16)


# which type operands share


def expected(left, right):
    """By the standard's table, and beyond it: integers give way to floats, truth values to all."""
    ranks = [2 if is_float(DTYPES[n]) else 0 if n == "bool" else 1 for n in (left, right)]
    if ranks[0] != ranks[1]:
        return left if ranks[0] > ranks[1] else right
    if {left, right} == {"f16", "bf16"}:
        return "f32"
    if {left, right} == {"u64"} or "u64" not in (left, right) or left[0] == right[0]:
        return SHORT_NAMES[np.promote_types(DTYPES[left], DTYPES[right])]
    return None


@pytest.mark.parametrize("left", DTYPES)
def test_all_pairs_of_types(left):
    for right in DTYPES:
        wanted = expected(left, right)
        x, y = xp.ones(2, dtype=left), xp.ones(2, dtype=right)
        if wanted is None:
            for call in (lambda x=x, y=y: xp.maximum(x, y), lambda right=right: xp.result_type(left, right)):
                with pytest.raises(mt.DTypeError, match="do not fit"):
                    call()
            assert not xp.can_cast(left, right)
            continue
        assert xp.maximum(x, y).dtype == xp.result_type(left, right) == xp.result_type(x, y) == DTYPES[wanted]
        assert mt.compile(xp.maximum)(x, y).dtype == DTYPES[wanted]
        assert xp.can_cast(left, right) == (wanted == right)


def test_python_numbers_take_part_by_their_kind():
    for short, dtype in DTYPES.items():
        x = xp.ones(2, dtype=short)
        assert xp.result_type(x, True) == xp.where(True, x, False).dtype == dtype
        whole = xp.int64 if short == "bool" else dtype
        assert xp.result_type(x, 1) == xp.maximum(x, 1).dtype == whole
        assert xp.result_type(short, 1.5) == xp.maximum(x, 1.5).dtype == (dtype if is_float(dtype) else xp.float32)
    assert (xp.result_type(1, 2), xp.result_type(1, 2.0), xp.result_type(True)) == (xp.int64, xp.float32, xp.bool)
    assert xp.result_type(np.float64(1), "f16") == xp.float16
    assert xp.result_type(np.zeros(2, np.float64), "f16") == xp.float64
    with pytest.raises(mt.UsageError, match="at least one operand"):
        xp.result_type()
    with pytest.raises(mt.DTypeError, match="is not an element type"):
        xp.result_type("f32", "c64")


# what a type says of itself


def test_kinds():
    table = {
        "bool": ["bool"],
        "signed integer": ["i8", "i16", "i32", "i64"],
        "unsigned integer": ["u8", "u16", "u32", "u64"],
        "integral": ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"],
        "real floating": FLOATS,
        "complex floating": [],
        "numeric": [name for name in DTYPES if name != "bool"],
    }
    for (kind, members), name in product(table.items(), DTYPES):
        assert xp.isdtype(DTYPES[name], kind) == (name in members), (name, kind)
    assert xp.isdtype(xp.float32, (xp.float64, "real floating")) and not xp.isdtype(xp.int8, xp.uint8)
    with pytest.raises(mt.UsageError, match="did you mean 'integral'"):
        xp.isdtype(xp.int8, "integrals")


@pytest.mark.parametrize("name", FLOATS)
def test_finfo(name):
    info, dtype = xp.finfo(name), DTYPES[name]
    assert info.dtype == dtype and info.bits == 8 * dtype.itemsize and info.min == -info.max
    one = xp.asarray(1.0, dtype=name)
    assert float(one + info.eps) == 1 + info.eps and float(one + info.eps / 2) == 1.0
    largest = xp.asarray(info.max, dtype=name)
    assert float(largest) == info.max and float(largest * 2) == float("inf")
    assert xp.finfo(xp.ones(1, dtype=name)) == xp.finfo(np.ones(1, dtype)) == info
    with pytest.raises(mt.DTypeError, match=r"xp\.finfo for floats"):
        xp.iinfo(name)


def test_iinfo():
    for name, dtype in DTYPES.items():
        if dtype.kind in "iu":
            info = xp.iinfo(xp.ones(1, dtype=name))
            ends = (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
            assert (info.min, info.max, info.bits, info.dtype) == (*ends, 8 * dtype.itemsize, dtype)
    for call, wrong in ((xp.iinfo, "bool"), (xp.finfo, "i32"), (xp.finfo, "bool")):
        with pytest.raises(mt.DTypeError, match="needs"):
            call(wrong)


# bfloat16


def test_it_is_made_and_shown():
    x = half(1.5, -2, 1 / 3, float("inf"))
    assert repr(x) == "array([1.5, -2, 0.333984, inf], bf16[4])"
    assert x.dtype == xp.bfloat16 == BFLOAT16 and x.tolist() == [1.5, -2.0, 0.333984375, float("inf")]
    assert f"{x[2]:.3f}" == "0.334" and float(x[0]) == x[0].item() == 1.5 and isinstance(x[0].item(), float)
    assert xp.asarray(np.asarray(x)).dtype == xp.bfloat16 and xp.zeros_like(x).dtype == xp.bfloat16
    for name in ("bf16", "bfloat16", xp.bfloat16):
        assert xp.arange(3, dtype=name).dtype == xp.linspace(0.0, 1.0, 3, dtype=name).dtype == xp.bfloat16
    assert xp.result_type(np.asarray(x)[0], "f32") == xp.float32  # a scalar of NumPy's is a number


def test_numbers_keep_the_type():
    x = half(1.0, 2.0)
    made = [x + 1, x * 0.1, 2.5 - x, x**2, x**0.5, x / 3, x // 0.3, x % 0.3]
    for y in (*made, xp.where(x > 1, x, 0.0), xp.maximum(0.1, x)):
        assert y.dtype == xp.bfloat16
    function = lambda x: xp.sum(xp.exp(x) * 0.1 + xp.sqrt(x))
    assert function(x).dtype == mt.compile(function)(x).dtype == mt.grad(function)(x).dtype == xp.bfloat16
    assert mt.vmap(lambda x: x * 2.5)(x).dtype == xp.bfloat16
    with pytest.raises(mt.DTypeError, match="bool or integers"):
        _ = x & x


def test_a_net_in_bfloat16(tmp_path):
    net = (nn.Dense(8) >> nn.relu >> nn.Dense(3)).init(mt.key(0), xp.ones((2, 5)))
    small = net.cast(xp.bfloat16)
    x = np.random.default_rng(0).standard_normal((4, 5)).astype(np.float32)
    answer = small(xp.asarray(x).astype(xp.bfloat16))
    assert answer.dtype == xp.bfloat16
    np.testing.assert_allclose(np.asarray(answer, np.float32), net(x), atol=0.05)
    slopes = mt.grad(lambda net: xp.sum(net(xp.asarray(x).astype(xp.bfloat16)) ** 2))(small)
    assert slopes.dense_1.weight.dtype == xp.bfloat16 and bool(xp.any(slopes.dense_1.weight != 0))
    mt.save(small, tmp_path / "net.mapsto")
    again = mt.load(tmp_path / "net.mapsto")(xp.asarray(x).astype(xp.bfloat16))
    assert np.asarray(again).tobytes() == np.asarray(answer).tobytes()


def test_what_cannot_hold_it_says_so():
    with pytest.raises(mt.DTypeError, match=r"xp\.astype\(x, xp\.float32\)"):
        np.from_dlpack(half(1.0))
    assert half(1.0).astype(xp.float32).__dlpack_device__() == (1, 0)


@pytest.mark.parametrize("dtype", [xp.float16, xp.bfloat16])
def test_normal_numbers_of_16_bits_have_tails(dtype):
    """The float32 ones, rounded: drawn in 16 bits none would lie beyond 3.3 deviations."""
    found = mt.random.normal(mt.key(0), (20_000,), dtype=dtype)
    assert float(xp.max(xp.abs(found))) > 3.7
    assert xp.all(found == xp.astype(mt.random.normal(mt.key(0), (20_000,)), dtype))


@pytest.mark.parametrize("dtype", [xp.float16, xp.bfloat16, xp.float64])
def test_drawn_numbers_have_the_type_asked_for(dtype):
    for bounds in ((-1.0, 1.0), (0, 2), (0.0, 1.0)):
        found = mt.random.uniform(mt.key(0), (500,), *bounds, dtype=dtype)
        assert found.dtype == dtype
        assert xp.all(found >= bounds[0]) and xp.all(found < bounds[1])
    assert mt.random.normal(mt.key(0), (3,), 1.0, 2.0, dtype=dtype).dtype == dtype
