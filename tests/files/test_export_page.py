"""docs/export.md and the command line: what the page shows is typed, compiled and run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import mapsto as mt
from tests.files.common import conv_net, images, saved, whole_way
from tests.files.exporting import answered, needs_cc, tool
from tests.test_cli import mapsto

PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return found


@needs_cc
def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the training: the net has just been made, and its answers are as good as any."""
    monkeypatch.chdir(tmp_path)
    train, export, compile, ask = block("bash").splitlines()
    assert train.startswith("mapsto train")
    saved(whole_way(conv_net()), tmp_path).rename(tmp_path / "digits.mapsto")
    (tmp_path / "main.c").write_text(block("c"), encoding="utf-8")
    program, *words = shlex.split(export)
    done = mapsto(*words, folder=tmp_path)
    assert program == "mapsto" and done.returncode == 0, done.stderr
    assert "digits.o" in done.stdout and "weights" in done.stdout and "main.c digits.o -lm" in done.stdout
    tool(*shlex.split(compile), "-Wall", "-Werror")
    answer = mt.load(tmp_path / "digits.mapsto")
    for x in images(5):
        (tmp_path / "picture.raw").write_bytes(x.tobytes())
        best, found = tool("sh", "-c", ask).split()
        wanted = answered(answer, x[None])[0]
        assert best == answer.classes[int(np.argmax(wanted))] and found == f"{wanted.max():.3f}"


def test_mistakes_on_the_line(tmp_path: Path) -> None:
    saved(conv_net(), tmp_path)
    for words, told in (
        ([], "--c"),
        (["--c", "--batch", "0"], "1 or more"),
        (["--c", "--cpu", "pentium"], "NATIVE-05"),
        (["--c", "--out", "nowhere"], "FILE-07"),
        (["--c", "--name", "a-b"], "EXPORT-02"),
    ):
        done = mapsto("export", "net.mapsto", *words, folder=tmp_path)
        assert done.returncode and told in done.stderr and "Traceback" not in done.stderr, words
    missing = mapsto("export", "nothing.mapsto", "--c", folder=tmp_path)
    assert missing.returncode == 1 and "FILE-02" in missing.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["net.mapsto"]
    done = mapsto("export", "net.mapsto", "--c", "--batch", "3", folder=tmp_path)
    assert done.returncode == 0 and "x[3 * 8 * 8 * 1]" in (tmp_path / "net.h").read_text()
