"""Loops and branches: what they compute, their derivatives, their lanes, and what they refuse."""

from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, optim, xp
from mapsto.core.errors import DTypeError, NonFiniteError, ShapeError, TraceError, UsageError

RNG = np.random.default_rng(0)
XS = RNG.standard_normal((7, 3))
H0 = RNG.standard_normal(3)
W = RNG.standard_normal((3, 3)) / 2


def cell(w: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = xp.tanh(w @ h + x)
        return h, h * x

    return step


def by_scan(w: Any, h: Any, xs: Any, **settings: Any) -> Any:
    last, ys = mt.scan(cell(w), h, xs, **settings)
    return xp.sum(last * last) + xp.sum(xp.sin(ys))


def by_hand(w: Any, h: Any, xs: Any, reverse: bool = False) -> Any:
    total = 0.0
    turns = range(len(XS))
    for t in reversed(turns) if reverse else turns:
        h, y = cell(w)(h, xs[t])
        total = total + xp.sum(xp.sin(y))
    return total + xp.sum(h * h)


def close(found: Any, wanted: Any, tolerance: float = 1e-12) -> None:
    for one, two in zip(leaves(found), leaves(wanted), strict=True):
        assert one.shape == two.shape
        np.testing.assert_allclose(one, two, rtol=tolerance, atol=tolerance)


def leaves(tree: Any) -> list[np.ndarray]:
    from mapsto.core.tree import flatten

    return [np.asarray(leaf.value) for leaf in flatten(tree)[0]]


ARGUMENTS = tuple(xp.asarray(value) for value in (W, H0, XS))
SETTINGS: list[dict[str, Any]] = [
    {},
    {"reverse": True},
    {"checkpoint": 1},
    {"checkpoint": 2},
    {"checkpoint": 3, "reverse": True},
    {"checkpoint": 7},
    {"checkpoint": 100},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_scan_is_the_loop_and_so_are_its_derivatives(settings: dict[str, Any]) -> None:
    reverse = settings.get("reverse", False)

    def hand(*args: Any) -> Any:
        return by_hand(*args, reverse=reverse)

    def scanned(*args: Any) -> Any:
        return by_scan(*args, **settings)

    every = (0, 1, 2)
    close(scanned(*ARGUMENTS), hand(*ARGUMENTS))
    close(mt.grad(scanned, every)(*ARGUMENTS), mt.grad(hand, every)(*ARGUMENTS))
    close(mt.compile(mt.grad(scanned, every))(*ARGUMENTS), mt.grad(hand, every)(*ARGUMENTS))
    tangents = tuple(xp.sin(x) for x in ARGUMENTS)
    close(mt.jvp(scanned, ARGUMENTS, tangents), mt.jvp(hand, ARGUMENTS, tangents))


def test_second_derivatives_through_a_scan() -> None:
    def steep(function: Any) -> Any:
        return lambda w: xp.sum(mt.grad(function)(w, ARGUMENTS[1], ARGUMENTS[2]) ** 2)

    close(mt.grad(steep(by_scan))(ARGUMENTS[0]), mt.grad(steep(by_hand))(ARGUMENTS[0]), 1e-10)


def test_a_scan_over_lanes() -> None:
    hs = xp.asarray(RNG.standard_normal((4, 3)))
    rows = xp.asarray(RNG.standard_normal((4, 7, 3)))
    w = ARGUMENTS[0]
    many = mt.vmap(mt.grad(by_scan, (0, 1, 2)), in_axes=(None, 0, 0))(w, hs, rows)
    one = [mt.grad(by_scan, (0, 1, 2))(w, h, xs) for h, xs in zip(hs, rows, strict=True)]
    close(many, tuple(xp.stack([each[i] for each in one]) for i in range(3)))
    close(
        mt.vmap(lambda x: mt.scan(lambda c, _: (c + 1, x), 0, length=3))(xp.asarray([5, 6])),
        (np.array([3, 3]), np.array([[5] * 3, [6] * 3])),
    )


def test_a_scan_within_a_scan() -> None:
    table = xp.asarray(RNG.standard_normal((4, 3)))

    def row(total: Any, x: Any) -> Any:
        inner, ys = mt.scan(lambda c, y: (c * 0.5 + xp.sin(y) * total, c), total, x)
        return inner, xp.sum(ys)

    def whole(x: Any) -> Any:
        last, ys = mt.scan(row, xp.asarray(0.3, dtype=xp.float64), x)
        return last + xp.sum(ys)

    def hand(x: Any) -> Any:
        total, made = xp.asarray(0.3, dtype=xp.float64), 0.0
        for i in range(4):
            c = total
            for j in range(3):
                made = made + c
                c = c * 0.5 + xp.sin(x[i, j]) * total
            total = c
        return total + made

    close(whole(table), hand(table))
    close(mt.grad(whole)(table), mt.grad(hand)(table))
    close(mt.compile(mt.grad(whole))(table), mt.grad(hand)(table))


def test_trees_go_through_a_scan() -> None:
    def step(carry: Any, x: Any) -> Any:
        return {"n": carry["n"] + 1, "h": carry["h"] + x["a"]}, (x["b"], None)

    rows = {"a": xp.ones((3, 2)), "b": xp.arange(3)}
    last, (ys, nothing) = mt.scan(step, {"n": 0, "h": xp.zeros(2)}, rows)
    assert nothing is None and int(last["n"]) == 3 and np.asarray(last["h"]).tolist() == [3, 3]
    assert np.asarray(ys).tolist() == [0, 1, 2]


def test_numbers_in_a_carry_take_the_type_of_what_comes() -> None:
    half = xp.ones(3, dtype=xp.float16)
    assert mt.scan(lambda c, x: (c + x, None), 0, half)[0].dtype == np.float16
    assert mt.scan(lambda c, x: (0.5, x), xp.asarray(1.0, dtype=xp.float64), half)[0].dtype == np.float64
    assert mt.scan(lambda c, x: (c, x), 1, length=0, xs=xp.ones((0, 2)))[1].shape == (0, 2)
    assert mt.scan(lambda c, _: (c, 2.0), None, length=3)[1].shape == (3,)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "uint8", "int32"])
