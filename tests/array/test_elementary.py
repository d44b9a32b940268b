"""Elementary and special functions: the C library and SciPy on dense grids, special values, all 16-bit floats."""

import math

import numpy as np
import pytest
import scipy.special

import mapsto as mt
from mapsto import xp
from mapsto.core.spec import BFLOAT16

inf, nan = math.inf, math.nan
WIDE = np.concatenate([np.linspace(-30, 30, 4001), [1e-300, -1e-300, 1e-9, 700.0, -700.0]])
UNIT = np.concatenate([np.linspace(-1, 1, 4001), [1e-300, -1e-9, 1 - 1e-16, -1 + 1e-12]])
POSITIVE = np.concatenate([np.linspace(1e-3, 30, 4001), np.logspace(-300, 300, 601)])


def ulps(found, wanted):
    """The largest distance in units of the last place of what is wanted; NaN and infinities must agree."""
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    finite = np.isfinite(wanted)
    assert np.array_equal(found[~finite], wanted[~finite], equal_nan=True)
    found, wanted = found[finite], wanted[finite]
    return np.max(np.abs(found - wanted) / np.spacing(np.abs(wanted)), initial=0.0)


GRIDS = {
    **dict.fromkeys("sin cos tan atan sinh cosh tanh asinh exp expm1 floor ceil trunc".split(), WIDE),
    **dict.fromkeys("asin acos".split(), UNIT),
    "atanh": UNIT[np.abs(UNIT) < 1],
    "acosh": POSITIVE[POSITIVE >= 1],
    "log1p": POSITIVE - 0.999,
    **dict.fromkeys("log log2 log10 sqrt".split(), POSITIVE),
}


@pytest.mark.parametrize("name", GRIDS)
def test_against_the_c_library(name):
    """Python's `math` is another implementation than NumPy's; both are within 2 units of the last place or so."""
    x = GRIDS[name]
    wanted = [float(getattr(math, name)(number)) for number in x.tolist()]
    assert ulps(getattr(xp, name)(x), wanted) <= 4


def test_pairs_against_the_c_library():
    x, y = (side.reshape(-1) for side in np.meshgrid(WIDE[::40], WIDE[::37]))
    for name in ("atan2", "hypot", "copysign", "nextafter"):
        wanted = [getattr(math, name)(*pair) for pair in zip(x.tolist(), y.tolist(), strict=True)]
        assert ulps(getattr(xp, name)(x, y), wanted) <= 2, name
    assert ulps(xp.logaddexp(x, y), np.logaddexp(x, y)) <= 8
    assert float(xp.hypot(np.array(1e200), np.array(1e200))) == math.hypot(1e200, 1e200)


def test_erf_against_scipy():
    """At most 6 units of the last place, or 4e-16; half a unit, rounded once, in the shorter types."""
    x = np.concatenate([np.linspace(-7, 7, 200_001), np.logspace(-300, 0, 601), [0.0, -0.0, inf, -inf, nan]])
    assert ulps(xp.erf(x), scipy.special.erf(x)) <= 6
    assert np.nanmax(np.abs(np.asarray(xp.erf(x)) - scipy.special.erf(x))) <= 4e-16
    short = x.astype(np.float32)
    np.testing.assert_allclose(xp.erf(short), scipy.special.erf(short.astype(np.float64)), rtol=6.1e-8, atol=7.1e-46)


def test_erfinv_against_scipy():
    """At most 8 units of the last place up to the last numbers before 1, and it undoes erf."""
    near_one = 1 - np.logspace(-16, 0, 5001)
    y = np.concatenate([np.linspace(-1, 1, 200_001), near_one, -near_one, np.logspace(-300, 0, 601), [1.5, -2.0, nan]])
    assert ulps(xp.erfinv(y), scipy.special.erfinv(y)) <= 8
    assert np.signbit(np.asarray(xp.erfinv(np.array(-0.0))))
    x = np.linspace(-2, 2, 1001)
    np.testing.assert_allclose(xp.erfinv(xp.erf(x)), x, rtol=0, atol=1e-14)


