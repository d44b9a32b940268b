"""The training frame: pure, keys by path and use, state that moves, what `grad` refuses."""

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from tests.compose.layers import Centre, array, close, same

ROWS = np.random.default_rng(0).normal(1.0, 1.0, (16, 3)).astype(np.float32)
X = xp.asarray(ROWS)
KEY = mt.key(5)


class Twice(mt.Mapping):
    """Calls one layer twice."""

    def __init__(self, layer):
        self.layer = layer

    def __call__(self, x):
        return self.layer(self.layer(x))


class BothDrop(mt.Mapping):
    """What one dropout, used twice, makes of the same input."""

    def __init__(self):
        self.drop = nn.Dropout(0.5)

    def __call__(self, x):
        return self.drop(x), self.drop(x)


def ready(net):
    return net.init(mt.key(0), X)


def test_training_is_pure():
    net = ready(nn.Dense(3) >> Centre() >> nn.Dropout(0.5))
    before = mt.select(net, "**") | {}
    first, moved = mt.training(net)(KEY, X)
    assert all(value is before[path] for path, value in mt.select(net, "**").items())
    second, moved_again = mt.training(net)(KEY, X)
    assert (array(first) == array(second)).all() and same(moved, moved_again)
    assert not same(net, moved)
    with pytest.raises(mt.FrozenError):
        moved.centre_1.mean = X


def test_a_dropout_used_twice_draws_differently():
    a, b = mt.training(BothDrop())(KEY, X)[0]
    assert (array(a) != array(b)).any()


def test_two_dropouts_draw_differently_and_other_keys_too():
    (a, b), _ = mt.training(nn.Dropout(0.5) & nn.Dropout(0.5))(KEY, X)
    assert (array(a) != array(b)).any()
    assert (array(a) != array(mt.training(nn.Dropout(0.5) & nn.relu)(mt.key(6), X)[0][0])).any()


def test_another_layer_changes_no_mask():
    one = mt.training(mt.named("drop", nn.Dropout(0.5)))(KEY, X)[0]
    two = mt.training(mt.fn(lambda x: x) >> nn.Dropout(0.0) >> mt.named("drop", nn.Dropout(0.5)))(KEY, X)[0]
    assert (array(one) == array(two)).all()


def test_evaluation_draws_nothing_and_moves_nothing():
    net = ready(nn.Dropout(0.9) >> Centre())
    assert (array(net(X)) == ROWS).all()
    assert (array(mt.evaluation(net)(X)) == ROWS).all()


def test_state_moves_and_the_second_call_sees_the_first_update():
    net = ready(Centre())
    y, once = mt.training(net)(KEY, X)
    mean = ROWS.mean(0)
    np.testing.assert_allclose(array(y), ROWS - mean, atol=1e-6)
    np.testing.assert_allclose(array(once.mean), 0.5 * mean, rtol=1e-6)
    _, twice = mt.training(ready(Twice(Centre())))(KEY, X)
    # The second call centres what the first has centred already, so it adds 0 to half of the first's mean.
    np.testing.assert_allclose(array(twice.layer.mean), 0.25 * mean, atol=1e-6)
    assert mt.training(once)(KEY, X)[1](X).shape == X.shape


def test_the_same_layer_object_in_two_places_has_two_states():
    shared = Centre()
    with pytest.warns(mt.Note, match="are one object and become two layers"):
        net = ready(shared & (mt.fn(lambda x: 2 * x) >> shared))
    _, moved = mt.training(net)(KEY, X)
    np.testing.assert_allclose(array(moved.parts[1].centre_1.mean), 2 * array(moved.parts[0].mean), rtol=1e-6)


def test_state_deep_in_containers_moves():
    _, moved = mt.training(ready(mt.residual(mt.repeat(Centre(), 2)) >> nn.relu))(KEY, X)
    first, second = (copy.mean for copy in moved.residual_1.mapping.copies)
    assert np.abs(array(first)).min() > 0.1 and np.abs(array(second)).max() < 1e-6


