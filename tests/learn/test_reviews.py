"""Chinese shopping reviews, by their characters: three seeds, mean test accuracy 0.795, minimum 0.785; and the whole
way from a text to an answer, saved, in other processes.

Scikit-learn's logistic regression on how often each of the same characters occurs has 0.790, its naive Bayes 0.744.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import data, losses, metrics, nn, optim, text, xp
from tests.larger_data import FOLDER, needs

pytestmark = [pytest.mark.data, needs("reviews-zh")]
SEEDS, MEAN, MINIMUM = range(3), 0.795, 0.785
CLASSES = ("negative", "positive")
ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = "import sys, mapsto as mt; print(mt.load(sys.argv[1])(sys.argv[2:]))"
GOOD, BAD = "质量很好，非常喜欢，下次还会再来！", "太差了，很失望，房间又脏又吵，再也不来了。"


class MaskedMean(mt.Mapping):
    """i32[n, length] ↦ f32[n, width]: the mean over the characters that are there, of rows of a table."""

    def __init__(self, count: int, width: int) -> None:
        self.table = nn.Embedding(count, width, padding=0)

    def __call__(self, x: Any) -> Any:
        there = xp.astype(xp.sum(x != 0, axis=1, keepdims=True), xp.float32)
        return xp.sum(self.table(x), axis=1) / there


@cache
def reviews() -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Texts with their classes: nine tenths to learn from, the rest to be judged by, none of which occurs twice."""
    found: dict[str, int] = {}
    for number, name in enumerate(("neg", "pos")):
        lines = gzip.decompress((FOLDER / "reviews-zh" / f"{name}.txt.gz").read_bytes()).decode().split("\n")
        for line in filter(None, map(str.strip, lines)):
            found.setdefault(line, number)
    listed = list(found.items())
    order = np.random.default_rng(0).permutation(len(listed)).tolist()
    cut = len(listed) // 10
    return [listed[i] for i in order[cut:]], [listed[i] for i in order[:cut]]


@cache
def numbered() -> tuple[text.Characters, data.Dataset, data.Dataset]:
    train, test = reviews()
    step = text.characters(text.alphabet([one for one, _ in train], 2500, least=2), 100)

    def samples(part: list[tuple[str, int]]) -> data.Dataset:
        x = np.asarray(mt.each(step)([one for one, _ in part]))
        return data.Dataset(x, np.array([y for _, y in part]), classes=CLASSES)

    return step, samples(train), samples(test)


@cache
def trained(seed: int) -> tuple[Any, float]:
    step, train, test = numbered()
    net = MaskedMean(step.count, 32) >> nn.Dense(64) >> nn.relu >> nn.Dense(2)
    learner = mt.Learner(net, loss=losses.cross_entropy, optimizer=optim.adam(2e-3), metrics=[metrics.accuracy])
    learner.fit(train, epochs=4, batch_size=64, seed=seed, progress=False)
    return learner.net, learner.evaluate(test)["accuracy"]


@pytest.mark.parametrize("seed", SEEDS)
def test_one_seed(seed: int) -> None:
    _, accuracy = trained(seed)
    print(f"seed {seed}: accuracy {accuracy:.4f}")
    assert accuracy >= MINIMUM


def test_the_mean_of_all() -> None:
    found = [trained(seed)[1] for seed in SEEDS]
    assert sum(found) / len(found) >= MEAN, found


def test_from_text_to_answer_elsewhere(tmp_path: Path) -> None:
    """Saved with its alphabet, loaded by a process that knows nothing of it, asked and shown at the command line."""
    step, _, _ = numbered()
    answer = mt.each(step) >> trained(0)[0] >> nn.softmax >> nn.top_k(2, CLASSES)
    path = tmp_path / "reviews.mapsto"
    mt.save(answer, path)
    here = mt.load(path)([GOOD, BAD])
    assert [row[0][0] for row in here] == ["positive", "negative"]
    assert printed("-c", ELSEWHERE, path, GOOD, BAD).strip() == str(here)
    first, second = printed("-m", "mapsto", "predict", path, GOOD, BAD).splitlines()
    assert first.startswith(f"{GOOD}  positive ") and second.startswith(f"{BAD}  negative ")
    assert "each(characters(alphabet=<2500>, length=100))" in printed("-m", "mapsto", "show", path)


def printed(*words: object) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
