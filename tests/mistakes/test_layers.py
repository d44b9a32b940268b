"""What wrong settings and inputs of layers get: every message is held word for word in `snapshots/`, a file a subject.

After a deliberate change, `UPDATE_SNAPSHOTS=1 python -m pytest tests/mistakes` writes them anew; read the difference.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import pytest

import mapsto as mt
from mapsto import nn, xp
from tests.mistakes.test_mistakes import SNAPSHOTS, message

Wrong = dict[str, Callable[[], Any]]


def held_together(name: str, wrong: Wrong) -> None:
    """The messages of several calls that are all refused, below what was called."""
    found: list[str] = []
    for call, run in wrong.items():
        with pytest.raises(mt.MapstoError) as error:
            run()
        text = re.sub(r"test_layers\.py:\d+", "test_layers.py:…", message(error.value))
        assert (len(text.splitlines()) <= 12 and "  fix" in text) or "must be" in text, text
        found.append(f">>> {call}\n{text}\n")
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text("\n".join(found), encoding="utf-8")
    assert "\n".join(found) == path.read_text(encoding="utf-8")


def made(layer: Any, *shape: int) -> Any:
    """The layer with weights for inputs of a shape."""
    return layer.init(mt.key(0), xp.zeros(shape))


def given(layer: Any, *shape: int) -> Callable[[], Any]:
    """A call of a layer without weights on zeros of a shape."""
    return lambda: layer(xp.zeros(shape))


def test_settings_of_convolutions() -> None:
    held_together(
        "layers_settings",
        {
            "Conv2D(0, 3)": lambda: nn.Conv2D(0, 3),
            "Conv2D(2.5, 3)": lambda: nn.Conv2D(2.5, 3),  # type: ignore[arg-type]
            "Conv2D(8, (3, 3, 3))": lambda: nn.Conv2D(8, (3, 3, 3)),  # type: ignore[arg-type]
            'Conv1D(8, "3")': lambda: nn.Conv1D(8, "3"),  # type: ignore[arg-type]
            "Conv3D(8, 3, stride=0)": lambda: nn.Conv3D(8, 3, stride=0),
            "Conv2D(8, 3, dilation=(1, True))": lambda: nn.Conv2D(8, 3, dilation=(1, True)),
            "Conv2D(8, 3, groups=3)": lambda: nn.Conv2D(8, 3, groups=3),
            "DepthwiseConv2D(3, multiplier=0)": lambda: nn.DepthwiseConv2D(3, multiplier=0),
        },
    )


def test_paddings() -> None:
    held_together(
        "layers_padding",
        {
            'Conv2D(8, 3, padding="SAME")': lambda: nn.Conv2D(8, 3, padding="SAME"),  # type: ignore[arg-type]
            "Conv2D(8, 3, padding=(1, 1))": lambda: nn.Conv2D(8, 3, padding=(1, 1)),  # type: ignore[arg-type]
            "Conv1D(8, 3, padding=(2, 0))": lambda: nn.Conv1D(8, 3, padding=(2, 0)),  # type: ignore[arg-type]
            "Conv1D(8, 3, padding=-1)": lambda: nn.Conv1D(8, 3, padding=-1),
            "MaxPool3D(2, padding=((1, 1), (1, 1)))": lambda: nn.MaxPool3D(2, padding=((1, 1), (1, 1))),
            "ZeroPad2D(((1, 2, 3), (0, 0)))": lambda: nn.ZeroPad2D(((1, 2, 3), (0, 0))),  # type: ignore[arg-type]
            "Crop1D(1.5)": lambda: nn.Crop1D(1.5),  # type: ignore[arg-type]
        },
    )


def test_inputs_with_other_axes() -> None:
    held_together(
        "layers_axes",
        {
            "Conv1D(8, 3) on [5, 4]": lambda: made(nn.Conv1D(8, 3), 5, 4),
            "Conv2D(8, 3) on [1, 9, 9, 9, 1]": lambda: made(nn.Conv2D(8, 3), 1, 9, 9, 9, 1),
            "Conv3D(8, 3) on [1, 9, 9, 1]": lambda: made(nn.Conv3D(8, 3), 1, 9, 9, 1),
            "DepthwiseConv2D(3) on [1, 9, 9, 9, 1]": lambda: made(nn.DepthwiseConv2D(3), 1, 9, 9, 9, 1),
            "DepthwiseConv2D(3) on [64]": lambda: made(nn.DepthwiseConv2D(3), 64),
            "ConvTranspose2D(8, 3) on [1, 9]": lambda: made(nn.ConvTranspose2D(8, 3), 1, 9),
            "MaxPool1D(2) on [1, 9, 9, 1]": given(nn.MaxPool1D(2), 1, 9, 9, 1),
            "AvgPool2D(2) on [9, 9, 1]": given(nn.AvgPool2D(2), 9, 9, 1),
            "AdaptiveAvgPool2D(2) on [1, 81]": given(nn.AdaptiveAvgPool2D(2), 1, 81),
            "UpSampling3D(2) on [1, 9, 9, 1]": given(nn.UpSampling3D(2), 1, 9, 9, 1),
            "ZeroPad2D(1) on [9, 9, 1]": given(nn.ZeroPad2D(1), 9, 9, 1),
            "Crop1D(1) on []": given(nn.Crop1D(1)),
            "GlobalAvgPool() on [32, 10]": given(nn.GlobalAvgPool(), 32, 10),
            "SpatialDropout(0.5) on [32, 10]": given(nn.SpatialDropout(0.5), 32, 10),
        },
    )


def test_windows_that_do_not_fit() -> None:
    held_together(
        "layers_windows",
        {
            "Conv1D(8, 5) on [1, 4, 1]": lambda: made(nn.Conv1D(8, 5), 1, 4, 1),
            "Conv2D(8, 3, dilation=4) on [1, 9, 8, 1]": lambda: made(nn.Conv2D(8, 3, dilation=4), 1, 9, 8, 1),
            'Conv2D(8, 3, padding="same") on [1, 9, 0, 1]': lambda: made(nn.Conv2D(8, 3, padding="same"), 1, 9, 0, 1),
            "MaxPool3D(2) on [1, 1, 8, 8, 1]": given(nn.MaxPool3D(2), 1, 1, 8, 8, 1),
            "MaxPool2D(2, padding=2) on [1, 8, 8, 1]": given(nn.MaxPool2D(2, padding=2), 1, 8, 8, 1),
            "AvgPool1D(2, padding=((0, 3),)) on [1, 4, 1]": given(nn.AvgPool1D(2, padding=((0, 3),)), 1, 4, 1),
            "GlobalMaxPool() on [1, 8, 0, 1]": given(nn.GlobalMaxPool(), 1, 8, 0, 1),
            "AdaptiveMaxPool1D(2) on [1, 0, 1]": given(nn.AdaptiveMaxPool1D(2), 1, 0, 1),
            "UpSampling2D(2) on [1, 0, 8, 1]": given(nn.UpSampling2D(2), 1, 0, 8, 1),
            "GlobalAvgPool() on [1, 2, 2, 2, 0, 1]": given(nn.GlobalAvgPool(), 1, 2, 2, 2, 0, 1),
        },
    )


def test_channels_that_do_not_fit() -> None:
    sequences, volumes = made(nn.Conv1D(8, 3), 1, 9, 4), made(nn.Conv3D(8, 3), 1, 9, 9, 9, 2)
    grouped, depthwise = made(nn.Conv2D(8, 3, groups=2), 1, 9, 9, 4), made(nn.DepthwiseConv2D(3), 1, 9, 9, 4)
    transposed = made(nn.ConvTranspose2D(8, 3, groups=2), 1, 9, 9, 4)
    held_together(
        "layers_channels",
        {
            "Conv2D(8, 3, groups=2) on 3 channels": lambda: made(nn.Conv2D(8, 3, groups=2), 1, 9, 9, 3),
            "ConvTranspose1D(8, 3, groups=2) on 3 channels": lambda: made(nn.ConvTranspose1D(8, 3, groups=2), 1, 9, 3),
            "a Conv1D for 4 channels on [1, 4, 9]": given(sequences, 1, 4, 9),
            "a Conv3D for 2 channels on [1, 2, 9, 9, 9]": given(volumes, 1, 2, 9, 9, 9),
            "a Conv2D with 2 groups for 4 channels on 6": given(grouped, 1, 9, 9, 6),
            "a DepthwiseConv2D for 4 channels on 5": given(depthwise, 1, 9, 9, 5),
            "a ConvTranspose2D with 2 groups for 4 channels on [1, 4, 9, 9]": given(transposed, 1, 4, 9, 9),
        },
    )


def test_transposed_convolution() -> None:
    layer = nn.ConvTranspose2D
    held_together(
        "layers_transposed",
        {
            "ConvTranspose2D(8, 3, output_padding=1)": lambda: layer(8, 3, output_padding=1),
            "ConvTranspose2D(8, 3, stride=2, output_padding=-1)": lambda: layer(8, 3, stride=2, output_padding=-1),
            'ConvTranspose2D(8, 3, stride=2, padding="same", output_padding=1)': lambda: layer(
                8, 3, stride=2, padding="same", output_padding=1
            ),
            "ConvTranspose2D(8, 3, stride=2, output_padding=1, output_size=8)": lambda: layer(
                8, 3, stride=2, output_padding=1, output_size=8
            ),
            "ConvTranspose2D(8, 3, output_size=(8, 8, 8))": lambda: layer(8, 3, output_size=(8, 8, 8)),  # type: ignore[arg-type]
            "ConvTranspose2D(8, 3, stride=2, output_size=(9, 12)) on [1, 4, 4, 1]": lambda: made(
                layer(8, 3, stride=2, output_size=(9, 12)), 1, 4, 4, 1
            ),
            'ConvTranspose1D(8, 3, stride=3, padding="same", output_size=9) on [1, 4, 1]': lambda: made(
                nn.ConvTranspose1D(8, 3, stride=3, padding="same", output_size=9), 1, 4, 1
            ),
            "ConvTranspose2D(8, 3, padding=2) on [1, 4, 2, 1]": lambda: made(layer(8, 3, padding=2), 1, 4, 2, 1),
            "ConvTranspose2D(8, 3) on [1, 0, 4, 1]": lambda: made(layer(8, 3), 1, 0, 4, 1),
        },
    )


def test_resampling() -> None:
    held_together(
        "layers_resampling",
        {
            "UpSampling2D(0)": lambda: nn.UpSampling2D(0),
            "UpSampling2D(1.5)": lambda: nn.UpSampling2D(1.5),  # type: ignore[arg-type]
            "UpSampling2D(2, size=8)": lambda: nn.UpSampling2D(2, size=8),
            'UpSampling2D(2, method="linear")': lambda: nn.UpSampling2D(2, method="linear"),
            'UpSampling1D(2, method="bicubic")': lambda: nn.UpSampling1D(2, method="bicubic"),
            "AdaptiveAvgPool2D(0)": lambda: nn.AdaptiveAvgPool2D(0),
            "AdaptiveMaxPool3D((1, 2))": lambda: nn.AdaptiveMaxPool3D((1, 2)),  # type: ignore[arg-type]
        },
    )


def test_shapes() -> None:
    held_together(
        "layers_shapes",
        {
            "Flatten() on []": given(nn.Flatten()),
            "Reshape((2, -1)) on []": given(nn.Reshape((2, -1))),
            "Reshape((-1, -1))": lambda: nn.Reshape((-1, -1)),
            "Reshape((2, 3.5))": lambda: nn.Reshape((2, 3.5)),  # type: ignore[arg-type]
            "Reshape((4, 4)) on [2, 3, 5]": given(nn.Reshape((4, 4)), 2, 3, 5),
            "Reshape((4, -1)) on [2, 3, 5]": given(nn.Reshape((4, -1)), 2, 3, 5),
            "Reshape((0, -1)) on [2, 0]": given(nn.Reshape((0, -1)), 2, 0),
            "Permute((0, 2, 1))": lambda: nn.Permute((0, 2, 1)),
            "Permute((1, 1))": lambda: nn.Permute((1, 1)),
            "Permute(2)": lambda: nn.Permute(2),  # type: ignore[arg-type]
            "Permute((2, 1)) on [5, 28, 28, 1]": given(nn.Permute((2, 1)), 5, 28, 28, 1),
            "Crop2D(2) on [1, 9, 4, 1]": given(nn.Crop2D(2), 1, 9, 4, 1),
            "Dense(3) on [5]": lambda: made(nn.Dense(3), 5),
            "Dense(3) for 4 features on []": given(made(nn.Dense(3), 1, 4)),
            "Dropout(1)": lambda: nn.Dropout(1),
            'SpatialDropout("0.5")': lambda: nn.SpatialDropout("0.5"),  # type: ignore[arg-type]
        },
    )