def test_a_number_that_is_carried_is_as_in_a_loop_of_pythons(dtype: str) -> None:
    rows = xp.astype(xp.asarray([1, 2, 3]), dtype)
    total = 0
    for row in rows:
        total = total + row
    for call in (
        lambda: mt.scan(lambda c, x: (c + x, c), 0, rows),
        mt.compile(lambda: mt.scan(lambda c, x: (c + x, c), 0, rows)),
    ):
        last, before = call()
        assert last.dtype == before.dtype == total.dtype and float(last) == 6
    assert mt.scan(lambda c, x: ((c[0] + 1, c[1] + x), None), (0, 0.5), xp.ones(2))[0][0].dtype == np.int64


def test_fori_counts() -> None:
    assert int(mt.fori(0, 10, lambda i, total: total + i, 0)) == 45
    assert int(mt.fori(5, 2, lambda i, total: total + i, 7)) == 7
    last = mt.compile(lambda n: mt.fori(0, n, lambda i, total: total + i, 0))
    assert [int(last(n)) for n in (0, 1, 10)] == [0, 0, 45]
    slope = mt.grad(lambda x: mt.fori(0, 5, lambda i, y: y * x, 1.0))
    close(slope(2.0), 80.0, 1e-6)
    assert mt.compile(lambda n: mt.fori(0, n, lambda i, x: x + 0.5, 0.0))(3).dtype == np.float32


def newton(a: Any) -> Any:
    """The square root, by Newton's method until it no longer falls."""

    def going(pair: Any) -> Any:
        return xp.abs(pair[0] - pair[1]) > 1e-12

    return mt.while_loop(going, lambda pair: ((pair[0] + a / pair[0]) / 2, pair[0]), (a, a + 1.0))[0]


def test_a_while_loop_ends_by_its_condition() -> None:
    two = xp.asarray(2.0, dtype=xp.float64)
    close(newton(two), np.sqrt(2.0), 1e-14)
    close(mt.compile(newton)(two), np.sqrt(2.0), 1e-14)
    close(mt.vmap(newton)(xp.asarray([1e-3, 2.0, 1e6], dtype=xp.float64)), np.sqrt([1e-3, 2.0, 1e6]), 1e-12)
    close(mt.jvp(newton, (two,), (1.0,))[1], 0.5 / np.sqrt(2.0), 1e-12)
    with pytest.raises(UsageError, match="LOOP-01"):
        mt.grad(newton)(two)


