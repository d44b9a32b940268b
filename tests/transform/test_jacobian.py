"""Jacobians, Hessians and products with them: against finite differences, formulas, each other, in trees and nested."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, nn, xp
from tests.transform.test_transforms import V, X, close, differences, f, g

MODES = ["forward", "reverse", None]


@pytest.mark.parametrize("mode", MODES)
def test_jacobian_is_the_difference_quotient(mode):
    found = mt.jacobian(f, mode=mode)(X)
    assert found.shape == (4, 4, 3, 4)
    close(found, differences(f, X))


def test_hessian_is_the_difference_quotient_of_the_gradient():
    found = mt.hessian(g)(X)
    close(found, differences(mt.grad(g), X))
    close(found, np.transpose(found, (2, 3, 0, 1)), rtol=1e-13)
    close(mt.hvp(g)(X, V), np.tensordot(found, V, 2), rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_trees_of_results_hold_trees_of_arguments(mode):
    x = {"a": np.array([1.0, 2.0]), "n": np.arange(3), "b": (np.float64(3.0), None)}
    function = lambda t, c: {"y": t["a"] * t["b"][0] + c, "z": [xp.sum(t["a"] ** 2), xp.sum(t["n"])]}
    found = mt.jacobian(function, mode=mode)(x, 1.0)
    close(found["y"]["a"], 3 * np.eye(2))
    close(found["y"]["b"][0], [1.0, 2.0])
    assert found["y"]["n"] is None and found["y"]["b"][1] is None
    close(found["z"][0]["a"], [2.0, 4.0])
    assert float(found["z"][0]["b"][0]) == 0.0 and found["z"][1] is None  # integers have no derivative
    by_x, by_c = mt.jacobian(function, argnums=(0, 1), mode=mode)(x, 1.0)["y"]
    close(by_x["a"], 3 * np.eye(2))
    close(by_c, [1.0, 1.0])


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_an_entry_has_the_type_of_the_argument(mode):
    mixed = lambda a, b: xp.astype(a, xp.float64) * b
    by_a, by_b = mt.jacobian(mixed, argnums=(0, 1), mode=mode)(xp.ones((2,)), np.ones(2))
    assert by_a.spec == mt.Spec(xp.float32, (2, 2)) and by_b.spec == mt.Spec(xp.float64, (2, 2))
    assert mt.jacobian(lambda x: 3 * x, mode=mode)(2.0).spec == mt.Spec(xp.float32, ())


@pytest.mark.parametrize(("rows", "columns"), [(7, 3), (3, 7)])
def test_the_mode_follows_from_the_shapes(rows, columns):
    w, x = np.arange(21.0).reshape(rows, columns) / 50, np.ones(columns)
    jacobian = mt.jacobian(lambda x: xp.tanh(w @ x))
    close(jacobian(x), (1 - np.tanh(w @ x) ** 2)[:, None] * w, rtol=1e-14)
    graph = mt.compile(jacobian).graph_for(x)
    assert (7, 7) not in {var.spec.shape for node in graph.nodes for var in node.outputs}  # three directions, not seven


def test_no_numbers_at_all():
    assert mt.jacobian(lambda x: x[:0])(np.ones(3)).shape == (0, 3)
    for mode in MODES:
        assert mt.jacobian(lambda x: xp.sin(x), mode=mode)(np.zeros((0, 2))).shape == (0, 2, 0, 2)
    assert mt.hessian(lambda x: xp.sum(x**2))(np.zeros(0)).shape == (0, 0)


def test_aux_comes_along_and_is_no_longer_traced():
    pair = lambda x: (xp.sum(x**3), {"twice": 2 * x, "name": "a"})
    for function, args in ((mt.jacobian, (X,)), (mt.hessian, (X,)), (mt.hvp, (X, V))):
        made, rest = function(pair, aux=True)(*args)
        close(made, function(lambda x: pair(x)[0])(*args), rtol=1e-14)
        np.testing.assert_array_equal(rest["twice"], 2 * X)
        assert rest["name"] == "a" and type(rest["twice"]) is mt.Array


def small():
    return (nn.Dense(3) >> nn.tanh >> nn.Dense(1)).init(mt.key(0), xp.ones((1, 2))).cast(xp.float64)


def objective(net, x):
    return xp.mean(net(x) ** 2)


def test_of_nets():
    net, x = small(), X[:, :2]
    gradient = mt.grad(objective)(net, x)
    by_net = mt.hessian(objective)(net, x)
    assert by_net.dense_2.weight.dense_1.weight.shape == (3, 1, 2, 3)
    directions = mt.parameters(gradient)
    moved = lambda step: mt.replace(net, {path: w + step * directions[path] for path, w in mt.parameters(net).items()})
    ahead, behind = (mt.parameters(mt.grad(objective)(moved(step), x)) for step in (1e-6, -1e-6))
    for path, product in mt.parameters(mt.hvp(objective)(net, x, gradient)).items():
        close(product, (ahead[path] - behind[path]) / 2e-6, rtol=1e-7)
        row = sum(np.tensordot(mt.parameters(by_net)[f"{path}.{by}"], v, v.ndim) for by, v in directions.items())
        close(product, row, rtol=1e-12)


# nested with everything

JACOBIANS = {"forward": lambda h: mt.jacobian(h, mode="forward"), "reverse": lambda h: mt.jacobian(h, mode="reverse")}


@pytest.mark.parametrize("mode", JACOBIANS)
def test_nested(mode):
    jacobian = JACOBIANS[mode]
    row = lambda r: xp.sin(r) * r[0] + xp.sum(r**3)
    wanted = np.stack([np.asarray(jacobian(row)(r)) for r in X])
    close(wanted, np.stack([differences(row, r) for r in X]), rtol=1e-7)
    close(mt.vmap(jacobian(row))(X), wanted, rtol=1e-13)
    close(mt.compile(mt.vmap(jacobian(row)))(X), wanted, rtol=1e-13)
    close(mt.vmap(mt.compile(jacobian(row)))(X), wanted, rtol=1e-13)
    whole = jacobian(lambda x: mt.vmap(row)(x))(X)
    close(whole[np.arange(3), :, np.arange(3)], wanted, rtol=1e-13)
    total = lambda r: xp.sum(jacobian(row)(r) ** 2)
    close(mt.grad(total)(X[0]), differences(total, X[0]), rtol=1e-7)
    close(mt.compile(mt.grad(total))(X[0]), mt.grad(total)(X[0]), rtol=1e-13)
    close(mt.jvp(jacobian(row), (X[0],), (V[0],))[1], jacobian(jacobian(row))(X[0]) @ V[0], rtol=1e-13)


def test_third_derivatives():
    third = mt.jacobian(mt.hessian(lambda x: xp.sum(x**4) + x[0] * x[1] * x[2]))
    close(third(X[0])[0, 1], [0, 0, 1, 0])
    np.testing.assert_allclose(np.einsum("iii->i", third(X[0])), 24 * X[0], rtol=1e-13)


def test_products_with_the_hessian_nested():
    function = lambda r: xp.sum(xp.sin(r) * xp.sum(r**2))
    wanted = np.stack([np.asarray(mt.hessian(function)(r) @ v) for r, v in zip(X, V, strict=True)])
    close(mt.vmap(mt.hvp(function))(X, V), wanted, rtol=1e-13)
    close(mt.compile(mt.vmap(mt.hvp(function)))(X, V), wanted, rtol=1e-13)
    form = lambda r: xp.sum(mt.hvp(function)(r, V[0]) * V[0])
    close(mt.grad(form)(X[0]), differences(form, X[0]), rtol=1e-7)


def test_products_by_several_arguments():
    function = lambda a, b, scale: scale * xp.sum(a**2 * b)
    by_a, by_b = mt.hvp(function, argnums=(0, 1))(X, V, 2.0, (V, X))
    close(by_a, 2 * (2 * V * V + 2 * X * X), rtol=1e-14)
    close(by_b, 2 * (2 * X * V), rtol=1e-14)
    close(mt.hvp(function, argnums=1)(X, V, 2.0, X), np.zeros((3, 4)))
    close(mt.hvp(function)(X, V, X, scale=2.0), 4 * V * X, rtol=1e-14)


# linear maps


def test_linearize_runs_the_function_once():
    calls = []
    function = lambda x: calls.append(x) or {"y": f(x), "n": xp.arange(2)}
    value, along = mt.linearize(function, X)
    close(value["y"], f(xp.asarray(X)), rtol=1e-14)
    for direction in (V, -2 * V, X):
        found = along(direction)
        close(found["y"], mt.jvp(f, (X,), (direction,))[1], rtol=1e-13)
        assert found["n"] is None
    assert len(calls) == 1


def test_a_linear_map_is_linear_and_keeps_no_more_work_than_it_needs():
    _, along = mt.linearize(lambda x: xp.exp(xp.sin(x)), X)
    close(along(2 * X + V), 2 * along(X) + along(V), rtol=1e-13)
    words = str(mt.graph(along)(X))
    assert "exp" not in words and "cos" not in words


def test_a_linear_map_is_mapped_differentiated_and_compiled():
    _, along = mt.linearize(f, X)
    directions = np.stack([X, V])
    wanted = np.stack([np.asarray(along(d)) for d in directions])
    close(mt.vmap(along)(directions), wanted, rtol=1e-13)
    close(mt.compile(along)(V), wanted[1], rtol=1e-13)
    close(mt.vjp(along, X)[1](np.ones((4, 4)))[0], mt.vjp(f, X)[1](np.ones((4, 4)))[0], rtol=1e-13)


def test_linearize_within_other_transforms():
    product = lambda x, v: mt.linearize(f, x)[1](v)
    close(mt.compile(product)(X, V), product(X, V), rtol=1e-13)
    close(mt.vmap(product)(X[None], V[None])[0], product(X, V), rtol=1e-13)
    total = lambda x: xp.sum(product(x, V) ** 2)
    close(mt.grad(total)(X), differences(total, X), rtol=1e-7)


def test_linearize_of_several_trees():
    value, along = mt.linearize(lambda p, n, c: p["a"] * n + c * p["b"], {"a": 2.0, "b": X}, 3, 1.0)
    close(along({"a": 1.0}, None, 0.0), np.full((3, 4), 3.0))
    close(along(None, None, 1.0), X)
    close(value, 6 + X)


# a gradient for each example


def test_gradients_of_a_net_in_training_for_each_example():
    net = (nn.Dense(6) >> nn.relu >> nn.Dropout(0.5) >> nn.Dense(2)).init(mt.key(3), xp.ones((1, 4)))
    x, y, keys = X.astype(np.float32), np.array([0, 1, 1]), mt.split(mt.key(7), 3)

    def loss(net, key, x, y):
        scores, _ = mt.training(net)(key, x[None])
        return losses.cross_entropy(scores, y[None])[0]

    each = mt.vmap(mt.grad(loss), in_axes=(None, 0, 0, 0))
    for found in (each(net, keys, x, y), mt.compile(each)(net, keys, x, y)):
        for i in range(3):
            alone = mt.parameters(mt.grad(loss)(net, keys[i], x[i], xp.asarray(y)[i]))
            for path, gradient in mt.parameters(found).items():
                close(gradient[i], alone[path], rtol=1e-5)


# what is refused


@pytest.mark.parametrize(
    ("call", "error", "code"),
    [
        (lambda: mt.jacobian(3), mt.UsageError, "ARG-03"),
        (lambda: mt.hvp(3), mt.UsageError, "ARG-03"),
        (lambda: mt.hessian(X), mt.UsageError, "ARG-03"),
        (lambda: mt.linearize(3, X), mt.UsageError, "ARG-03"),
        (lambda: mt.jacobian(f, mode="backward"), mt.UsageError, "ARG-02"),
        (lambda: mt.jacobian(f, argnums="x"), mt.UsageError, "GRAD-02"),
        (lambda: mt.jacobian(f, argnums=1)(X), mt.UsageError, "GRAD-03"),
        (lambda: mt.jacobian(f)(x=X), mt.UsageError, "GRAD-03"),
        (lambda: mt.jacobian(f)(np.arange(3)), mt.UsageError, "GRAD-01"),
        (lambda: mt.jacobian(lambda x: xp.argmax(x))(X), mt.ShapeError, "GRAD-11"),
        (lambda: mt.jacobian(lambda x: None)(X), mt.ShapeError, "GRAD-11"),
        (lambda: mt.jacobian(f, aux=True)(X), mt.UsageError, "GRAD-04"),
        (lambda: mt.hessian(f)(X), mt.ShapeError, "GRAD-07"),
        (lambda: mt.hessian(g)(3), mt.UsageError, "GRAD-01"),
        (lambda: mt.hvp(g)(X), mt.UsageError, "GRAD-12"),
        (lambda: mt.hvp(g)(X, V[0]), mt.ShapeError, "GRAD-14"),
        (lambda: mt.hvp(g)(X, {"a": V}), mt.UsageError, "GRAD-09"),
        (lambda: mt.hvp(g, argnums=(0,))(X, V), mt.UsageError, "GRAD-08"),
        (lambda: mt.linearize(f), mt.UsageError, "GRAD-01"),
        (lambda: mt.linearize(f, X)[1](), mt.UsageError, "GRAD-08"),
        (lambda: mt.linearize(f, X)[1](V, V), mt.UsageError, "GRAD-08"),
        (lambda: mt.linearize(f, X)[1](V[0]), mt.ShapeError, "GRAD-14"),
        (lambda: mt.linearize(f, X)[1]("v"), mt.UsageError, "GRAD-14"),
        (lambda: mt.linearize(lambda: 1.0), mt.UsageError, "GRAD-01"),
        (lambda: mt.jvp(f, X, V), mt.UsageError, "GRAD-13"),
    ],
)  # fmt: skip
def test_refused(call, error, code):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.code == code and len(str(caught.value).splitlines()) <= 12


def test_a_linear_map_ends_with_the_trace_it_was_made_in():
    kept = []
    mt.compile(lambda x: kept.append(mt.linearize(xp.sin, x)[1]) or x)(X)
    with pytest.raises(mt.TraceError, match="left its trace"):
        kept[0](V)