def objective(net, key, x):
    y, net = mt.training(net)(key, x)
    return xp.mean(y * y), net


def test_state_has_no_gradient_and_flows_through_value_and_grad():
    net = ready(nn.Dense(3) >> Centre())
    (loss, moved), slope = mt.value_and_grad(objective, aux=True)(net, KEY, X)
    assert slope.centre_1.mean is None
    assert slope.dense_1.weight.shape == (3, 3)
    assert same(moved, mt.training(net)(KEY, X)[1])
    assert float(loss) > 0
    assert moved(X).shape == X.shape, "the returned net is usable: not traced, not flagged"
    assert not moved._meta.differentiated and not moved.centre_1._meta.differentiated


def test_the_whole_step_compiles_to_the_same_and_traces_once():
    step = mt.compile(lambda net, key, x: mt.value_and_grad(objective, aux=True)(net, key, x))
    net = ready(nn.Dense(3) >> Centre() >> nn.Dropout(0.5))
    (loss, moved), slope = mt.value_and_grad(objective, aux=True)(net, KEY, X)
    for _ in range(3):
        (compiled_loss, compiled_moved), compiled_slope = step(net, KEY, X)
        assert float(compiled_loss) == pytest.approx(float(loss), rel=1e-5)
        assert close(compiled_moved, moved) and close(compiled_slope, slope)
        (_, net), _ = step(net, KEY, X)
        (_, net), _ = step(net, KEY, X)
        (loss, moved), slope = mt.value_and_grad(objective, aux=True)(net, KEY, X)
    assert len(step.programs) == 1
    assert (array(net.centre_1.mean) != 0).all()


def test_masks_of_a_compiled_step_follow_the_key():
    step = mt.compile(lambda key: mt.training(nn.Dropout(0.5))(key, X)[0])
    assert (array(step(mt.key(1))) != array(step(mt.key(2)))).any()
    assert (array(step(mt.key(1))) == array(mt.training(nn.Dropout(0.5))(mt.key(1), X)[0])).all()


@pytest.mark.parametrize("layer", [nn.Dropout(0.5), Centre()], ids=["dropout", "state"])
def test_differentiated_outside_of_training_is_refused(layer):
    net = ready(nn.Dense(3) >> layer)
    for value in (lambda n: xp.sum(n(X)), lambda n: xp.sum(mt.compile(lambda n, x: n(x))(n, X))):
        with pytest.raises(mt.StateError, match=r"mt\.training.*mt\.evaluation"):
            mt.grad(value)(net)
    with pytest.raises(mt.StateError):
        mt.compile(mt.grad(lambda n: xp.sum(n(X))))(net)
    with pytest.raises(mt.StateError):
        mt.grad(lambda run: xp.sum(run["net"](X)))({"net": net, "other": X})
    mt.grad(lambda n: xp.sum(mt.evaluation(n)(X)))(net)


def test_gradients_of_inputs_alone_never_raise():
    net = ready(nn.Dense(3) >> Centre() >> nn.Dropout(0.5))
    for slope in (mt.grad(lambda x: xp.sum(net(x))), mt.compile(mt.grad(lambda x: xp.sum(net(x))))):
        assert slope(X).shape == X.shape
    assert mt.grad(lambda n, x: xp.sum(n(x)), argnums=1)(net, X).shape == X.shape
    _, along = mt.jvp(lambda x: net(x), (X,), (X,))
    assert along.shape == X.shape


def test_evaluation_within_training_runs_plainly():
    class Judge(mt.Mapping):
        def __init__(self):
            self.drop = nn.Dropout(0.5)

        def __call__(self, x):
            return mt.evaluation(self.drop)(x), self.drop(x)

    (plain, dropped), _ = mt.training(Judge())(KEY, X)
    assert (array(plain) == ROWS).all() and (array(dropped) != ROWS).any()


