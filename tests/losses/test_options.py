"""Losses with options: they are values, they count what they say, and they work in a Learner."""

import copy
import pickle

import numpy as np
import pytest

import mapsto as mt
from mapsto import losses, nn, optim, xp

RNG = np.random.default_rng(1)
SCORES = RNG.normal(0, 2, (6, 4))
LABELS = np.array([0, 1, 2, 3, 0, 2])
MADE = [
    losses.CrossEntropy(smoothing=0.1, weights=[1, 2, 3, 4], ignore=-1),
    losses.BinaryCrossEntropy(positive=2),
    losses.Focal(weights=np.array([1.0, 2.0])),
    losses.BinaryFocal(alpha=0.25),
    losses.Hinge(others="all"),
    losses.BinaryHinge(squared=True),
    losses.Huber(delta=2),
    losses.KL(takes="log_probabilities"),
    losses.Poisson(full=True),
    losses.Dice(ignore=255),
    losses.BinaryDice(smooth=0.5),
    losses.Triplet(margin=0.2),
    losses.Contrastive(margin=2),
]


@pytest.mark.parametrize("loss", MADE, ids=lambda loss: loss.name)
def test_a_loss_is_a_value(loss):
    options = {name: value for name, value in vars(loss).items() if name != "_meta"}
    again = type(loss)(**options)
    assert again == loss and hash(again) == hash(loss)
    assert pickle.loads(pickle.dumps(loss)) == loss and copy.deepcopy(loss) == loss
    assert loss != type(loss)() and loss != losses.mse and type(loss)() == getattr(losses, loss.name)
    assert repr(loss) == f"{type(loss).__name__}({', '.join(f'{name}={value!r}' for name, value in options.items())})"
    assert isinstance(loss, mt.Mapping) and mt.parameters(loss) == {}


def test_a_truth_value_is_no_label_to_ignore():
    with pytest.raises(mt.UsageError, match="ARG-01"):
        losses.CrossEntropy(ignore=True)


def test_numbers_compare_by_value_and_weights_in_any_sequence():
    assert losses.CrossEntropy(weights=(1, 2)) == losses.CrossEntropy(weights=np.array([1.0, 2.0], np.float32))
    assert losses.CrossEntropy(weights=xp.asarray([1.0, 2.0])) == losses.CrossEntropy(weights=[1.0, 2])
    assert losses.Huber(delta=1) == losses.huber != losses.Huber(delta=1.5)
    assert len({losses.Huber(), losses.huber, losses.Hinge()}) == 2


def test_equal_losses_share_a_compiled_program():
    traced = []

    @mt.compile
    def mean(loss, x, y):
        traced.append(loss)
        return loss(x, y).mean()

    for smoothing in (0.1, 0.1, 0.2):
        mean(losses.CrossEntropy(smoothing=smoothing), SCORES, LABELS)
    assert len(traced) == 2

    for _ in range(3):
        loss = losses.CrossEntropy(smoothing=0.1)
        mt.compile(lambda x, y, loss=loss: loss(x, y))(SCORES, LABELS)


def test_an_ignored_example_is_zero_and_an_example_still():
    labels = np.array([0, -1, 2, 3, -1, 2])
    every, some = losses.cross_entropy(SCORES, LABELS), losses.CrossEntropy(ignore=-1)(SCORES, labels)
    np.testing.assert_array_equal(some, np.where(labels < 0, 0, every))
    slope = np.asarray(mt.grad(lambda x: losses.CrossEntropy(ignore=-1)(x, labels).mean())(xp.asarray(SCORES)))
    assert not slope[labels < 0].any()
    whole = np.asarray(mt.grad(lambda x: losses.cross_entropy(x, LABELS).mean())(xp.asarray(SCORES)))
    np.testing.assert_allclose(slope[labels >= 0], whole[labels >= 0], rtol=1e-14)