SPECIAL = [  # the standard's special cases, function by function
    ("acos", 1.0, 0.0), ("acos", 1.5, nan), ("acosh", 1.0, 0.0), ("acosh", 0.5, nan), ("acosh", inf, inf),
    ("asin", -0.0, -0.0), ("asin", -1.5, nan), ("asinh", -inf, -inf), ("asinh", -0.0, -0.0), ("atan", inf, math.pi / 2),
    ("atan", -0.0, -0.0), ("atanh", 1.0, inf), ("atanh", -1.0, -inf), ("atanh", 1.5, nan), ("ceil", -0.5, -0.0),
    ("ceil", inf, inf), ("cos", inf, nan), ("cosh", -inf, inf), ("exp", -inf, 0.0), ("exp", inf, inf),
    ("expm1", -inf, -1.0), ("expm1", -0.0, -0.0), ("floor", -0.0, -0.0), ("floor", 0.5, 0.0), ("log", 0.0, -inf),
    ("log", -1.0, nan), ("log", inf, inf), ("log1p", -1.0, -inf), ("log1p", -0.0, -0.0), ("log1p", -2.0, nan),
    ("log2", 0.0, -inf), ("log2", 8.0, 3.0), ("log10", 1.0, 0.0), ("log10", -1.0, nan), ("reciprocal", -0.0, -inf),
    ("reciprocal", inf, 0.0), ("round", -0.5, -0.0), ("round", 2.5, 2.0), ("rsqrt", 0.0, inf), ("rsqrt", -1.0, nan),
    ("rsqrt", inf, 0.0), ("sign", -0.0, 0.0), ("sin", -0.0, -0.0), ("sin", -inf, nan), ("sinh", -0.0, -0.0),
    ("sinh", -inf, -inf), ("sqrt", -0.0, -0.0), ("sqrt", -1.0, nan), ("square", -inf, inf), ("tan", inf, nan),
    ("tan", -0.0, -0.0), ("tanh", inf, 1.0), ("tanh", -0.0, -0.0), ("trunc", -0.5, -0.0), ("trunc", 0.5, 0.0),
    ("trunc", -inf, -inf), ("abs", -0.0, 0.0), ("negative", 0.0, -0.0), ("erf", inf, 1.0), ("erf", -0.0, -0.0),
    ("erfinv", 1.0, inf), ("erfinv", -1.0, -inf), ("erfinv", 1.5, nan),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["f16", "bf16", "f32", "f64"])
def test_special_values(dtype):
    for name, given, wanted in SPECIAL:
        found = getattr(xp, name)(xp.asarray(given, dtype=dtype))
        assert found.dtype == xp.asarray(0.0, dtype=dtype).dtype
        number, goal = float(found), float(xp.asarray(wanted, dtype=dtype))
        assert str(number) == str(goal), f"{name}({given}) is {number}, not {goal}"
    for name in {name for name, _, _ in SPECIAL}:
        assert math.isnan(float(getattr(xp, name)(xp.asarray(nan, dtype=dtype)))), name


PAIRS = [
    ("atan2", 0.0, -0.0, math.pi), ("atan2", -0.0, -0.0, -math.pi), ("atan2", 0.0, 0.0, 0.0),
    ("atan2", 1.0, 0.0, math.pi / 2), ("atan2", inf, inf, math.pi / 4), ("atan2", -inf, -inf, -3 * math.pi / 4),
    ("atan2", 1.0, inf, 0.0), ("atan2", 1.0, -inf, math.pi), ("atan2", nan, 1.0, nan), ("hypot", inf, nan, inf),
    ("hypot", nan, 1.0, nan), ("hypot", -3.0, 4.0, 5.0), ("copysign", 1.0, -0.0, -1.0), ("copysign", -inf, 1.0, inf),
    ("copysign", 0.0, -1.0, -0.0), ("nextafter", 1.0, 1.0, 1.0), ("nextafter", 0.0, -0.0, -0.0),
    ("nextafter", 1.0, nan, nan), ("logaddexp", -inf, -inf, -inf), ("logaddexp", inf, inf, inf),
    ("logaddexp", -inf, 2.0, 2.0), ("logaddexp", inf, -inf, inf), ("logaddexp", nan, 1.0, nan), ("pow", 0.0, 0.0, 1.0),
    ("pow", nan, 0.0, 1.0), ("pow", 1.0, nan, 1.0), ("pow", -8.0, 1 / 3, nan), ("pow", 0.0, -1.0, inf),
    ("pow", -0.0, -1.0, -inf), ("pow", inf, -2.0, 0.0), ("divide", -1.0, 0.0, -inf), ("divide", 0.0, 0.0, nan),
    ("floor_divide", 5.0, -3.0, -2.0), ("floor_divide", 1.0, 0.0, inf), ("floor_divide", 0.0, 0.0, nan),
    ("remainder", 5.0, -3.0, -1.0), ("remainder", -0.0, 3.0, 0.0), ("remainder", 1.0, 0.0, nan),
    ("remainder", 1.0, inf, 1.0), ("maximum", nan, 1.0, nan), ("minimum", 1.0, nan, nan), ("maximum", 0.0, -0.0, 0.0),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["f16", "bf16", "f32", "f64"])
def test_special_pairs(dtype):
    for name, x, y, wanted in PAIRS:
        found = float(getattr(xp, name)(xp.asarray(x, dtype=dtype), xp.asarray(y, dtype=dtype)))
        goal = float(xp.asarray(wanted, dtype=dtype))
        assert str(found) == str(goal), f"{name}({x}, {y}) is {found}, not {goal}"


FUNCTIONS = (
    """abs ceil cos cosh erf erfinv exp expm1 floor log log10 log1p log2 negative reciprocal relu round rsqrt
sigmoid sign sin sinh sqrt square tan tanh trunc acos acosh asin asinh atan atanh""".split()
    + ["power -3", "power 5"]
)