def test_frozen_parts_run_plainly_in_training():
    body = nn.Dense(3) >> nn.Dropout(0.5) >> Centre()
    net = mt.freeze(ready(mt.chain(body=body, head=Centre())), "body.**")
    y, moved = mt.training(net)(KEY, X)
    assert same(moved.body, net.body) and not same(moved.head, net.head)
    np.testing.assert_allclose(array(y), array(net.body(X)) - array(net.body(X)).mean(0), atol=1e-6)
    thawed = mt.training(mt.unfreeze(net))(KEY, X)[1]
    assert not same(thawed.body, net.body)


def test_a_layer_that_is_partly_frozen_trains():
    net = mt.freeze(ready(nn.Dense(3) >> nn.Dropout(0.5)), "dense_1.bias")
    assert (array(mt.training(net)(KEY, X)[0]) == 0).any()


def test_several_inputs_and_outputs():
    class Mix(mt.Mapping):
        def __init__(self):
            self.drop, self.centre = nn.Dropout(0.5), Centre()

        def __call__(self, x, y):
            return {"x": self.drop(x), "y": self.centre(y)}

    net = Mix().init(KEY, X, X)
    found, moved = mt.training(net)(KEY, X, 2 * X)
    assert set(found) == {"x", "y"}
    np.testing.assert_allclose(array(moved.centre.mean), ROWS.mean(0), rtol=1e-5)


@pytest.mark.parametrize("key", [0, None, "key", X], ids=str)
def test_what_is_no_key_is_refused(key):
    with pytest.raises(mt.UsageError, match="is no key"):
        mt.training(nn.Dropout(0.5))(key, X)


def test_the_penultimate_activation_has_a_gradient():
    net = ready(nn.Dense(4) >> nn.relu >> nn.Dense(2))
    slope = mt.grad(lambda hidden: xp.sum(net[2](hidden)))(net[:2](X))
    np.testing.assert_allclose(array(slope), np.tile(array(net.dense_2.weight).sum(1), (16, 1)), rtol=1e-6)


def test_a_lambda_of_training_only_may_be_nested_in_grad_of_grad():
    net = ready(nn.Dense(3) >> Centre())

    def size(net):
        slope = mt.grad(lambda n: objective(n, KEY, X)[0])(net)
        return mt.l2(slope.dense_1, "weight") if slope.dense_1.weight is not None else 0.0

    second = mt.grad(size)(net)
    assert np.isfinite(array(second.dense_1.weight)).all()


def test_every_example_of_each_draws_for_itself():
    y, _ = mt.training(mt.each(nn.Dropout(0.5)))(KEY, xp.ones((8, 16)))
    assert len({row.tobytes() for row in array(y)}) == 8
    assert 0.3 < (array(y) == 0).mean() < 0.7
    twice, _ = mt.training(mt.each(BothDrop()))(KEY, xp.ones((8, 16)))
    assert (array(twice[0]) != array(twice[1])).any()
    compiled = mt.compile(lambda key: mt.training(mt.each(nn.Dropout(0.5)))(key, xp.ones((8, 16)))[0])
    assert (array(compiled(KEY)) == array(y)).all()
    assert (array(mt.each(nn.Dropout(0.5))(X)) == ROWS).all()


class Counter(mt.Mapping):
    def __init__(self):
        self.count = mt.state((), nn.zeros)

    def __call__(self, x):
        return x

    def training(self, key, x):
        return x, self.replace(count=self.count + xp.sum(x))


def test_a_state_cannot_be_written_for_every_example():
    with pytest.raises(mt.TraceError, match=r"mapping\.count was written within vmap"):
        mt.training(ready(mt.each(Counter())))(KEY, X)
    assert float(mt.training(ready(Counter()))(KEY, X)[1].count) == pytest.approx(ROWS.sum(), rel=1e-5)


