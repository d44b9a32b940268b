"""Files that begin with a text, and end with one."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapsto as mt
from mapsto import nn, text, xp
from tests.files.common import backwards, edited, opinion, saved, taken_apart

ROOT = Path(mt.__file__).parents[1]
ELSEWHERE = """
import sys
import mapsto as mt
print(ascii(mt.load(sys.argv[1])(sys.argv[2:])))
"""
TEXTS = ["A Good film, very good!", "真好", "bad"]


@pytest.mark.parametrize("make", [opinion, backwards])
def test_another_process_answers_the_same(make: Any, tmp_path: Path) -> None:
    way = make()
    path = saved(way, tmp_path)
    with mt.interpret():
        assert mt.load(path)(TEXTS) == way(TEXTS)
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(path), *TEXTS], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == ascii(mt.load(path)(TEXTS))
    again = tmp_path / "again.mapsto"
    mt.save(mt.load(path), again)  # what was loaded is saved with its steps
    assert taken_apart(again)[0]["before"] == taken_apart(path)[0]["before"]


def test_what_the_file_says(tmp_path: Path) -> None:
    header, _ = taken_apart(saved(opinion(), tmp_path))
    (before,) = header["before"]
    assert before["step"] == "words" and before["each"] is True and set(before["settings"]) == WORDS
    assert before["settings"]["vocabulary"][:2] == ["good", "bad"] and header["input"] == "i32[8]"
    answer = mt.load(saved(opinion(), tmp_path))
    assert "each(words(vocabulary=<" in repr(answer)
    header, _ = taken_apart(saved(backwards(), tmp_path))
    assert header["before"][0] == {
        "step": "characters",
        "each": True,
        "settings": {"alphabet": "abc好 dgo", "length": 12},
    }
    assert header["after"][0]["settings"] == {"entries": [*"abc好 dgo"], "separator": ""}


WORDS = {"vocabulary", "length", "lower"}
SETTINGS = {
    "an alphabet that is a list": ("characters", {"alphabet": ["a"], "length": 12}),
    "an alphabet with doubles": ("characters", {"alphabet": "aa", "length": 12}),
    "no alphabet": ("characters", {"alphabet": "", "length": 12}),
    "a number as alphabet": ("characters", {"alphabet": 3, "length": 12}),
    "a length beyond all": ("characters", {"alphabet": "a", "length": 2**40}),
    "a length that is true": ("characters", {"alphabet": "a", "length": True}),
    "a length of 1.0": ("characters", {"alphabet": "a", "length": 12.0}),
    "a setting too many": ("characters", {"alphabet": "a", "length": 12, "path": "/etc/passwd"}),
    "words that are none": ("words", {"vocabulary": ["a b"], "length": 12, "lower": True}),
    "capitals": ("words", {"vocabulary": ["A"], "length": 12, "lower": True}),
    "a vocabulary that is an object": ("words", {"vocabulary": {"a": 2}, "length": 12, "lower": True}),
    "lower as a number": ("words", {"vocabulary": ["a"], "length": 12, "lower": 1}),
    "the way back at the front": ("join", {"entries": ["a"], "separator": ""}),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_that_make_no_sense(name: str, tmp_path: Path) -> None:
    step, settings = SETTINGS[name]
    path = saved(backwards(), tmp_path)
    edited(path, lambda header: header.update(before=[{"step": step, "each": True, "settings": settings}]))
    with pytest.raises(mt.FormatError, match="FILE-16"):
        mt.load(path)


def test_a_step_of_another_length_is_refused(tmp_path: Path) -> None:
    path = saved(backwards(), tmp_path)
    edited(path, lambda header: header["before"][0]["settings"].update(length=13))
    with pytest.raises(mt.FormatError, match="FILE-17"):
        mt.load(path)


@pytest.mark.parametrize("last", ["w99999", "W"])
def test_a_large_vocabulary_is_read_and_refused_within_a_second(last: str, tmp_path: Path) -> None:
    path = saved(opinion(), tmp_path)
    words = [f"w{number}" for number in range(99_999)] + [last]
    edited(path, lambda header: header["before"][0]["settings"].update(vocabulary=words))
    began = time.process_time()
    if last == "W":
        with pytest.raises(mt.FormatError, match=r"'W' as one word(.|\n)*FILE-16|FILE-16(.|\n)*"):
            mt.load(path)
    else:
        assert mt.load(path)(["w7 w8"])
    assert time.process_time() - began < 2


def test_the_way_back_stands_behind_the_net(tmp_path: Path) -> None:
    with pytest.raises(mt.UsageError, match="SAVE-11"):
        saved(mt.each(text.join("ab")) >> nn.Dense(2), tmp_path)
    net = mt.fn(lambda x: xp.flip(x, axis=1))
    with pytest.raises(mt.UsageError, match="SAVE-04"):
        saved(text.characters("ab", 2) >> net, tmp_path)
    with pytest.raises(mt.UsageError, match="SAVE-06"):
        saved(mt.each(text.characters("ab", 2)) >> net, tmp_path, example=np.zeros((1, 3), np.int32))


def test_an_answer_that_takes_numbers_says_how_to_read_texts(tmp_path: Path) -> None:
    net = nn.Dense(1).init(mt.key(0), xp.ones((1, 2)))
    with pytest.raises(mt.UsageError, match=r"reads pictures or texts(.|\n)*mt.each\(text.characters"):
        mt.load(saved(net, tmp_path))(["a text"])
