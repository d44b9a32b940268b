"""The ten programs a user writes first: each runs as the script it is, and its result is checked."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HERE = Path(__file__).parent


def good_report(result: tuple[float, str]) -> bool:
    accuracy, report = result
    text = str(report)
    return accuracy > 0.93 and all(f"{digit}" in text for digit in range(10)) and "accuracy" in text


def own_layer_learns(result: tuple[float, Any]) -> bool:
    accuracy, net = result
    blocks = net.block_1, net.block_2
    return accuracy > 0.93 and all(layer.weight.shape == (48, 48) for b in blocks for layer in (b.fc1, b.fc2))


def penalty_shrinks_weights(result: dict[float, tuple[float, float]]) -> bool:
    (loss, size), (loss_penalised, size_penalised) = result[0.0], result[1e-2]
    return loss < 0.8 and loss_penalised < 1.0 and size_penalised < 0.7 * size


def looks_somewhere(result: tuple[np.ndarray, float]) -> bool:
    cam, gap = result
    seen = cam.reshape(len(cam), -1).max(axis=1)
    return cam.shape == (16, 6, 6) and bool((cam >= 0).all()) and bool((seen > 0).mean() > 0.5) and gap < 1e-5


CHECKS: dict[str, Callable[[Any], bool]] = {
    "01_dense_digits": lambda accuracy: accuracy > 0.93,
    "02_cnn_report": good_report,
    "03_own_residual_layer": own_layer_learns,
    "04_batchnorm_by_hand": lambda result: result[0] > 0.93 and result[1] > 0.01,
    "05_gan": lambda distances: distances[1] < 0.6 * distances[0],
    "06_lstm_classifier": lambda accuracy: accuracy > 0.9,
    "07_transfer_frozen": lambda result: result[0] > 0.9 and result[1],
    "08_own_loss_l2": penalty_shrinks_weights,
    "09_save_load_predict": lambda texts: texts[0] == texts[1] and texts[2] in texts[0],
    "10_grad_cam": looks_somewhere,
}


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_program(name: str) -> None:
    result = runpy.run_path(str(HERE / f"{name}.py"))["main"]()
    assert CHECKS[name](result), result


def test_every_program_is_checked() -> None:
    assert {path.stem for path in HERE.glob("[0-9][0-9]_*.py")} == set(CHECKS)