@pytest.mark.parametrize(
    "result", [lambda x, self: x, lambda x, self: (x, None), lambda x, self: (x, nn.relu), lambda x, self: [x]]
)
def test_a_training_that_does_not_return_a_pair_is_refused(result):
    class Wrong(mt.Mapping):
        def __call__(self, x):
            return x

        def training(self, key, x):
            return result(x, self)

    with pytest.raises(mt.UsageError, match=r"Wrong\.training does not return a pair"):
        mt.training(Wrong())(KEY, X)


def test_a_dropout_called_within_a_layers_own_training_drops():
    class Wraps(mt.Mapping):
        def __init__(self):
            self.drop, self.calls = nn.Dropout(0.5), mt.state((), nn.zeros)

        def __call__(self, x):
            return self.drop(x)

        def training(self, key, x):
            return self.drop(x), self.replace(calls=self.calls + 1)

    y, moved = mt.training(ready(Wraps() >> nn.relu))(KEY, xp.ones((16, 3)))
    assert (array(y) == 0).any() and float(moved.wraps_1.calls) == 1


def test_no_transform_leaves_its_flag_behind():
    net = ready(nn.Dense(3) >> nn.Dropout(0.5))
    assert not mt.vjp(lambda n: n, net)[0]._meta.differentiated
    assert not mt.jvp(lambda n: n, (net,), (None,))[0]._meta.differentiated


def test_vmap_within_a_layer_draws_for_every_lane():
    class Rows(mt.Mapping):
        def __init__(self):
            self.drop = nn.Dropout(0.5)

        def __call__(self, x):
            return mt.vmap(self.drop)(x)

    y, _ = mt.training(Rows())(KEY, xp.ones((8, 16)))
    assert len({row.tobytes() for row in array(y)}) == 8


def test_a_layer_that_drops_must_be_part_of_the_net():
    drop = nn.Dropout(0.5)
    for outside in (mt.fn(lambda x: drop(x)), mt.fn(lambda x: nn.Dropout(0.5)(x))):
        with pytest.raises(mt.StateError, match="no part of the net"):
            mt.training(ready(nn.Dense(3) >> outside))(KEY, X)
        said = mt.fn(lambda x: mt.evaluation(drop)(x))
        mt.training(ready(nn.Dense(3) >> said))(KEY, X)


def test_evaluation_within_a_net_gets_its_parameters():
    net = ready(mt.evaluation(nn.Dense(3)) >> nn.Dense(2))
    assert net(X).shape == (len(X), 2)


def test_a_state_keeps_its_shape():
    class Widens(mt.Mapping):
        def __init__(self):
            self.mean = mt.state((3,), nn.zeros)

        def __call__(self, x):
            return x - self.mean

        def training(self, key, x):
            return x, self.replace(mean=xp.mean(x))

    with pytest.raises(mt.ShapeError, match="changes the shape or type of its mean"):
        mt.training(ready(Widens()))(KEY, X)


@pytest.mark.parametrize("wrong", ["self, x", "self, key", "self, key, x, y", "self, x, *, key"])
def test_a_training_of_other_arguments_is_refused(wrong):
    made = {}
    exec(f"def training({wrong}): return 0, self", made)
    layer = type("Noise", (mt.Mapping,), {"__call__": lambda self, x: x, "training": made["training"]})()
    with pytest.raises(mt.UsageError, match=r"Noise.training does not take \(key, x\)") as error:
        mt.training(nn.relu >> layer)(mt.key(0), xp.ones((2, 3)))
    assert "def training(self, key, x)" in str(error.value) and error.value.code == "MAP-21"


def test_a_type_error_within_a_training_stays():
    class Broken(mt.Mapping):
        def __call__(self, x):
            return x

        def training(self, key, x):
            return len(3), self

    with pytest.raises(TypeError, match="has no len") as error:
        mt.training(Broken())(mt.key(0), xp.ones((2, 3)))
    assert not isinstance(error.value, mt.MapstoError)
