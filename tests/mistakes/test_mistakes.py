"""What a beginner's mistakes get: every message is held word for word in `snapshots/`.

After a deliberate change, `UPDATE_SNAPSHOTS=1 python -m pytest tests/mistakes` writes them anew; read the difference.
"""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import image, losses, nn, optim, xp

SNAPSHOTS = Path(__file__).parent / "snapshots"
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1)).astype(np.uint8)
LABELS = np.arange(40) % 4


def held(name: str, text: str) -> None:
    """The text equals the stored one, lines of this file apart."""
    text = re.sub(r"test_mistakes\.py:\d+", "test_mistakes.py:…", text) + "\n"
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(text, encoding="utf-8")
    assert len(text.splitlines()) <= 12
    assert text == path.read_text(encoding="utf-8")


def message(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def dense(units: int = 4) -> Any:
    return image.scale(1 / 255) >> nn.Flatten() >> nn.Dense(16) >> nn.relu >> nn.Dense(units)


def learner(net: Any, loss: Any = losses.cross_entropy, rate: float = 1e-3) -> mt.Learner:
    return mt.Learner(net, loss=loss, optimizer=optim.adam(rate))


def test_float64_data_is_cast_at_the_edge_with_one_note() -> None:
    flat = nn.Dense(4)
    x = PIXELS.reshape(40, 64) / 255.0
    made = learner(flat)
    with pytest.warns(mt.Note) as record:
        made.fit(x, LABELS, epochs=2)
        made.predict(x)
    assert len(record) == 1
    held("float64_data", str(record[0].message))


def test_a_float64_array_of_ours_is_refused_with_the_fix() -> None:
    net = nn.Dense(4).init(mt.key(0), xp.zeros((1, 3)))
    with pytest.raises(mt.DTypeError) as error:
        net(xp.zeros((2, 3), dtype=xp.float64))
    held("float64_array", message(error.value))


def test_labels_in_a_column() -> None:
    with pytest.raises(mt.ShapeError) as error:
        learner(dense()).fit(PIXELS, LABELS.reshape(-1, 1))
    held("labels_in_a_column", message(error.value))


def test_targets_in_a_column() -> None:
    net = nn.Flatten() >> nn.Dense(1) >> mt.fn(lambda x: x[:, 0])
    with pytest.raises(mt.ShapeError) as error:
        learner(net, losses.mse).fit(PIXELS.astype(np.float32), LABELS.reshape(-1, 1).astype(np.float32))
    held("targets_in_a_column", message(error.value))


def test_unscaled_pixels() -> None:
    with pytest.warns(mt.Note) as record:
        learner(nn.Flatten() >> nn.Dense(4)).fit(PIXELS, LABELS, epochs=1)
    held("unscaled_pixels", str(record[0].message))


def test_scaled_pixels_get_no_note() -> None:
    own = mt.fn(lambda x: (xp.astype(x, xp.float32) - 128.0) / 64.0) >> nn.Flatten() >> nn.Dense(4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learner(dense()).fit(PIXELS, LABELS, epochs=1)
        learner(own).fit(PIXELS, LABELS, epochs=1)


def test_channels_first_in_fit() -> None:
    x = np.zeros((8, 3, 32, 32), np.uint8)
    net = image.scale(1 / 255) >> nn.Conv2D(4, 3) >> nn.relu >> nn.Flatten() >> nn.Dense(4)
    with pytest.raises(mt.ShapeError) as error:
        learner(net).fit(x, np.arange(8) % 4)
    held("channels_first_fit", message(error.value))


def test_channels_first_in_a_call() -> None:
    net = nn.Conv2D(4, 3).init(mt.key(0), xp.zeros((1, 32, 32, 3)))
    with pytest.raises(mt.ShapeError) as error:
        net(xp.zeros((2, 3, 32, 32)))
    held("channels_first_call", message(error.value))


def test_softmax_before_a_loss_on_scores() -> None:
    with pytest.raises(mt.UsageError) as error:
        learner(dense() >> nn.softmax)
    held("softmax_before_the_loss", message(error.value))


def test_sigmoid_before_a_loss_on_scores() -> None:
    with pytest.raises(mt.UsageError) as error:
        learner(nn.Dense(1) >> nn.sigmoid, losses.binary_cross_entropy)
    held("sigmoid_before_the_loss", message(error.value))


def test_calling_the_net_that_was_given_after_fit() -> None:
    net = dense()
    made = learner(net)
    made.fit(PIXELS, LABELS, epochs=1)
    with pytest.raises(mt.StateError) as error:
        net(PIXELS)
    held("uninitialised_net", message(error.value))
    assert made.net(PIXELS).shape == (40, 4)


def test_fit_takes_x_and_y() -> None:
    assert len(learner(dense()).fit(PIXELS, LABELS, epochs=2)["loss"]) == 2


def test_a_label_out_of_range() -> None:
    labels = LABELS.copy()
    labels[17] = 9
    with pytest.raises(mt.DataError) as error:
        learner(dense()).fit(PIXELS, labels)
    held("label_out_of_range", message(error.value))


def test_a_loss_that_is_not_finite_updates_nothing() -> None:
    x = PIXELS.reshape(40, 64).astype(np.float32) / 255
    made = learner(nn.Dense(4))
    made.fit(x, LABELS, epochs=1)
    before = np.asarray(made.net.weight)
    x[:, 5] = np.nan
    with pytest.raises(mt.NonFiniteError) as error:
        made.fit(x, LABELS, epochs=1)
    held("loss_not_finite", message(error.value))
    np.testing.assert_array_equal(np.asarray(made.net.weight), before)


def test_a_gradient_that_is_not_finite_names_the_tensor() -> None:
    def spike(prediction: Any, target: Any) -> Any:
        return xp.sqrt(xp.sum(prediction * 0.0, axis=1))  # finite value, infinite slope

    made = learner(mt.named("head", nn.Dense(4)), spike)
    with pytest.raises(mt.NonFiniteError) as error:
        made.fit(np.ones((8, 3), np.float32), np.zeros(8, np.int64), epochs=1)
    held("gradient_not_finite", message(error.value))


def test_composing_with_what_is_no_mapping() -> None:
    with pytest.raises(mt.UsageError) as error:
        dense() >> 3
    held("compose_with_a_number", message(error.value))


def test_an_array_before_the_arrows() -> None:
    with pytest.raises(mt.UsageError) as error:
        PIXELS >> dense()
    held("array_before_the_arrows", message(error.value))
    with pytest.raises(mt.UsageError):
        xp.asarray(PIXELS) >> dense()  # type: ignore[operator]


def test_two_functions_need_fn() -> None:
    def double(x: Any) -> Any:
        return 2 * x

    assert float((mt.fn(double) >> double)(3.0)) == 12.0
    assert float((double >> mt.fn(double))(3.0)) == 12.0
    with pytest.raises(TypeError):
        double >> double  # type: ignore[operator]


def test_a_weight_that_does_not_fit_names_the_layer() -> None:
    net = dense().init(mt.key(0), PIXELS[:1])
    with pytest.raises(mt.ShapeError) as error:
        net(np.zeros((2, 9, 9, 1), np.uint8))
    held("weight_does_not_fit", message(error.value))


def test_assigning_to_a_mapping() -> None:
    net = nn.Dense(4)
    with pytest.raises(mt.FrozenError) as error:
        net.units = 5
    held("assigning_to_a_mapping", message(error.value))


def test_an_image_too_small_for_the_window() -> None:
    with pytest.raises(mt.ShapeError) as error:
        (nn.MaxPool2D(2) >> nn.Conv2D(4, 5)).init(mt.key(0), PIXELS[:1])
    held("image_too_small", message(error.value))


def test_no_batch_axis() -> None:
    with pytest.raises(mt.ShapeError) as error:
        nn.Conv2D(4, 3).init(mt.key(0), PIXELS[0])
    held("no_batch_axis", message(error.value))


def test_an_empty_set_and_a_batch_too_large() -> None:
    with pytest.raises(mt.DataError):
        learner(dense()).fit(PIXELS[:0], LABELS[:0])
    with pytest.raises(mt.DataError) as error:
        learner(dense()).fit(PIXELS, LABELS, batch_size=64)
    held("batch_too_large", message(error.value))


def test_counts_that_differ() -> None:
    with pytest.raises(mt.DataError) as error:
        learner(dense()).fit(PIXELS, LABELS[:-1])
    held("counts_differ", message(error.value))


def test_donated_trees_are_gone() -> None:
    @mt.compile(donate=("x",))
    def double(x: Any) -> Any:
        return 2 * x

    x = xp.ones((3,))
    double(x)
    with pytest.raises(mt.DonatedError) as error:
        x + 1
    held("donated", message(error.value))


def test_an_if_on_a_traced_value() -> None:
    @mt.compile
    def sign(x: Any) -> Any:
        return x if x > 0 else -x

    with pytest.raises(mt.TraceError) as error:
        sign(xp.asarray(1.0))
    held("if_on_a_traced_value", message(error.value))


def test_dropout_differentiated_outside_of_training() -> None:
    net = (nn.Dense(4) >> nn.Dropout(0.5)).init(mt.key(0), xp.ones((1, 3)))
    with pytest.raises(mt.StateError) as error:
        mt.grad(lambda net: xp.mean(net(xp.ones((2, 3)))))(net)
    held("dropout_outside_of_training", message(error.value))
    mt.grad(lambda net: xp.mean(mt.evaluation(net)(xp.ones((2, 3)))))(net)


def test_a_learner_of_parts_that_are_none() -> None:
    wrong = [
        ("learner_net_class", lambda: learner(nn.Dense)),
        ("learner_loss_word", lambda: learner(dense(), "cross_entropy")),
        ("learner_optimizer_uncalled", lambda: mt.Learner(dense(), loss=losses.mse, optimizer=optim.adam)),  # type: ignore[arg-type]
        (
            "learner_metric_function",
            lambda: mt.Learner(dense(), loss=losses.mse, optimizer=optim.sgd(0.1), metrics=[losses.mse]),  # type: ignore[list-item]
        ),
    ]
    for name, make in wrong:
        with pytest.raises(mt.UsageError) as error:
            make()
        held(name, message(error.value))


def test_an_optimizer_that_takes_no_step() -> None:
    made = mt.Learner(dense(), loss=losses.cross_entropy, optimizer=optim.clip(1.0))
    with pytest.raises(mt.UsageError) as error:
        made.fit(PIXELS, LABELS)
    held("optimizer_takes_no_step", message(error.value))


def test_a_gradient_that_is_not_finite_is_refused_when_eager() -> None:
    net = nn.Dense(2).init(mt.key(0), xp.ones((1, 3)))
    opt = optim.sgd(0.1).init(net)
    gradient = mt.grad(lambda net: xp.mean(net(xp.asarray([[1.0, float("inf"), 1.0]]))))(net)
    with pytest.raises(mt.NonFiniteError) as error:
        opt.step(net, gradient)
    held("eager_gradient_not_finite", message(error.value))


def test_labels_that_are_words() -> None:
    with pytest.raises(mt.DataError) as error:
        learner(dense()).fit(PIXELS, np.array(["cat", "dog"] * 20))
    held("labels_are_words", message(error.value))


def test_an_axis_that_is_traced() -> None:
    @mt.compile
    def total(x: Any, axis: int) -> Any:
        return xp.sum(x, axis=axis)

    with pytest.raises(mt.UsageError) as error:
        total(xp.ones((2, 3)), 1)
    held("axis_is_traced", message(error.value))


def test_a_forgotten_return() -> None:
    class Forgetful(mt.Mapping):
        def __call__(self, x: Any) -> Any:
            2 * x

    with pytest.raises(mt.UsageError) as error:
        (nn.Dense(2) >> Forgetful()).init(mt.key(0), xp.ones((1, 3)))
    held("forgotten_return", message(error.value))
