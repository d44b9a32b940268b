"""Derivatives and maps over axes: against finite differences, loops, and each other."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, nn, xp

X = np.random.Generator(np.random.PCG64(7)).normal(size=(3, 4))
V = np.random.Generator(np.random.PCG64(8)).normal(size=(3, 4))


def f(x):
    """A smooth mapping f64[n, m] ↦ f64[m, m] of many primitives."""
    y = xp.tanh(x.T @ x) + xp.exp(-xp.sum(x**2, axis=0) / 4)
    return y * xp.sigmoid(y[::-1]) + xp.logsumexp(x, axis=0)


def g(x):
    """The same as one number."""
    return xp.sum(f(x) * xp.sin(f(x)))


def differences(function, x, step=1e-6):
    """The Jacobian of f64[...] ↦ f64[...] by central differences, shape of the result first."""
    columns = []
    for place in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[place] = step
        columns.append((np.asarray(function(x + shift)) - np.asarray(function(x - shift))) / (2 * step))
    return np.moveaxis(np.array(columns), 0, -1).reshape(*columns[0].shape, *x.shape)


def close(found, expected, rtol=1e-8):
    expected = np.asarray(expected)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * max(np.abs(expected).max(initial=0), 1e-3))


# first derivatives


def test_grad_is_the_difference_quotient():
    close(mt.grad(g)(X), differences(g, X))
    value, gradient = mt.value_and_grad(g)(X)
    assert float(value) == float(g(xp.asarray(X)))
    np.testing.assert_array_equal(gradient, mt.grad(g)(X))


def test_jvp_and_vjp_are_the_difference_quotient_and_dual():
    jacobian = differences(f, X)
    y, tangent = mt.jvp(f, (X,), (V,))
    close(tangent, np.tensordot(jacobian, V, 2))
    u = np.cos(np.arange(16.0)).reshape(4, 4)
    value, pull = mt.vjp(f, X)
    np.testing.assert_array_equal(y, value)
    (cotangent,) = pull(u)
    close(cotangent, np.tensordot(u, jacobian, 2))
    assert float(xp.sum(xp.asarray(u) * tangent)) == pytest.approx(float(xp.sum(cotangent * V)), rel=1e-12)


# two deep: each way to a second derivative gives the same Hessian-vector product


def by_grad(h):
    return lambda x: mt.grad(h)(x)


def by_vjp(h):
    return lambda x: mt.vjp(h, x)[1](1.0)[0]


def by_compile(h):
    return mt.compile(mt.grad(h))


def by_vmapped_jvp(h):
    units = np.eye(12).reshape(12, 3, 4)
    return lambda x: mt.vmap(lambda v: mt.jvp(h, (x,), (v,))[1])(units).reshape(3, 4)


GRADIENTS = [by_grad, by_vjp, by_compile, by_vmapped_jvp]
PRODUCTS = {
    "grad": lambda first, x, v: mt.grad(lambda x: xp.sum(first(x) * v))(x),
    "vjp": lambda first, x, v: mt.vjp(first, x)[1](v)[0],
    "jvp": lambda first, x, v: mt.jvp(first, (x,), (v,))[1],
    "compiled": lambda first, x, v: mt.compile(lambda x, v: mt.jvp(first, (x,), (v,))[1])(x, v),
    "vmapped": lambda first, x, v: mt.vmap(lambda v: mt.jvp(first, (x,), (v,))[1])(v[None])[0],
}


@pytest.mark.parametrize("second", PRODUCTS)
@pytest.mark.parametrize("first", GRADIENTS)
def test_hessian_vector_products_agree(first, second):
    expected = np.tensordot(differences(mt.grad(g), X), V, 2)
    close(PRODUCTS[second](first(g), X, V), expected, rtol=1e-7)


def test_third_derivative():
    third = mt.grad(mt.grad(mt.grad(lambda x: xp.sin(x) * x**3)))
    x = np.float64(0.7)
    expected = -(x**3) * np.cos(x) - 9 * x**2 * np.sin(x) + 18 * x * np.cos(x) + 6 * np.sin(x)
    assert float(third(np.array(x))) == pytest.approx(expected, rel=1e-12)


def test_hessian_of_rosenbrock():
    def rosenbrock(x):
        return xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    x = np.array([-1.2, 1.0])
    units = np.eye(2)
    gradient = mt.grad(rosenbrock)
    hessian = mt.vmap(lambda v: mt.jvp(gradient, (x,), (v,))[1])(units)
    a, b = x
    np.testing.assert_allclose(gradient(x), [-400 * a * (b - a * a) - 2 * (1 - a), 200 * (b - a * a)], rtol=1e-12)
    np.testing.assert_allclose(hessian, [[1200 * a * a - 400 * b + 2, -400 * a], [-400 * a, 200]], rtol=1e-12)


def test_perturbations_are_not_confused():
    c = np.array(3.0)
    inner = lambda a: mt.grad(lambda b: a * b)(c)
    assert float(mt.grad(inner)(c)) == 1.0
    assert float(mt.jvp(inner, (c,), (1.0,))[1]) == 1.0
    assert float(mt.jvp(lambda a: mt.jvp(lambda b: a * b, (c,), (1.0,))[1], (c,), (1.0,))[1]) == 1.0
    # Siskind and Pearlmutter (2005): d/dx (x · d/dy (x + y)) = 1.
    assert float(mt.grad(lambda x: x * mt.grad(lambda y: x + y)(1.0))(1.0)) == 1.0


def test_a_value_of_the_outer_trace_is_a_constant_of_the_inner():
    assert float(mt.grad(lambda x: mt.grad(lambda y: x * x * y)(x) + x)(2.0)) == 5.0


# what is differentiated


def test_trees_keep_their_structure_and_integers_give_none():
    tree = {"w": np.array([1.0, 2.0]), "n": np.array([3, 4]), "pair": (np.float64(2.0), [True, 5])}
    gradient = mt.grad(lambda t: xp.sum(t["w"] * t["n"]) * t["pair"][0])(tree)
    assert list(gradient) == ["w", "n", "pair"]
    np.testing.assert_array_equal(gradient["w"], [6.0, 8.0])
    assert gradient["n"] is None and gradient["pair"][1] == [None, None]
    assert float(gradient["pair"][0]) == 11.0


class Counting(mt.Mapping):
    """x ↦ w·x + mean: a layer with a parameter, a state and an array."""

    def __init__(self):
        self.w = mt.param((2,), nn.ones)
        self.mean = mt.state((2,), nn.ones)
        self.table = xp.asarray([1.0, 2.0])

    def __call__(self, x):
        return x * self.w + self.mean * self.table


def test_only_parameters_of_a_mapping_are_differentiated():
    net = Counting().init(mt.key(0), xp.ones((1, 2)))
    gradient = mt.grad(lambda net: net(xp.asarray([[3.0, 4.0]])).sum())(net)
    assert isinstance(gradient, Counting)
    np.testing.assert_array_equal(gradient.w, [3.0, 4.0])
    assert gradient.mean is None and gradient.table is None


def test_frozen_parameters_give_none():
    net = (nn.Dense(3) >> nn.Dense(1)).init(mt.key(0), xp.ones((1, 2)))
    frozen = mt.freeze(net, "dense_1.**")
    objective = lambda net: net(xp.ones((4, 2))).sum()
    gradient, whole = mt.grad(objective)(frozen), mt.grad(objective)(net)
    assert gradient.dense_1.weight is None and gradient.dense_1.bias is None
    np.testing.assert_array_equal(gradient.dense_2.weight, whole.dense_2.weight)


def test_argnums():
    first, second = mt.grad(lambda a, b, c: a * b * b + c, argnums=(0, 1))(2.0, 3.0, 1)
    assert (float(first), float(second)) == (9.0, 12.0)
    assert float(mt.grad(lambda a, b: a * b, argnums=1)(2.0, 3.0)) == 2.0


def test_what_the_value_does_not_depend_on_has_gradient_zero():
    gradient = mt.grad(lambda a, b: xp.sum(a * 2), argnums=(0, 1))(X, V)
    np.testing.assert_array_equal(gradient[1], np.zeros((3, 4)))
    with pytest.warns(mt.Note, match="does not depend"):
        assert float(mt.grad(lambda x: 3.0)(1.0)) == 0.0


def test_tangents_and_cotangents_are_matched_by_path():
    tangents = {"b": 1.0, "a": 0.0}
    _, moved = mt.jvp(lambda t: t["a"] * 10 + t["b"], ({"a": 1.0, "b": 2.0},), (tangents,))
    assert float(moved) == 1.0
    _, moved = mt.jvp(lambda t: t["a"] * 10 + t["b"], ({"a": 1.0, "b": 2.0},), ({"a": 1.0},))
    assert float(moved) == 10.0
    _, pull = mt.vjp(lambda x: {"a": 10 * x, "b": x}, 1.0)
    assert float(pull(tangents)[0]) == 1.0
    with pytest.raises(mt.UsageError, match="'c'"):
        pull({"c": 1.0})


def test_arguments_without_floats_are_constants_to_vjp():
    _, pull = mt.vjp(lambda x, labels: xp.sum(x * labels), X, xp.arange(4))
    gradient, none = pull(1.0)
    assert gradient.shape == (3, 4) and none is None


def test_aux_is_passed_on_and_is_no_longer_traced():
    (value, aux), gradient = mt.value_and_grad(lambda x: (xp.sum(x**2), {"y": 2 * x, "name": "a"}), aux=True)(X)
    np.testing.assert_array_equal(aux["y"], 2 * X)
    assert aux["name"] == "a" and type(aux["y"]) is mt.Array
    np.testing.assert_array_equal(gradient, 2 * X)
    gradient, aux = mt.grad(lambda x: (xp.sum(x**2), 3), aux=True)(X)
    assert aux == 3
    np.testing.assert_allclose(value, (X**2).sum())


def test_stop_gradient():
    assert float(mt.grad(lambda x: x * mt.stop_gradient(x))(3.0)) == 3.0
    assert float(mt.jvp(lambda x: x * mt.stop_gradient(x), (3.0,), (1.0,))[1]) == 3.0
    assert float(mt.grad(mt.grad(lambda x: x * mt.stop_gradient(x * x)))(3.0)) == 0.0
    assert float(mt.grad(mt.compile(lambda x: x * mt.stop_gradient(x)))(3.0)) == 3.0


def test_python_control_flow_on_values():
    def power(x, n):
        result = 1.0
        for _ in range(int(n)):
            result = result * x
        if result > 100:
            return xp.log(result)
        while result < 10:
            result = result * 2
        return result

    assert float(mt.grad(power)(3.0, 2)) == 12.0  # 9 ↦ 18 = 2x²
    assert float(mt.grad(power)(5.0, 3)) == pytest.approx(0.6)  # log x³
    assert float(mt.grad(mt.grad(power))(3.0, 2)) == 4.0


def test_nothing_that_was_not_chosen_by_where_matters():
    root = lambda x: xp.where(x > 0, xp.sqrt(x), 0.0)
    assert float(mt.grad(root)(0.0)) == 0.0 and float(mt.grad(root)(-1.0)) == 0.0
    guarded = lambda x: xp.where(x == 0, 1.0, xp.sin(x) / x)
    assert float(mt.grad(guarded)(0.0)) == 0.0
    assert float(mt.jvp(guarded, (0.0,), (1.0,))[1]) == 0.0
    assert np.isfinite(float(mt.grad(mt.grad(lambda x: xp.where(x > 0, xp.log(x), x * x)))(0.0)))
    assert float(mt.grad(mt.grad(lambda x: xp.where(x > 0, xp.log(x), x * x)))(-3.0)) == 2.0


def test_second_derivatives_at_a_zero_of_the_first():
    assert float(mt.grad(mt.grad(lambda x: (x - 1) ** 2))(1.0)) == 2.0
    assert float(mt.grad(mt.grad(lambda x: xp.square(xp.abs(x))))(2.0)) == 2.0


@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
def test_binary_cross_entropy_is_smooth_at_a_score_of_zero(target):
    loss = lambda x: losses.binary_cross_entropy(xp.expand_dims(x), np.array([target]))[0]
    zero = np.array(0.0)
    assert float(mt.grad(loss)(zero)) == pytest.approx(0.5 - target, abs=1e-15)
    assert float(mt.grad(mt.grad(loss))(zero)) == pytest.approx(0.25)
    assert float(mt.grad(mt.grad(mt.grad(loss)))(zero)) == pytest.approx(0.0, abs=1e-15)


# vmap


@pytest.mark.parametrize(("in_axes", "out_axes"), [(0, 0), (0, 1), (1, 0), (1, 2), (-1, -1), (2, -2)])
def test_vmap_is_a_loop(in_axes, out_axes):
    x = np.random.Generator(np.random.PCG64(9)).normal(size=(3, 4, 5))
    function = lambda m: xp.tanh(m.T @ m)
    expected = np.stack([np.asarray(function(xp.asarray(m))) for m in np.moveaxis(x, in_axes, 0)], out_axes)
    close(mt.vmap(function, in_axes=in_axes, out_axes=out_axes)(x), expected, rtol=1e-13)


def test_vmap_of_several_arguments_and_trees():
    a, b, n = X, V.T, np.arange(4)
    function = lambda tree, y, n: {"s": y @ tree["a"], "n": n + 1}
    found = mt.vmap(function, in_axes=(None, 0, 0))({"a": a}, b, n)
    close(found["s"], b @ a, rtol=1e-13)
    np.testing.assert_array_equal(found["n"], n + 1)
    close(mt.vmap(lambda x, y: x @ y, in_axes=(1, None))(a, np.arange(3.0)), a.T @ np.arange(3.0), rtol=1e-13)


def test_vmap_of_vmap_and_of_what_does_not_depend_on_it():
    table = mt.vmap(lambda x: mt.vmap(lambda y: x * y)(xp.asarray(V[0])))(X[0])
    np.testing.assert_array_equal(table, np.outer(X[0], V[0]))
    np.testing.assert_array_equal(mt.vmap(lambda x: xp.asarray(V[0]))(X), np.tile(V[0], (3, 1)))
    constant = mt.vmap(lambda x: 1.5)(X)
    assert constant.spec == mt.Spec(xp.float32, (3,))


def test_vmap_over_an_empty_axis():
    assert mt.vmap(lambda x: x @ x)(np.zeros((0, 4))).shape == (0,)


def test_per_example_gradients():
    net = (nn.Dense(5) >> nn.tanh >> nn.Dense(2)).init(mt.key(3), xp.ones((1, 4))).cast(xp.float64)
    x, y = X, np.array([0, 1, 1])
    one = mt.grad(lambda net, x, y: losses.cross_entropy(net(x[None]), y[None])[0])
    each = mt.vmap(one, in_axes=(None, 0, 0))(net, x, y)
    for i in range(3):
        alone = mt.parameters(one(net, x[i], y[i : i + 1][0]))
        for path, gradient in mt.parameters(each).items():
            close(gradient[i], alone[path], rtol=1e-12)
    mean = mt.parameters(mt.grad(lambda net: losses.cross_entropy(net(x), y).mean())(net))
    for path, gradient in mt.parameters(each).items():
        close(gradient.mean(axis=0), mean[path], rtol=1e-12)


def test_grad_of_vmap():
    total = lambda x: xp.sum(mt.vmap(lambda row: row @ row * row[0])(x))
    close(mt.grad(total)(X), mt.vmap(mt.grad(lambda row: row @ row * row[0]))(X), rtol=1e-12)
    close(mt.grad(total)(X), differences(total, X))


# what is refused


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: mt.grad(lambda x: x)(X), mt.ShapeError, "not one float"),
        (lambda: mt.grad(lambda x: xp.sum(x > 0))(X), mt.ShapeError, "differentiate a float"),
        (lambda: mt.grad(lambda x: x * 2.0)(3), mt.UsageError, "nothing to differentiate"),
        (lambda: mt.grad(lambda x: xp.sum(x))(np.arange(3)), mt.UsageError, "astype"),
        (lambda: mt.grad(lambda x: (x, 1))(1.0), mt.UsageError, "aux=True"),
        (lambda: mt.grad(lambda x: x, aux=True)(1.0), mt.UsageError, "a pair"),
        (lambda: mt.grad(lambda x: x, argnums=1)(1.0), mt.UsageError, "argument 1"),
        (lambda: mt.grad(3), mt.UsageError, "takes a function"),
        (lambda: mt.vmap(lambda x, y: x)(X, V.T), mt.ShapeError, "differ"),
        (lambda: mt.vmap(lambda x: x, in_axes=2)(X), mt.ShapeError, "axis 2"),
        (lambda: mt.vmap(lambda x: x, out_axes=3)(X), mt.ShapeError, "axis 3"),
        (lambda: mt.vmap(lambda x: x)(1.0), mt.ShapeError, "axis 0"),
        (lambda: mt.vmap(lambda x: x, in_axes=(0, 0))(X), mt.UsageError, "2 axes for 1"),
        (lambda: mt.vmap(lambda x: x, in_axes=None)(X), mt.ShapeError, "nothing to map"),
        (lambda: mt.vmap(lambda x: x if x > 0 else -x)(X[0]), mt.TraceError, "xp.where"),
        (lambda: mt.compile(lambda x: x if x > 0 else -x)(1.0), mt.TraceError, "xp.where"),
        (lambda: mt.jvp(lambda x: x, (X,), (V[0],)), mt.ShapeError, "tangent"),
        (lambda: mt.jvp(lambda x: x, (X,), ()), mt.UsageError, "tangent"),
        (lambda: mt.vjp(lambda x: x, X)[1](V[0]), mt.ShapeError, "cotangent"),
    ],
)  # fmt: skip
def test_refused(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert len(str(caught.value).splitlines()) <= 12


@pytest.mark.parametrize("transform", [mt.grad, mt.vmap, mt.compile])
def test_a_value_that_left_its_trace_is_refused(transform):
    kept = []
    transform(lambda x: kept.append(x) or xp.sum(x))(X[0])
    with pytest.raises(mt.TraceError, match="left its trace"):
        kept[0] + 1


@pytest.mark.parametrize("argnums", ["x", None, 1.0, (0, "y"), (), True, [-1]])
def test_argnums_that_name_no_argument(argnums):
    with pytest.raises(mt.UsageError, match="names no argument") as error:
        mt.grad(lambda x, y: x * y, argnums=argnums)
    assert error.value.code == "GRAD-02"
    assert float(mt.grad(lambda x, y: x * y, argnums=np.int64(1))(2.0, 3.0)) == 2.0


def test_vmap_of_a_whole_number_gives_whole_numbers():
    found = mt.vmap(lambda x: 3)(X)
    assert found.spec == mt.Spec(xp.int64, (3,)) and list(found) == [3, 3, 3]