@pytest.mark.parametrize("make", [losses.CrossEntropy, losses.Focal, losses.Hinge])
def test_a_sequence_is_the_mean_of_its_places_that_count(make):
    scores, labels = RNG.normal(size=(3, 5, 4)), RNG.integers(0, 4, (3, 5))
    labels[0, 2:], labels[1] = 255, 255
    found = np.asarray(make(ignore=255)(scores, labels))
    wanted = [float(make()(scores[0, :2], labels[0, :2]).mean()), 0.0, float(make()(scores[2], labels[2]).mean())]
    np.testing.assert_allclose(found, wanted, rtol=1e-13)
    compiled = mt.compile(make(ignore=255))(scores, labels)
    np.testing.assert_allclose(compiled, wanted, rtol=1e-13)


def test_an_unsigned_label_has_no_negative_to_ignore():
    np.testing.assert_array_equal(
        losses.CrossEntropy(ignore=-1)(SCORES, LABELS.astype(np.uint8)), losses.cross_entropy(SCORES, LABELS)
    )


def test_places_that_are_ignored_change_no_dice():
    scores, labels = RNG.normal(size=(2, 6, 3)), RNG.integers(0, 3, (2, 6))
    filled = np.concatenate([labels, np.full((2, 2), -1)], axis=1)
    more = np.concatenate([scores, RNG.normal(size=(2, 2, 3))], axis=1)
    np.testing.assert_allclose(losses.Dice(ignore=-1)(more, filled), losses.dice(scores, labels), rtol=1e-13)
    truth = labels.astype(bool)
    filled = np.concatenate([truth, np.full((2, 2), -1)], axis=1)
    found = losses.BinaryDice(ignore=-1)(more[..., 0], filled)
    np.testing.assert_allclose(found, losses.binary_dice(scores[..., 0], truth), rtol=1e-13)


def test_targets_of_hinge_may_be_signs_truth_values_or_bits():
    bits = np.array([0, 1, 1, 0, 1, 0])
    wanted = losses.binary_hinge(SCORES[:, 0], bits)
    for other in (2 * bits - 1, bits.astype(bool), bits.astype(np.float32)):
        np.testing.assert_array_equal(losses.binary_hinge(SCORES[:, 0], other), wanted)


def test_dice_of_one_hot_targets_is_that_of_labels():
    scores, labels = RNG.normal(size=(2, 3, 3, 4)), RNG.integers(0, 4, (2, 3, 3))
    np.testing.assert_array_equal(losses.dice(scores, np.eye(4)[labels]), losses.dice(scores, labels))


def test_embeddings_may_have_several_axes_and_the_target_of_a_triplet_be_left_out():
    x = RNG.normal(size=(5, 3, 2, 2))
    flat = losses.triplet(x.reshape(5, 3, 4))
    np.testing.assert_array_equal(losses.triplet(x, np.zeros(5)), flat)
    np.testing.assert_array_equal(
        losses.contrastive(x[:, :2], np.ones(5, bool)), losses.contrastive(x[:, :2].reshape(5, 2, 4), np.ones(5))
    )


def test_a_loss_of_ones_own_with_options():
    class Quantile(losses.Loss):
        def __init__(self, share: float) -> None:
            self.share = share

        def __call__(self, prediction, target):
            away = xp.asarray(target) - prediction
            return xp.maximum(self.share * away, (self.share - 1) * away)

    assert Quantile(0.5) == Quantile(0.5) != Quantile(0.9)
    made = mt.Learner(nn.Dense(1) >> mt.fn(lambda x: x[:, 0]), loss=Quantile(0.9), optimizer=optim.adam(0.1))
    history = made.fit(RNG.normal(size=(40, 2)).astype(np.float32), np.ones(40, np.float32), epochs=20)
    assert history["loss"][-1] < history["loss"][0]
    with pytest.raises(mt.UsageError, match="define __call__"):
        losses.Loss()(SCORES, LABELS)


