"""From texts to numbers and back: what is padding, what is unknown, what is refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

import mapsto as mt
from mapsto import nn, text, xp
from mapsto.core.spec import parse_spec

SIGNS = text.characters("abc好é", 6)
WORDS = text.words(["the", "cat", "好"], 4)


def row(step: Any, one: str) -> list[int]:
    return np.asarray(step(one)).tolist()


def test_numbers_padding_unknown_and_cutting() -> None:
    assert row(SIGNS, "cab") == [4, 2, 3, 0, 0, 0]
    assert row(SIGNS, "x好\n") == [1, 5, 1, 0, 0, 0]
    assert row(SIGNS, "abcabcabc") == [2, 3, 4, 2, 3, 4]
    assert row(SIGNS, "é") == row(SIGNS, "e\u0301") == [6, 0, 0, 0, 0, 0]
    assert row(WORDS, "THE  cat, 好") == [2, 3, 1, 4]
    assert row(WORDS, "the the the the cat") == [2, 2, 2, 2]
    assert row(text.words(["The"], 2, lower=False), "The the") == [2, 1]
    assert row(SIGNS, np.array(["cab"])[0]) == row(SIGNS, "cab")  # type: ignore[arg-type]


def test_what_a_step_says_of_itself() -> None:
    assert SIGNS.output == parse_spec("i32[6]") == SIGNS("a").spec and SIGNS.count == 7
    assert SIGNS.alphabet == "abc好é" and WORDS.vocabulary == ("the", "cat", "好")
    assert repr(WORDS) == "Words(lower=True, table=<3>, length=4)"


def test_a_batch_and_its_masks() -> None:
    x = mt.each(SIGNS)(["ab", "x"])
    assert x.shape == (2, 6) and np.asarray(x != 0).sum(1).tolist() == [2, 1]
    assert np.asarray(x == 1).any(1).tolist() == [False, True]
    assert mt.each(SIGNS)(np.array(["ab", "x"])).shape == (2, 6)
    net = (nn.Embedding(SIGNS.count, 3, padding=0) >> nn.GlobalAvgPool()).init(mt.key(0), x)
    assert (mt.each(SIGNS) >> net)(["ab", "x"]).shape == (2, 3)


def test_counts() -> None:
    assert text.alphabet(["banana", "band"]) == "anbd"
    assert text.alphabet(["banana", "band"], 2) == text.alphabet(["band", "banana"], 2) == "an"
    assert text.alphabet(["e\u0301é"], least=2) == "é"
    assert text.vocabulary(iter(["B a", "a b c"]), least=2) == ("a", "b")
    assert text.vocabulary(["B a"], lower=False) == ("B", "a")
    assert text.vocabulary(["真好 真"]) == ("真", "好")


def test_counts_beside_scikit_learn() -> None:
    """The same words as often as its vectoriser finds, of plain English, where the rules agree."""
    texts = ["It was a dark and stormy night", "the rain fell in torrents", "A night of rain and the wind"]
    counter = CountVectorizer(token_pattern=r"(?u)\b\w+\b").fit(texts)
    counts = np.asarray(counter.transform(texts).sum(0)).ravel()
    wanted = sorted(counter.get_feature_names_out(), key=lambda word: (-counts[counter.vocabulary_[word]], word))
    assert list(text.vocabulary(texts)) == wanted


def test_the_way_back() -> None:
    assert text.join("abc好é")(SIGNS("好 cab")) == "好�cab"
    assert text.join(["the", "cat", "好"])(WORDS("the dog 好")) == "the � 好"
    assert text.join(["a", "b"], "-")(xp.asarray([2, 3, 0])) == "a-b"
    assert mt.each(text.join("ab"))(xp.asarray([[2, 3], [0, 0]])) == ["ab", ""]
    one = "Ünïcode 好?"
    alphabet = text.alphabet([one])
    assert text.join(alphabet)(text.characters(alphabet, 30)(one)) == one


HALF, MANY, PILED = "a\ud800", "a" * (2**20 + 1), "a" + "\u0301" * 31
REFUSED: dict[str, tuple[str, Callable[[], Any]]] = {
    "bytes": ("TEXT-01", lambda: SIGNS(b"abc")),
    "a number": ("TEXT-01", lambda: WORDS(3)),
    "a list": ("TEXT-01", lambda: SIGNS(["a"])),
    "half a sign": ("TEXT-02", lambda: SIGNS(HALF)),
    "half a sign among words": ("TEXT-02", lambda: WORDS(HALF)),
    "half a sign in a text that is learnt from": ("TEXT-02", lambda: text.alphabet(["a", HALF])),
    "an empty text": ("TEXT-03", lambda: SIGNS("")),
    "a text without words": ("TEXT-03", lambda: WORDS(" \n\u200b")),
    "an enormous text": ("TEXT-04", lambda: SIGNS(MANY)),
    "an enormous text of words": ("TEXT-04", lambda: WORDS(MANY)),
    "many marks": ("TEXT-05", lambda: SIGNS(PILED)),
    "many marks that Unicode takes apart": ("TEXT-05", lambda: SIGNS("\u0f73" * 31)),
    "an alphabet with doubles": ("TEXT-06", lambda: text.characters("aba", 3)),
    "a vocabulary with doubles": ("TEXT-06", lambda: text.words(["a", "b", "a"], 3)),
    "entries with doubles": ("TEXT-06", lambda: text.join(["a", "a"])),
    "a sign that NFC changes": ("TEXT-07", lambda: text.characters("\u212b", 3)),
    "half a sign in an alphabet": ("TEXT-07", lambda: text.characters(HALF, 3)),
    "two words as one": ("TEXT-07", lambda: text.words(["New York"], 3, lower=False)),
    "an empty word": ("TEXT-07", lambda: text.words(["a", ""], 3)),
    "capitals": ("TEXT-07", lambda: text.words(["a", "B"], 3)),
    "half a sign in a vocabulary": ("TEXT-07", lambda: text.words([HALF], 3)),
    "a number beyond": ("TEXT-08", lambda: text.join("ab")([4])),
    "a number below": ("TEXT-08", lambda: text.join("ab")([-1])),
    "scores": ("TEXT-09", lambda: text.join("ab")([0.5])),
    "a batch": ("TEXT-09", lambda: text.join("ab")([[2]])),
    "no texts": ("TEXT-10", lambda: text.alphabet([])),
    "texts of nothing": ("TEXT-10", lambda: text.vocabulary(["", " "])),
    "one text": ("TEXT-01", lambda: text.vocabulary("the cat")),
    "no list": ("TEXT-01", lambda: text.alphabet(3)),  # type: ignore[arg-type]
    "no alphabet": ("ARG-01", lambda: text.characters("", 3)),
    "a list as alphabet": ("ARG-01", lambda: text.characters(["a"], 3)),  # type: ignore[arg-type]
    "a text as vocabulary": ("ARG-01", lambda: text.words("abc", 3)),
    "numbers as vocabulary": ("ARG-01", lambda: text.words([1], 3)),  # type: ignore[list-item]
    "too large a vocabulary": ("ARG-01", lambda: text.words([str(i) for i in range(100_001)], 3)),
    "a length of 0": ("ARG-01", lambda: text.characters("a", 0)),
    "a length without end": ("ARG-01", lambda: text.words(["a"], 10**9)),
    "a length that is true": ("ARG-01", lambda: text.characters("a", True)),
    "lower as a number": ("ARG-01", lambda: text.words(["a"], 3, lower=1)),  # type: ignore[arg-type]
    "most of nothing": ("ARG-01", lambda: text.alphabet(["a"], 0)),
    "a separator that is none": ("ARG-01", lambda: text.join("a", 3)),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    code, call = REFUSED[name]
    with pytest.raises(mt.MapstoError) as caught:
        call()
    assert caught.value.code == code and caught.value.fix + caught.value.headline
    assert len(str(caught.value)) < 1000


def test_whatever_comes_takes_little_time() -> None:
    """A text as long as may be, of any kind; without the bound on marks the last would take minutes."""
    longest = 2**20
    for one in ("a" * longest, " " * (longest - 1) + "b", "é" * longest, "😀" * longest, "a\u0344\u0323" * 300_000):
        for step in (SIGNS, WORDS):
            began = time.process_time()
            step(one)
            assert time.process_time() - began < 5, (one[:2], step)
    began = time.process_time()
    with pytest.raises(mt.LimitError):
        SIGNS("a" + "\u0301\u0323" * 500_000)
    assert time.process_time() - began < 1
