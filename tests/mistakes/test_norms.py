"""Mistakes with normalisation, embeddings, activations and initialisers; `test_mistakes.py` says how to renew them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, xp
from tests.mistakes.test_mistakes import held, message

KEY = mt.key(0)
ROWS = xp.ones((2, 6))


def made(layer: Any, example: Any = ROWS) -> Any:
    return layer.init(KEY, example)


EMBEDDING = made(nn.Embedding(10, 3), xp.asarray([[1]]))

MISTAKES: dict[str, tuple[type[Exception], Callable[[], Any]]] = {
    "batch_norm_of_a_size": (mt.UsageError, lambda: nn.BatchNorm(64)),  # type: ignore[arg-type]
    "batch_norm_momentum": (mt.UsageError, lambda: nn.BatchNorm(momentum=1.0)),
    "batch_norm_of_one_example": (mt.ShapeError, lambda: mt.training(made(nn.BatchNorm()))(KEY, xp.ones((1, 6)))),
    "batch_norm_without_channels": (mt.ShapeError, lambda: made(nn.BatchNorm())(xp.ones((6,)))),
    "batch_norm_other_channels": (mt.ShapeError, lambda: made(nn.Dense(6) >> nn.BatchNorm()).batchnorm_1(ROWS[:, :5])),
    "batch_norm_evaluated_in_grad": (mt.StateError, lambda: mt.grad(lambda n: xp.sum(n(ROWS)))(made(nn.BatchNorm()))),
    "layer_norm_of_a_size": (mt.ShapeError, lambda: made(nn.LayerNorm(64), xp.ones((2, 64)))),
    "layer_norm_of_the_batch": (mt.ShapeError, lambda: made(nn.LayerNorm((0, 1)))),
    "layer_norm_axis_twice": (mt.ShapeError, lambda: made(nn.LayerNorm((1, -1)))),
    "layer_norm_no_axis": (mt.UsageError, lambda: nn.LayerNorm("last")),  # type: ignore[arg-type]
    "layer_norm_of_one_number": (mt.ShapeError, lambda: made(nn.LayerNorm(), xp.ones((2, 1)))),
    "group_norm_groups": (mt.ShapeError, lambda: made(nn.GroupNorm(4))),
    "instance_norm_of_rows": (mt.ShapeError, lambda: made(nn.InstanceNorm())),
    "embedding_index": (mt.IndexRangeError, lambda: EMBEDDING([[1, 12]])),
    "embedding_index_compiled": (
        mt.IndexRangeError,
        lambda: mt.compile(lambda net, x: net(x))(EMBEDDING, xp.asarray([12])),
    ),
    "embedding_negative_index": (mt.IndexRangeError, lambda: EMBEDDING(np.array([[1, -1]]))),
    "embedding_of_floats": (mt.DTypeError, lambda: EMBEDDING(xp.ones((1, 2)))),
    "embedding_padding": (mt.UsageError, lambda: nn.Embedding(10, 3, padding=10)),
    "activation_of_a_setting": (mt.UsageError, lambda: nn.Dense(3) >> nn.leaky_relu(0.2)),
    "activation_misspelt_setting": (mt.UsageError, lambda: nn.leaky_relu(slop=0.2)),
    "activation_without_settings": (mt.UsageError, lambda: nn.gelu(approximate="tanh")),
    "activation_setting_out_of_range": (mt.UsageError, lambda: nn.elu(alpha=0)),
    "glu_of_an_odd_axis": (mt.ShapeError, lambda: nn.glu(xp.ones((2, 3)))),
    "initialiser_uncalled": (mt.UsageError, lambda: made(nn.Dense(3, init=nn.orthogonal))),  # type: ignore[arg-type]
    "initialiser_of_a_vector": (mt.ShapeError, lambda: nn.orthogonal()(KEY, (3,), xp.float32)),
    "initialiser_bounds": (mt.UsageError, lambda: nn.uniform(1.0, 0.0)),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake(name: str) -> None:
    kind, make = MISTAKES[name]
    with pytest.raises(kind) as error:
        make()
    assert isinstance(error.value, mt.MapstoError)
    held(name, re.sub(r"test_norms\.py:\d+", "test_norms.py:…", message(error.value)))