def collatz(n: Any) -> Any:
    def step(pair: Any) -> Any:
        n, count = pair
        return mt.cond(n % 2 == 0, lambda n: n // 2, lambda n: 3 * n + 1, n), count + 1

    return mt.while_loop(lambda pair: pair[0] > 1, step, (n, 0))[1]


def test_a_branch_in_a_loop_over_lanes() -> None:
    wanted = [0, 1, 7, 2, 5, 8, 16, 3, 19, 6]
    assert [int(collatz(n)) for n in range(1, 11)] == wanted
    assert np.asarray(mt.vmap(collatz)(xp.arange(1, 11))).tolist() == wanted
    assert [int(mt.compile(collatz)(n)) for n in range(1, 11)] == wanted


def chosen(x: Any, y: Any) -> Any:
    return mt.cond(x > y, lambda x, y: x * y, lambda x, y: x * x + y, x, y)


def test_the_derivative_of_a_branch_is_that_of_the_one_that_ran() -> None:
    one, two = (xp.asarray(value, dtype=xp.float64) for value in (3.0, 2.0))
    for f in (mt.grad(chosen, (0, 1)), mt.compile(mt.grad(chosen, (0, 1)))):
        close(f(one, two), (2.0, 3.0))
        close(f(two, one), (4.0, 1.0))
    lanes = (xp.asarray([3.0, 2.0]), xp.asarray([2.0, 3.0]))
    close(mt.vmap(mt.grad(chosen))(*lanes), np.array([2.0, 4.0]))
    close(mt.grad(mt.grad(chosen))(two, one), 2.0)
    close(mt.jvp(chosen, (two, one), (1.0, 0.0))[1], 4.0)


def test_a_branch_closes_over_what_it_needs() -> None:
    def f(x: Any, w: Any) -> Any:
        return mt.switch(xp.astype(x, xp.int64), [lambda: w, lambda: w * w, lambda: x * w])

    for f_or_compiled in (f, mt.compile(f)):
        assert [float(f_or_compiled(float(x), 3.0)) for x in (-1, 0, 1, 2, 9)] == [3, 3, 9, 6, 27]
    close(mt.grad(f, 1)(2.0, 3.0), 2.0)
    close(mt.compile(mt.grad(f, 1))(1.0, 3.0), 6.0)


def test_a_known_predicate_chooses_and_nothing_else_runs() -> None:
    def never(x: Any) -> Any:
        raise AssertionError

    assert int(mt.cond(True, lambda x: x, never, 3)) == 3
    assert int(mt.switch(0, [lambda x: x, never], 3)) == 3


def test_rematerialised_functions_are_the_same() -> None:
    def f(w: Any, x: Any) -> Any:
        return xp.sum(xp.tanh(w @ xp.tanh(w @ x)))

    w, x = ARGUMENTS[:2]
    for transform in (lambda g: mt.grad(g, (0, 1)), lambda g: mt.grad(lambda *a: xp.sum(mt.grad(g)(*a) ** 2))):
        close(transform(mt.remat(f))(w, x), transform(f)(w, x))
        close(mt.compile(transform(mt.remat(f)))(w, x), transform(f)(w, x))
    close(mt.vmap(mt.remat(f), in_axes=(None, 0))(w, ARGUMENTS[2]), mt.vmap(f, in_axes=(None, 0))(w, ARGUMENTS[2]))


def test_a_whole_training_is_one_scan() -> None:
    xs = xp.asarray(RNG.standard_normal((6, 5, 4)), dtype=xp.float32)
    net = nn.Dense(3).init(mt.key(0), xs[0])
    opt = (optim.clip(1.0) >> optim.adam(0.01)).init(net)

    def turn(carry: Any, x: Any) -> Any:
        net, opt = carry
        loss, gradient = mt.value_and_grad(lambda net: xp.sum(net(x) ** 2))(net)
        return opt.step(net, gradient), loss

    def train(net: Any, opt: Any, xs: Any, **settings: Any) -> Any:
        return mt.scan(turn, (net, opt), xs, **settings)

    by_hand, step, losses = (net, opt), mt.compile(turn), []
    for x in xs:
        by_hand, loss = step(by_hand, x)
        losses.append(float(loss))
    for form in (train, mt.compile(train)):
        (last, _), found = form(net, opt, xs)
        close(found, np.array(losses), 1e-5)
        close(last.weight, by_hand[0].weight, 1e-5)
    nested = mt.compile(lambda xs: mt.scan(lambda carry, xs: train(carry[0], carry[1], xs), (net, opt), xs)[1])
    close(xp.reshape(nested(xp.reshape(xs, (3, 2, 5, 4))), (6,)), np.array(losses), 1e-5)
    outer = lambda scale, **settings: xp.sum(train(net, opt, scale * xs, **settings)[1])
    slope = mt.compile(mt.grad(lambda scale: outer(scale, checkpoint=2)))(1.0)
    close(mt.compile(mt.grad(mt.remat(outer)))(1.0), slope, 1e-3)
    close(slope, mt.jvp(outer, (1.0,), (1.0,))[1], 1e-3)

    broken = np.array(xs)
    broken[3, 0, 0] = np.nan
    giving = mt.compile(train, donate=("net", "opt"))
    for form in (train, giving, mt.vmap(train, in_axes=(None, None, 0))):
        with pytest.raises(NonFiniteError, match="gradient"):
            form(net, opt, np.stack([xs, broken]) if form not in (train, giving) else broken)
    close(net(xs[0]), xs[0] @ net.weight + net.bias, 1e-5)  # it was not given away


def test_numbers_of_turns_and_branches_at_their_ends() -> None:
    largest = xp.asarray(2**64 - 1, dtype=xp.uint64)
    branches = [lambda: 1, lambda: 2, lambda: 3]
    assert int(mt.switch(largest, branches)) == 3
    assert int(mt.compile(lambda i: mt.switch(i, branches))(largest)) == 3
    total, rows = mt.scan(lambda c, x: (c + x, c), 0.0, xp.ones(3), checkpoint=True)
    assert float(total) == 3 and rows.shape == (3,)


def test_map_goes_row_by_row() -> None:
    close(mt.map(lambda x: xp.sum(x * x), ARGUMENTS[2]), (XS * XS).sum(1))
    close(mt.grad(lambda x: xp.sum(mt.map(xp.sin, x)))(ARGUMENTS[2]), np.cos(XS))


REFUSED: list[tuple[str, Any, type[Exception], str]] = [
    ("LOOP-02", lambda: mt.scan(lambda c, x: ((c, c), x), 0.0, xp.ones(3)), UsageError, "structure"),
    ("LOOP-03", lambda: mt.scan(lambda c, x: (xp.stack([c, c]), x), xp.ones(2), xp.ones(3)), ShapeError, "shape"),
    ("LOOP-03", lambda: mt.scan(lambda c, x: (c > 0, x), xp.ones(2), xp.ones(3)), ShapeError, "astype"),
    ("LOOP-04", lambda: mt.scan(lambda c, x: (c, x), 0, (xp.ones(3), xp.ones(4))), ShapeError, "0 3, 1 4"),
    ("LOOP-04", lambda: mt.scan(lambda c, x: (c, x), 0, 1.0), ShapeError, "no axis"),
    ("LOOP-04", lambda: mt.scan(lambda c, x: (c, x), 0, xp.ones(3), length=4), ShapeError, "length 4"),
    ("LOOP-05", lambda: mt.scan(lambda c, x: c, 0, xp.ones(3)), UsageError, "pair"),
    ("LOOP-06", lambda: mt.scan(lambda c, x: (c, x), 0), UsageError, "length=10"),
    ("LOOP-06", lambda: mt.scan(lambda c, x: (c, x), 0, length=-1), UsageError, "-1"),
    ("LOOP-06", lambda: mt.scan(lambda c, x: (c, x), 0, xp.ones(3), checkpoint=0), UsageError, "checkpoint"),
    ("LOOP-07", lambda: mt.while_loop(lambda c: c, lambda c: c, 1), DTypeError, "xp.any"),
    ("LOOP-07", lambda: mt.cond(1, lambda: 0, lambda: 1), DTypeError, "compare"),
    ("LOOP-07", lambda: mt.switch(0.5, [lambda: 0]), DTypeError, "integer"),
    (
        "LOOP-08",
        lambda: mt.compile(lambda p: mt.cond(p, lambda: xp.ones(2), lambda: xp.ones(3)))(True),
        UsageError,
        "f32",
    ),
    ("LOOP-08", lambda: mt.switch(0, []), UsageError, "at least one"),
    ("LOOP-10", lambda: mt.while_loop(lambda c: c["n"] < 2, lambda c: c, {"n": 1, "x": 0.5}), UsageError, "never ends"),
    (
        "LOOP-10",
        lambda: mt.compile(lambda x: mt.while_loop(lambda c: True, lambda c: c, x))(1),
        UsageError,
        "next turn",
    ),
    ("TRACE-01", lambda: mt.scan(lambda c, x: (c if x > 0 else -c, x), 0.0, xp.ones(3)), TraceError, "cond"),
    ("ARG-03", lambda: mt.scan(3, 0.0, xp.ones(3)), UsageError, "scan"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(
    ("code", "call", "kind", "says"), REFUSED, ids=[f"{i}-{one[0]}" for i, one in enumerate(REFUSED)]
)
def test_refusal(code: str, call: Any, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert code in str(caught.value) and says in str(caught.value), str(caught.value)


def test_a_carry_that_is_never_changed_where_no_turn_is_made() -> None:
    assert int(mt.while_loop(lambda n: n < 2, lambda n: n, 5)) == 5
    assert int(mt.compile(lambda x: mt.while_loop(lambda n: n < 2, lambda n: n, x))(5)) == 5


def test_a_value_that_leaves_a_loop_is_told() -> None:
    kept: list[Any] = []
    mt.scan(lambda c, x: (kept.append(x), c)[1:] + (x,), 0.0, xp.ones(3))
    with pytest.raises(TraceError, match="TRACE-02"):
        _ = kept[0] + 1
