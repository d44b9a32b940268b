"""Mistakes with optimizers and schedules; `test_mistakes.py` says how to renew them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import mapsto as mt
from mapsto import nn, optim, xp
from tests.mistakes.test_mistakes import held, message

NET = nn.Dense(2).init(mt.key(0), xp.ones((1, 3)))
SLOPE = mt.grad(lambda net: xp.sum(net(xp.ones((1, 3)))))(NET)
LARGE = {"w": xp.asarray([1e30])}


def step(optimizer: Any, gradient: Any = SLOPE) -> Any:
    return optimizer.init(NET).step(NET, gradient)


MISTAKES: dict[str, tuple[type[Exception], Callable[[], Any]]] = {
    # wrong arguments
    "optimizer_of_a_net": (mt.UsageError, lambda: optim.adam(NET)),
    "optimizer_of_parameters": (mt.UsageError, lambda: optim.sgd(mt.parameters(NET))),
    "optimizer_of_a_generator": (mt.UsageError, lambda: optim.lion(w for w in mt.parameters(NET).values())),
    "optimizer_of_net_parameters": (AttributeError, lambda: optim.adam(NET.parameters())),  # type: ignore[attr-defined]
    "rate_is_a_word": (mt.UsageError, lambda: optim.adam("fast")),
    "rate_is_negative": (mt.UsageError, lambda: optim.sgd(-0.1)),
    "rate_replaced_by_nan": (mt.UsageError, lambda: optim.adam().replace(rate=float("nan"))),
    "rate_replaced_in_a_composition": (
        mt.UsageError,
        lambda: (optim.clip(1.0) >> optim.sgd(0.1)).replace(rate=0),
    ),
    "replace_what_there_is_not": (mt.PathError, lambda: (optim.clip(1.0) >> optim.sgd(0.1)).replace(lr=0.1)),
    "beta_is_one": (mt.UsageError, lambda: optim.adam(beta2=1.0)),
    "momentum_above_one": (mt.UsageError, lambda: optim.rmsprop(momentum=9)),
    "clip_at_zero": (mt.UsageError, lambda: optim.clip(0.0)),
    "decay_is_negative": (mt.UsageError, lambda: optim.add_decay(-1e-4)),
    "decay_of_no_path": (mt.PathError, lambda: optim.adamw(paths="**.wieght").init(NET)),
    "penalty_of_no_path": (mt.PathError, lambda: (optim.add_l1(0.1, "head.**") >> optim.sgd(0.1)).init(NET)),
    "every_of_no_step": (mt.UsageError, lambda: optim.every(4, optim.clip(1.0))),
    "every_of_a_function": (mt.UsageError, lambda: optim.every(4, optim.adam)),  # type: ignore[arg-type]
    "every_half": (mt.UsageError, lambda: optim.every(0.5, optim.adam())),  # type: ignore[arg-type]
    # composition
    "two_rules_of_descent": (mt.UsageError, lambda: optim.sgd(0.1) >> optim.adam()),
    "penalty_after_the_rule": (mt.UsageError, lambda: optim.sgd(0.1) >> optim.add_decay(0.1)),
    "average_before_the_rule": (mt.UsageError, lambda: optim.average() >> optim.sgd(0.1)),
    "optimizer_uncalled": (mt.UsageError, lambda: optim.clip(1.0) >> optim.adam),
    "optimizer_then_layer": (mt.UsageError, lambda: optim.adam() >> nn.relu),
    "optimizer_only_clips": (mt.UsageError, lambda: optim.clip(1.0).init(NET)),
    # steps
    "optimizer_of_nothing": (mt.UsageError, lambda: optim.adam().init(nn.Dense(2))),
    "step_before_init": (mt.StateError, lambda: optim.adam().step(NET, SLOPE)),
    "schedule_before_init": (mt.StateError, lambda: optim.sgd(optim.cosine(0.1, 10)).step(NET, SLOPE)),
    "step_after_unfreezing": (
        mt.StateError,
        lambda: optim.momentum(0.1).init(mt.freeze(NET, "bias")).step(NET, SLOPE),
    ),
    "step_with_the_loss": (mt.UsageError, lambda: step(optim.adam(), xp.asarray(0.3))),
    "step_with_the_pair": (mt.UsageError, lambda: step(optim.adam(), (xp.asarray(0.3), SLOPE))),
    "step_with_nothing": (mt.UsageError, lambda: step(optim.adam(), None)),
    "step_with_another_shape": (mt.ShapeError, lambda: step(optim.sgd(0.1), SLOPE.replace(bias=xp.ones((3,))))),
    "norm_not_finite": (mt.NonFiniteError, lambda: (optim.clip(1.0) >> optim.sgd(1.0)).init(LARGE).step(LARGE, LARGE)),
    "no_average_kept": (mt.StateError, lambda: optim.averaged(NET, optim.sgd(0.1).init(NET))),
    "zero_grad": (AttributeError, lambda: optim.adam().zero_grad()),  # type: ignore[attr-defined]
    # schedules
    "schedule_of_nothing": (mt.UsageError, lambda: step(optim.sgd(lambda step: None))),
    "schedule_of_two_rates": (mt.ShapeError, lambda: step(optim.sgd(lambda step: xp.ones((2,))))),
    "schedule_arguments_swapped": (mt.UsageError, lambda: optim.cosine(1000, 0.1)),  # type: ignore[arg-type]
    "one_cycle_too_short": (mt.UsageError, lambda: optim.one_cycle(0.1, 3)),
    "piecewise_of_a_list": (mt.UsageError, lambda: optim.piecewise(0.1, [10, 20])),  # type: ignore[arg-type]
    "warm_up_of_a_net": (mt.UsageError, lambda: optim.warm_up(10, NET)),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_message(name: str) -> None:
    kind, mistake = MISTAKES[name]
    with pytest.raises(kind) as error:
        mistake()
    held(f"optimizers_{name}", re.sub(r"test_optimizers\.py:\d+", "test_optimizers.py:…", message(error.value)))


def test_a_rate_above_one() -> None:
    with pytest.warns(mt.Note) as record:
        optim.adam(3)
    held("optimizers_large_rate", str(record[0].message))