@pytest.mark.parametrize("dtype", [np.dtype(np.float16), BFLOAT16], ids=["f16", "bf16"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_all_numbers_of_16_bits(name, dtype):
    """Each of the 65,536 is the float32 result, rounded; or rarely its neighbour, float32 being off by a bit."""
    x = np.arange(2**16, dtype=np.uint16).view(dtype)
    with np.errstate(invalid="ignore"):  # signalling NaNs
        x = x[~np.isnan(x)]
    function = getattr(xp, name, None) or (lambda x: x ** int(name.removeprefix("power ")))
    found, exact = (np.asarray(function(array)) for array in (xp.asarray(x), xp.asarray(x.astype(np.float32))))
    wanted = np.asarray(xp.astype(exact, dtype))
    assert found.dtype == dtype and np.array_equal(np.isnan(found), np.isnan(wanted))
    kept = ~np.isnan(found)
    assert np.array_equal(np.signbit(found[kept]), np.signbit(wanted[kept]))
    patterns = [array[kept].view(np.uint16).astype(int) for array in (found, wanted)]
    assert np.abs(patterns[0] - patterns[1]).max() <= 1
    assert (patterns[0] != patterns[1]).mean() < 1e-3


def test_neighbours():
    for dtype, one in (("f16", 2**-10), ("bf16", 2**-7), ("f32", 2**-23), ("f64", 2**-52)):
        info, x = xp.finfo(dtype), xp.asarray([1.0, 1.0, inf, -inf, 0.0, 0.0], dtype=dtype)
        found = xp.nextafter(x, xp.asarray([2.0, 0.0, 0.0, 0.0, 1.0, -1.0], dtype=dtype)).tolist()
        assert found[:4] == [1 + one, 1 - one / 2, info.max, info.min] and info.eps == one
        assert found[4] == -found[5] == info.smallest_normal * one
        assert float(xp.nextafter(xp.asarray(info.max, dtype=dtype), xp.asarray(inf, dtype=dtype))) == inf


# derivatives where formulas meet


def second(function, x):
    return float(mt.grad(mt.grad(function))(xp.asarray(x, dtype=xp.float64)))


def test_logaddexp_divides_its_derivative():
    for x, y in ((0.0, 0.0), (1000.0, 1000.0), (-3.0, -3.0)):
        assert float(mt.grad(xp.logaddexp)(x, y)) == 0.5
        assert float(mt.grad(lambda y, x: xp.logaddexp(x, y))(y, x)) == 0.5
    assert second(lambda x: xp.logaddexp(x, xp.asarray(0.0, dtype=xp.float64)), 0.0) == 0.25
    assert float(mt.grad(lambda x: xp.logaddexp(x, -inf))(1.0)) == 1.0


def test_derivatives_at_the_origin():
    assert float(mt.grad(lambda x: xp.hypot(x, 0.0))(0.0)) == 0.0
    assert float(mt.grad(lambda x: xp.atan2(x, 0.0))(0.0)) == 0.0
    assert float(mt.grad(lambda x: xp.copysign(x, -1.0))(2.0)) == -1.0
    assert float(mt.grad(lambda x: xp.nextafter(x, 9.0))(2.0)) == 1.0
    for name in ("floor", "ceil", "trunc", "round", "sign"):
        assert float(mt.grad(getattr(xp, name))(0.3)) == 0.0, name


SECOND = {  # second derivatives by hand at 0.3, 1.7 for acosh
    "asin": 0.3 / (1 - 0.09) ** 1.5, "acos": -0.3 / (1 - 0.09) ** 1.5, "atan": -0.6 / 1.09**2,
    "asinh": -0.3 / 1.09**1.5, "atanh": 0.6 / (1 - 0.09) ** 2, "log2": -1 / (0.09 * math.log(2)),
    "log10": -1 / (0.09 * math.log(10)), "tan": 2 * math.tan(0.3) / math.cos(0.3) ** 2, "sinh": math.sinh(0.3),
    "cosh": math.cosh(0.3), "reciprocal": 2 / 0.027, "rsqrt": 0.75 * 0.3**-2.5,
    "erf": -4 * 0.3 / math.sqrt(math.pi) * math.exp(-0.09),
}  # fmt: skip


@pytest.mark.parametrize("name", SECOND)
def test_second_derivatives(name):
    assert second(getattr(xp, name), 0.3) == pytest.approx(SECOND[name], rel=1e-13)


def test_second_derivatives_of_inverses():
    y = math.erf(0.4)
    slope = math.sqrt(math.pi) / 2 * math.exp(0.16)
    assert second(xp.erfinv, y) == pytest.approx(2 * 0.4 * slope**2, rel=1e-12)
    assert second(xp.acosh, 1.7) == pytest.approx(-1.7 / (1.7**2 - 1) ** 1.5, rel=1e-13)
