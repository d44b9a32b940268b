"""Recurrent weights of strangers: one layer alone, names, what is no layer. Whole files are in test_peers.py."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import mapsto as mt
from mapsto import nn, xp
from mapsto.files.recurrent import keras_module, pytorch_modules
from mapsto.files.stored import Stored

RNG = np.random.default_rng(0)


def pytorch(gates: int, before: str = "", features: int = 2, units: int = 3) -> dict[str, np.ndarray]:
    """The arrays of one layer of PyTorch's, in float32."""
    shapes = {"weight_ih": (gates * units, features), "weight_hh": (gates * units, units)}
    shapes |= {"bias_ih": (gates * units,), "bias_hh": (gates * units,)}
    return {f"{before}{name}_l0": RNG.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def made(net: mt.Mapping) -> mt.Mapping:
    return net.init(mt.key(0), xp.ones((1, 4, 2)))


@pytest.mark.parametrize(("kind", "gates"), [(nn.RNN, 1), (nn.GRU, 3), (nn.LSTM, 4)])
def test_one_layer_alone(kind: Any, gates: int, tmp_path: Path) -> None:
    arrays = pytorch(gates)
    safetensors.numpy.save_file(arrays, tmp_path / "x")
    way = made(kind(3)).load_weights(tmp_path / "x").forward[0]
    assert np.array_equal(way.weight, arrays["weight_ih_l0"].T)
    assert np.array_equal(way.recurrent, arrays["weight_hh_l0"].T)
    apart = 6 if gates == 3 else None
    added = arrays["bias_ih_l0"].copy()
    added[:apart] += arrays["bias_hh_l0"][:apart]
    assert np.array_equal(way.bias, added)
    if gates == 3:
        assert np.array_equal(way.recurrent_bias, arrays["bias_hh_l0"][6:])


def test_by_name(tmp_path: Path) -> None:
    arrays = pytorch(4, "encoder.cell.")
    arrays |= {"out.weight": np.ones((2, 3), np.float32), "out.bias": np.ones(2, np.float32)}
    safetensors.numpy.save_file(arrays, tmp_path / "x")
    names = {"encoder.cell": "lstm_1", "out": "dense_1"}
    net = made(nn.LSTM(3) >> nn.Dense(2)).load_weights(tmp_path / "x", names=names)
    assert np.array_equal(net.lstm_1.forward[0].weight, arrays["encoder.cell.weight_ih_l0"].T)


def test_another_size_is_listed(tmp_path: Path) -> None:
    safetensors.numpy.save_file(pytorch(4, units=5), tmp_path / "x")
    with pytest.raises(mt.FormatError, match=r"FILE-26(.|\n)*forward\.0\.weight"):
        made(nn.LSTM(3)).load_weights(tmp_path / "x")


def stored(array: np.ndarray) -> Stored:
    return Stored(array.dtype, array.shape, lambda: array)


@pytest.mark.parametrize(
    "change",
    [
        {"weight_hh_l0": np.ones(12, np.float32)},
        {"weight_hh_l0": np.ones((12, 0), np.float32)},
        {"weight_hh_l0": np.ones((11, 3), np.float32)},
        {"bias_ih_l0": np.ones(11, np.float32)},
        {"weight_hr_l0": np.ones((3, 3), np.float32)},
    ],
    ids=["rank", "empty", "odd", "bias", "projected"],
)
def test_what_is_no_layer_stays_as_it_is(change: dict[str, np.ndarray]) -> None:
    arrays = {name: stored(array) for name, array in (pytorch(4) | change).items()}
    (module,) = pytorch_modules("lstm", arrays)
    assert module.path == "lstm" and module.arrays == arrays


def test_keras_gru_that_resets_before_is_no_layer_here() -> None:
    arrays = {"0": np.ones((2, 9)), "1": np.ones((3, 9)), "2": np.ones(9)}
    module = keras_module("gru", {name: stored(array) for name, array in arrays.items()}, "gru_cell", False, False, "")
    assert module.path == "gru.forward.0" and module.kind == "gru"
    assert set(module.arrays) == {"weight", "recurrent", "bias"}


def test_keras_gates_are_reordered() -> None:
    z, r, g = (np.full((2, 3), float(i)) for i in range(3))
    bias = np.arange(18.0).reshape(2, 9)
    arrays = {"0": np.concatenate([z, r, g], 1), "1": np.zeros((3, 9)), "2": bias}
    module = keras_module("gru", {name: stored(array) for name, array in arrays.items()}, "gru_cell", True, True, "a")
    assert module.path == "gru.backward.0" and module.also == ("a.backward.0",) and module.kind == "gru both"
    read = {name: array.read() for name, array in module.arrays.items()}
    assert np.array_equal(read["weight"], np.concatenate([r, z, g], 1))
    turned = bias[:, [3, 4, 5, 0, 1, 2, 6, 7, 8]]
    assert np.array_equal(read["bias"][:6], turned.sum(0)[:6]) and np.array_equal(read["bias"][6:], bias[0, 6:])
    assert np.array_equal(read["recurrent_bias"], bias[1, 6:])
