"""The recipes that `mapsto train` uses: a net and its settings for each packaged or downloaded set of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mapsto import image, losses, nn, optim
from mapsto.compose.combine import each
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import UsageError
from mapsto.metrics import accuracy
from mapsto.train.learner import Learner


@dataclass(frozen=True)
class Recipe:
    """How to train on one set: channels of its two convolutions, units after them, and the settings of `fit`."""

    channels: tuple[int, int]
    units: int
    dropout: float
    epochs: int
    batch_size: int
    rate: float


RECIPES: dict[str, Recipe] = {
    "digits": Recipe(channels=(32, 64), units=64, dropout=0.3, epochs=20, batch_size=32, rate=2e-3),
    "mnist": Recipe(channels=(16, 32), units=64, dropout=0.3, epochs=3, batch_size=64, rate=1e-3),
    "mnist_10k": Recipe(channels=(16, 32), units=64, dropout=0.3, epochs=6, batch_size=64, rate=1e-3),
    "fashion_mnist": Recipe(channels=(32, 64), units=64, dropout=0.5, epochs=5, batch_size=128, rate=1e-3),
    "cifar10": Recipe(channels=(32, 64), units=128, dropout=0.5, epochs=5, batch_size=64, rate=1e-3),
}


def recipe_for(name: str) -> Recipe:
    """A set's name ↦ its recipe."""
    if name not in RECIPES:
        fix = "train on " + ", ".join(RECIPES)
        raise UsageError("ARG-02", function="mapsto train", name="recipe for", value=name, fix=fix)
    return RECIPES[name]


def network(recipe: Recipe, classes: int) -> Mapping:
    """A small convolutional network for pictures: u8[n, h, w, c] ↦ scores f32[n, classes]."""
    first, second = recipe.channels
    return (
        image.scale(1 / 255)
        >> nn.Conv2D(first, 3, padding="same")
        >> nn.relu
        >> nn.MaxPool2D(2)
        >> nn.Conv2D(second, 3, padding="same")
        >> nn.relu
        >> nn.MaxPool2D(2)
        >> nn.Flatten()
        >> nn.Dense(recipe.units)
        >> nn.relu
        >> nn.Dropout(recipe.dropout)
        >> nn.Dense(classes)
    )


def learner_for(recipe: Recipe, classes: int) -> Learner:
    """A Learner that is ready to fit."""
    optimizer = optim.clip(1.0) >> optim.adam(recipe.rate)
    return Learner(network(recipe, classes), loss=losses.cross_entropy, optimizer=optimizer, metrics=[accuracy])


def answer_for(net: Any, shape: tuple[int, ...], classes: tuple[str, ...], best: int = 3) -> Mapping:
    """A trained net for pictures of a shape (h, w, c) ↦ the way from a picture's bytes to its best classes by name."""
    height, width, channels = shape
    return (
        each(image.decode((height, width), "L" if channels == 1 else "RGB"))
        >> net
        >> nn.softmax
        >> nn.top_k(best, classes)
    )
