"""What kind of sign each code point of Unicode is, as far as splitting a text into words needs to know."""

from __future__ import annotations

import unicodedata

LETTER, DIGIT, MARK, ALONE, QUOTE, POINT, SIGN, SPACE = "ldmaqps "
BY_CATEGORY = {"L": LETTER, "N": DIGIT, "M": MARK}  # the first letter of the general category; all else is a sign
# Spaces, line ends, control and format characters: the categories Z, Cc and Cf, as ranges from … to.
SEPARATORS = (
    *((0x0000, 0x0020), (0x007F, 0x00A0), (0x00AD, 0x00AD), (0x0600, 0x0605), (0x061C, 0x061C), (0x06DD, 0x06DD)),
    *((0x070F, 0x070F), (0x0890, 0x0891), (0x08E2, 0x08E2), (0x1680, 0x1680), (0x180E, 0x180E), (0x2000, 0x200F)),
    *((0x2028, 0x202F), (0x205F, 0x206F), (0x3000, 0x3000), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB), (0x110BD, 0x110BD)),
    *((0x110CD, 0x110CD), (0x13430, 0x1343F), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0001, 0xE007F)),
)
# Letters of scripts without spaces are words by themselves: kana, Bopomofo, and Chinese characters of all planes.
WITHOUT_SPACES = ((0x2E80, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))
QUOTES, POINTS = "'\u2019", ".,"
KEPT = 0x10000  # the table keeps the kinds below, some 5 MB at the most; a stranger could ask for a million others


class Kinds(dict[int, str]):
    """Code point ↦ its kind, found when it is first asked for; `text.translate(KINDS)` has a letter for every sign."""

    def __missing__(self, code: int) -> str:
        kind = kind_of(chr(code))
        if code < KEPT:
            self[code] = kind
        return kind


def kind_of(sign: str) -> str:
    """One sign ↦ its kind, by its general category in Unicode and the tables above.

    >>> [kind_of(sign) for sign in "a7字é’!"] == [LETTER, DIGIT, ALONE, LETTER, QUOTE, SIGN]
    True
    """
    if sign in QUOTES:
        return QUOTE
    if sign in POINTS:
        return POINT
    if within(SEPARATORS, sign):
        return SPACE
    kind = BY_CATEGORY.get(unicodedata.category(sign)[0], SIGN)
    return ALONE if kind in (LETTER, DIGIT) and within(WITHOUT_SPACES, sign) else kind


def within(ranges: tuple[tuple[int, int], ...], sign: str) -> bool:
    return any(first <= ord(sign) <= last for first, last in ranges)


KINDS = Kinds()