@pytest.mark.parametrize(
    ("loss", "shape", "target"),
    [
        (losses.CrossEntropy(smoothing=0.1, weights=(1, 1, 2), ignore=-1), (3,), np.arange(24) % 4 - 1),
        (losses.Focal(gamma=1.5), (3,), np.arange(24) % 3),
        (losses.Hinge(squared=True), (3,), np.arange(24) % 3),
        (losses.BinaryCrossEntropy(positive=2.0), (1,), np.arange(24)[:, None] % 2),
        (losses.Huber(delta=0.5), (1,), np.arange(24.0)[:, None] / 24),
        (losses.poisson, (1,), np.arange(24)[:, None] % 5),
        (losses.Triplet(margin=0.5), (3, 2), np.zeros(24)),
        (losses.contrastive, (2, 2), np.arange(24) % 2),
        (losses.CrossEntropy(ignore=255), (4, 3), np.where(np.arange(96) % 5, np.arange(96) % 3, 255).reshape(24, 4)),
        (losses.dice, (4, 3), (np.arange(96) % 3).reshape(24, 4)),
    ],
    ids=lambda one: getattr(one, "name", ""),
)
def test_training_by_a_loss(loss, shape, target):
    if target.dtype == np.float64:
        target = target.astype(np.float32)
    x = RNG.normal(size=(24, 5)).astype(np.float32)
    net = nn.Dense(int(np.prod(shape))) >> mt.fn(lambda x: xp.reshape(x, (x.shape[0], *shape)))
    made = mt.Learner(net, loss=loss, optimizer=optim.adam(0.05))
    history = made.fit(x, target, epochs=30, batch_size=8, progress=False)
    assert history["loss"][-1] < history["loss"][0]
    assert np.isfinite(made.evaluate(x, target).loss)


YES_OR_NO = [losses.BinaryCrossEntropy, losses.BinaryFocal, losses.BinaryDice]


@pytest.mark.parametrize("kind", YES_OR_NO)
def test_targets_of_yes_and_no_lie_between_0_and_1(kind):
    with pytest.raises(mt.DataError, match=r"target 2.0 at index 1, 0 .*LOSS-06"):
        kind()(xp.ones((2, 1)), [[1], [2]])
    with pytest.raises(mt.DataError, match=r"\(y \+ 1\) / 2, or losses.binary_hinge"):
        kind()(xp.ones(2), [-1, 1])
    with pytest.raises(mt.DataError, match="LOSS-06"):  # values are known in an eager derivative, too
        mt.grad(lambda p: kind()(p, xp.asarray([0.0, -0.5])).sum())(xp.ones(2))
    assert kind(ignore=-1)(xp.ones((2, 2)), [[1, -1], [0.5, 0]]).shape == (2,)
    assert kind()(xp.ones(2), xp.asarray([1.0002, 0.0])).shape == (2,), "mixed labels are rounded"
    assert kind()(xp.ones(2), xp.asarray([np.nan, 0.0])).shape == (2,), "NaN is named by its place in the data"


def test_targets_of_cross_entropy_are_distributions():
    with pytest.raises(mt.DataError, match=r"targets at index 1 sum to 1.5, .*LOSS-07"):
        losses.cross_entropy(xp.ones((2, 3)), [[0, 0.5, 0.5], [0.5, 0.5, 0.5]])
    with pytest.raises(mt.DataError, match=r"target -0.5 at index 0, 2 .*LOSS-06"):
        losses.cross_entropy(xp.ones((1, 3)), [[1.0, 0.5, -0.5]])
    thirds = np.full((2, 3), 1 / 3, np.float16)
    assert losses.cross_entropy(xp.ones((2, 3)), thirds).shape == (2,)
    with pytest.raises(mt.DataError, match="LOSS-06"):
        losses.dice(xp.ones((1, 2, 3)), [[[2.0, 0, 0], [0, 1, 0]]])


def test_scores_of_places_want_one_row_for_each_example():
    with pytest.raises(mt.ShapeError, match=r"nn.Flatten"):
        losses.cross_entropy(xp.ones((8, 6, 6, 3)), np.zeros(8, np.int64))
