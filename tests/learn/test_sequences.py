"""The pages of examples/sequences and examples/adversarial, on a part of their data and in seconds."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from tests.larger_data import FOLDER, needs

PAGES = Path(__file__).parents[2] / "examples"


def page(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("MAPSTO_DATA", str(FOLDER))
    return runpy.run_path(str(PAGES / f"{name}.py"))


@pytest.mark.data
@needs("tinyshakespeare")
def test_a_page_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters drawn by how often they occur have a perplexity of 27; the whole example reaches 4.98."""
    names = page("sequences/shakespeare", monkeypatch)
    net, letters, perplexity = names["main"](epochs=3, characters=200_000)
    assert perplexity < 10
    written = names["write"](net, letters, "ROMEO:", 200, mt.key(1))
    assert len(written) == 206 and written.startswith("ROMEO:") and set(written) <= set(letters)
    assert written == names["write"](net, letters, "ROMEO:", 200, mt.key(1))
    assert written != names["write"](net, letters, "ROMEO:", 200, mt.key(2))


@pytest.mark.data
@needs("spoken-digits")
def test_spoken_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """800 recordings, eight epochs; all of them for 15 reach 0.983."""
    assert page("sequences/spoken_digits", monkeypatch)["main"](epochs=8, samples=800) > 0.8


@pytest.mark.data
@needs("fashion-mnist")
def test_made_up_clothes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four epochs of 8,000 pictures: 0.8 from real ones in mean and spread, where noise is 6.0; of shares of 4×4."""
    names = page("adversarial/dcgan", monkeypatch)
    pictures = names["made_by"](names["main"](epochs=4, samples=8_000, width=16), 250)
    real = mt.data.load("fashion_mnist", "test").x[:2000]
    assert names["sheet"](pictures).shape == (25 * 28, 10 * 28)

    def coarse(x: Any) -> Any:
        return x.reshape(-1, 7, 4, 7, 4).mean((2, 4)).reshape(len(x), -1) / 255

    noise = np.random.default_rng(0).integers(0, 256, pictures.shape)
    assert names["frechet"](coarse(pictures), coarse(real)) < 0.3 * names["frechet"](coarse(noise), coarse(real))
    assert names["frechet"](coarse(real[:1000]), coarse(real[1000:])) < 1
