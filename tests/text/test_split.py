"""What a word is: by examples, and beside a second reading of docs/format.md that goes sign by sign."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapsto import text
from mapsto.text.kinds import SEPARATORS
from mapsto.text.normal import normal
from mapsto.text.split import words_in

EXAMPLES = {
    "The cat’s hat": ["The", "cat's", "hat"],
    "don't 'quote' rock'n'roll o'": ["don't", "'", "quote", "'", "rock'n'roll", "o", "'"],
    "3.14, 1,000.5. v2.0 .5": ["3.14", ",", "1,000.5", ".", "v2.0", ".", "5"],
    "e.g. a.b": ["e", ".", "g", ".", "a", ".", "b"],
    "well-known_name": ["well", "-", "known", "_", "name"],
    "质量还不错，3块9。iPhone手机": [*"质量还不错，", "3", "块", "9", "。", "iPhone", "手", "机"],
    "カタカナ と ㄅ〇": [*"カタカナとㄅ〇"],
    "한국어 문장": ["한국어", "문장"],
    "Äpfel\u00a0und\u3000Öl": ["Äpfel", "und", "Öl"],
    "हिन्दी भाषा": ["हिन्दी", "भाषा"],
    "❤\ufe0f👍🏽!!": ["❤\ufe0f", "👍", "🏽", "!", "!"],
    "a\u200bb\u00adc\x00d": ["a", "b", "c", "d"],
    "\u0301 \u0301": ["\u0301", "\u0301"],
    "\U00020000\U0010fffd\u0378": ["\U00020000", "\U0010fffd", "\u0378"],  # the last two are assigned to nobody
    " \t\r\n\u2028": [],
}


@pytest.mark.parametrize("given", EXAMPLES)
def test_examples(given: str) -> None:
    assert list(words_in(normal("words", given))) == EXAMPLES[given]


def of_kind(sign: str, category: str) -> bool:
    return unicodedata.category(sign)[0] in category


def single(sign: str) -> bool:
    ranges = ((0x2E80, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))
    return of_kind(sign, "LN") and any(first <= ord(sign) <= last for first, last in ranges)


def between(before: str, sign: str, after: str) -> bool:
    """Whether a sign keeps two pieces together as one word."""
    if not after or single(after):
        return False
    apostrophe = sign == "'" and of_kind(before, "LM") and of_kind(after, "L")
    return apostrophe or (sign in ".," and of_kind(before, "N") and of_kind(after, "N"))


def by_sign(words: str) -> list[str]:
    """The rule once more, without kinds and without a regular expression."""
    found: list[str] = []
    words = words.replace("’", "'")
    joined = False  # whether a sign that follows may still be part of the last word
    for place, sign in enumerate(words):
        before, after = words[place - 1] if place else "", words[place + 1] if place + 1 < len(words) else ""
        plain = of_kind(sign, "LN") and not single(sign)
        if unicodedata.category(sign) in ("Zs", "Zl", "Zp", "Cc", "Cf"):
            joined = False
            found.append("")
        elif (of_kind(sign, "M") and found and found[-1]) or (joined and (plain or between(before, sign, after))):
            found[-1] += sign
        else:
            found.append(sign)
            joined = plain
    return [word for word in found if word]


SIGNS = st.sampled_from("ab9'’., \n-_好カ́ँéÄ👍\u200d\u00ad٣Ⅷ゙〇") | st.characters(exclude_categories=["Cs"])


@settings(max_examples=600, deadline=None, derandomize=True)
@given(st.text(SIGNS, max_size=20))
def test_beside_a_second_reading(words: str) -> None:
    words = normal("words", words)
    assert list(words_in(words)) == by_sign(words)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(st.text(SIGNS, max_size=12), min_size=1, max_size=4), st.booleans())
def test_a_vocabulary_is_cut_into_itself(texts: list[str], lower: bool) -> None:
    """What `vocabulary` and `alphabet` find, `words` and `characters` accept; nothing of the texts is unknown."""
    if "".join(words_in(normal("words", " ".join(texts)))):
        step = text.words(text.vocabulary(texts, lower=lower), 100, lower=lower)
        for one in texts:
            if list(words_in(normal("words", one))):
                assert 1 not in step(one).tolist()
        step = text.characters(text.alphabet(texts), 100)
        assert all(1 not in step(one).tolist() for one in texts if one)


def test_separators_are_those_of_unicode() -> None:
    """All that this Python's Unicode calls a space, a control or format character; the rest is not assigned."""
    listed = {code for first, last in SEPARATORS for code in range(first, last + 1)}
    known = {code for code in range(0x110000) if unicodedata.category(chr(code)) in ("Zs", "Zl", "Zp", "Cc", "Cf")}
    assert not known - listed
    assert all(unicodedata.category(chr(code)) == "Cn" for code in listed - known)
