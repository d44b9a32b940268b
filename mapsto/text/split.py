"""A text ↦ its words, by a simple rule of our own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mapsto.text.kinds import ALONE, DIGIT, KINDS, LETTER, MARK, POINT, QUOTE, SIGN

# On the kinds of the signs, one letter each. A word is letters, digits and marks, an apostrophe between two letters,
# and a point or comma between two digits; or any other sign that is no space, by itself. Marks belong to what they
# follow.
WORD = re.compile(
    f"[{LETTER}{DIGIT}](?:[{LETTER}{DIGIT}{MARK}]"
    f"|(?<=[{LETTER}{MARK}]){QUOTE}(?={LETTER})"
    f"|(?<={DIGIT}){POINT}(?={DIGIT}))*"
    f"|[{ALONE}{QUOTE}{POINT}{SIGN}{MARK}]{MARK}*"
)


def words_in(text: str) -> Iterator[str]:
    """A text in NFC ↦ its words, in order, one after another as they are asked for.

    Letters (Unicode's categories L), digits and other numbers (N) and marks on them (M) that follow one another are
    one word, together with an apostrophe between letters, `don't`, and a point or comma between digits, `3.14`. The
    apostrophes ' and ’ are one. A letter or number of U+2E80–9FFF, U+F900–FAFF and U+20000–3FFFF (Chinese characters,
    kana, Bopomofo) is a word by itself, and so is every other sign; marks go with what they follow. Spaces, line ends,
    control and format characters separate, and are no part of a word (`kinds.SEPARATORS`).

    >>> list(words_in("it’s 3.14, 真好!"))
    ["it's", '3.14', ',', '真', '好', '!']
    """
    text = text.replace("\u2019", "'")
    for found in WORD.finditer(text.translate(KINDS)):
        yield text[found.start() : found.end()]
