"""The commands as a person types them, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mapsto as mt
from mapsto import data
from mapsto.train.recipes import answer_for, learner_for, recipe_for
from tests.files.common import backwards, opinion
from tests.larger_data import FOLDER, needs


def mapsto(*words: object, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "120", "MAPSTO_DATA": str(FOLDER) if FOLDER.is_dir() else ""}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
    command = [sys.executable, "-m", "mapsto", *map(str, words)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("cli")
    done = mapsto("train", "--data", "digits", "--epochs", 6, "--seed", 1, folder=folder)
    assert done.returncode == 0, done.stderr
    return folder / "digits.mapsto", done.stdout


def test_train_reports_and_saves(trained: tuple[Path, str]) -> None:
    file, printed = trained
    for words in ("1,438 pictures to learn from", "conv2d_1", "precision", "test accuracy 0.9", "try next:"):
        assert words in printed
    assert file.stat().st_size > 10_000


def test_evaluate_says_the_same_again(trained: tuple[Path, str]) -> None:
    file, printed = trained
    done = mapsto("evaluate", file, "--data", "digits", folder=file.parent)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("accuracy")]
    assert line in printed


def test_predict_names_what_it_cannot_read(trained: tuple[Path, str]) -> None:
    file, _ = trained
    (file.parent / "broken.png").write_bytes(b"no picture")
    done = mapsto("predict", file, data.sample_picture(), "broken.png", folder=file.parent)
    assert done.returncode == 1
    assert "3 " in done.stdout and "%" in done.stdout
    assert "broken.png" in done.stderr and "Traceback" not in done.stderr


def test_show_lists_what_is_inside(trained: tuple[Path, str]) -> None:
    done = mapsto("show", trained[0], folder=trained[0].parent)
    assert done.returncode == 0, done.stderr
    assert "conv2d_1.weight" in done.stdout and "accuracy" in done.stdout


def test_show_leads_down_to_the_instructions(trained: tuple[Path, str]) -> None:
    """From the kernels to one of them, its formulas, and the instructions."""
    name, folder = trained[0], trained[0].parent
    kernels = mapsto("show", name, "--level", "kernels", "--batch", "8", folder=folder)
    assert kernels.returncode == 0 and "answer: " in kernels.stdout and "k0" in kernels.stdout, kernels.stderr
    page = mapsto("show", name, "--kernel", "1", folder=folder)
    assert page.returncode == 0 and page.stdout.startswith("kernel 1 of answer") and "Σ(" in page.stdout
    assert "conv2d_1.weight" in mapsto("show", name, "--level", "stages", folder=folder).stdout
    assert mapsto("show", name, "--kernel", "0", "--level", "asm", folder=folder).stdout.startswith("k0:")
    assert "GFLOP/s" in mapsto("show", name, "--measure", folder=folder).stdout
    for words in (["--kernel", "999"], ["--level", "lops"], ["--level", "asm", "--measure"]):
        wrong = mapsto("show", name, *words, folder=folder)
        assert wrong.returncode == 1 and "Traceback" not in wrong.stderr and "fix" in wrong.stderr


def test_explain(tmp_path: Path) -> None:
    assert "raises it:" in mapsto("explain", "shape-03", folder=tmp_path).stdout
    assert "SHAPE-03" in mapsto("explain", folder=tmp_path).stdout
    unknown = mapsto("explain", "SHAPE-99", folder=tmp_path)
    assert unknown.returncode and "Traceback" not in unknown.stderr and "SHAPE-0" in unknown.stderr


def test_mistakes_on_the_line(tmp_path: Path) -> None:
    for words in (["train", "--data", "digit"], ["predict", "nothing.mapsto", "x.png"], ["train", "--epochs", "0"], []):
        done = mapsto(*words, folder=tmp_path)
        assert done.returncode and "Traceback" not in done.stderr, words
        assert done.stderr.strip(), words


@pytest.mark.data
@needs("cifar10")
def test_a_colour_model_takes_photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPSTO_DATA", str(FOLDER))
    test = data.load("cifar10", "test").take(256)
    learner = learner_for(recipe_for("cifar10"), 10)
    learner.fit(test, epochs=1, batch_size=64, progress=False)
    mt.save(answer_for(learner.net, test.x.shape[1:], test.classes), tmp_path / "things.mapsto")
    Image.fromarray(np.full((64, 48, 3), 250, np.uint8)).save(tmp_path / "white.png")
    done = mapsto("predict", "things.mapsto", "white.png", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "%" in done.stdout and "mostly bright" not in done.stderr


def test_a_net_of_arrays_says_that_it_reads_no_pictures(tmp_path: Path) -> None:
    net = (mt.nn.Flatten() >> mt.nn.Dense(10)).init(mt.key(0), data.load("digits").x[:1])
    mt.save(net, tmp_path / "plain.mapsto")
    done = mapsto("predict", "plain.mapsto", data.sample_picture(), folder=tmp_path)
    assert done.returncode == 1 and "takes arrays u8[n,8,8,1], not bytes" in done.stderr
    mt.save(mt.each(mt.image.decode((8, 8), "L")) >> net, tmp_path / "scores.mapsto")
    done = mapsto("predict", "scores.mapsto", data.sample_picture(), folder=tmp_path)
    assert done.returncode == 0 and done.stdout.count(".") >= 10, done.stderr


def test_texts_are_asked_as_they_are(tmp_path: Path) -> None:
    mt.save(opinion(), tmp_path / "opinion.mapsto")
    mt.save(backwards(), tmp_path / "backwards.mapsto")
    done = mapsto("predict", "opinion.mapsto", "A very good film!", "真坏", "a//b", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    assert first.startswith("A very good film!  positive ") and second.startswith("真坏  negative ")
    assert third.startswith("a//b  ")
    done = mapsto("predict", "backwards.mapsto", "abc", "", "dog", folder=tmp_path)
    assert done.returncode == 1 and done.stdout.splitlines() == ["abc  cba", "dog  god"]
    assert "no character in the text" in done.stderr and "Traceback" not in done.stderr
    done = mapsto("show", "backwards.mapsto", folder=tmp_path)
    assert "each(characters(alphabet='abc好 dgo', length=12))" in done.stdout
    assert "each(join(entries=<8>, separator=''))" in done.stdout


def test_evaluate_on_other_pictures_names_both(trained: tuple[Path, str], tmp_path: Path) -> None:
    file, _ = trained
    net = (mt.nn.Flatten() >> mt.nn.Dense(3)).init(mt.key(0), data.load("digits").x[:1])
    mt.save(net, tmp_path / "three.mapsto", recipe={"data": "shapes"})
    done = mapsto("evaluate", tmp_path / "three.mapsto", "--data", "digits", folder=tmp_path)
    assert done.returncode == 1 and "of 3 classes, not 10" in done.stderr and "--data shapes" in done.stderr
    if (FOLDER / "mnist-10k").is_dir():
        done = mapsto("evaluate", file, "--data", "mnist_10k", folder=tmp_path)
        assert done.returncode == 1 and "--data digits" in done.stderr and "u8[1,28,28,1]" in done.stderr
