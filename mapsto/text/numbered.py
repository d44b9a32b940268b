"""From a text to a row of numbers, by its characters or its words, as host steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.compose.combine import Host
from mapsto.core.check import truth, whole_number
from mapsto.core.errors import DataError
from mapsto.core.spec import DTYPES, Spec
from mapsto.text.normal import normal
from mapsto.text.split import words_in
from mapsto.text.table import MOST_NUMBERS, UNKNOWN, Table, table_of_signs, table_of_words


class Numbered(Host):
    """str ↦ i32[length]: the base of the steps that number the pieces of a text."""

    _root: ClassVar[str] = ""  # alone it is no part of a net: its errors name no path
    table: Table
    length: int

    def __init__(self, function: str, table: Table, length: int) -> None:
        self.table = table
        self.length = whole_number(f"text.{function}", "length", length, most=MOST_NUMBERS)

    @property
    def count(self) -> int:
        """How many numbers there are, 0 … count − 1: `nn.Embedding(step.count, width, padding=0)`."""
        return self.table.count

    @property
    def output(self) -> Spec:
        return Spec(DTYPES["i32"], (self.length,))

    def row(self, pieces: Iterable[str]) -> Array | None:
        """The pieces' numbers, cut off or filled up with 0; None if there are no pieces."""
        known = self.table.numbers
        numbers = [known.get(piece, UNKNOWN) for piece in islice(pieces, self.length)]
        if not numbers:
            return None
        made = np.zeros(self.length, np.int32)
        made[: len(numbers)] = numbers
        return asarray(made)


class Characters(Numbered):
    """str ↦ i32[length]: the number of each character. See `characters`."""

    def __init__(self, alphabet: str, length: int) -> None:
        super().__init__("characters", table_of_signs(alphabet), length)

    @property
    def alphabet(self) -> str:
        """The characters that have numbers, in their order from 2."""
        return "".join(self.table.entries)

    def __call__(self, source: Any) -> Array:
        made = self.row(normal("characters", source))
        if made is None:
            raise DataError("TEXT-03", function="characters", kind="character", found="", fix="leave empty texts out")
        return made


class Words(Numbered):
    """str ↦ i32[length]: the number of each word. See `words`."""

    def __init__(self, vocabulary: Sequence[str], length: int, *, lower: bool) -> None:
        self.lower = truth("text.words", "lower", lower)
        super().__init__("words", table_of_words(vocabulary, lower), length)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The words that have numbers, in their order from 2."""
        return self.table.entries

    def __call__(self, source: Any) -> Array:
        text = normal("words", source, self.lower)
        made = self.row(words_in(text))
        if made is None:
            raise DataError("TEXT-03", function="words", kind="word", found=text[:40], fix="leave such texts out")
        return made


def characters(alphabet: str, length: int) -> Characters:
    """A text ↦ the numbers of its first characters: str ↦ i32[length], for texts of any script, Chinese too.

    The characters of `alphabet` are numbered from 2 in their order; 1 stands for every other one, and 0 fills up the
    row of a text that is shorter than `length`. What is longer is cut off at its end. So `x != 0` is the mask of what
    is there, `x == 1` that of the unknown, and `nn.Embedding(step.count, width, padding=0)` takes the numbers.

    Texts are brought to Unicode's NFC first, in which é is one character however it was typed; a character is a code
    point of that. Runs on the host, one text at a time: `mt.each(text.characters(alphabet, 100)) >> net` maps a batch,
    and `mt.save` writes the alphabet into the file. `text.alphabet(texts)` finds one, `text.join` is the way back.

    Raises UsageError for an alphabet that is no text (ARG-01), has a character twice (TEXT-06) or one that NFC changes
    (TEXT-07), a length outside of 1 … 65,536 (ARG-01), and what is no text (TEXT-01); DataError for an empty text
    (TEXT-03) and half a sign of UTF-16 (TEXT-02); LimitError for more than 1,048,576 characters (TEXT-04) or 30 marks
    in a row (TEXT-05). Source: Unicode Standard Annex 15, Normalization Forms.

    >>> step = characters("abc好", 6)
    >>> step("好 cab"), step.count
    (array([5, 1, 4, 2, 3, 0], i32[6]), 6)
    """
    return Characters(alphabet, length)


def words(vocabulary: Sequence[str], length: int, *, lower: bool = True) -> Words:
    """A text ↦ the numbers of its first words: str ↦ i32[length].

    The words of `vocabulary` are numbered from 2 in their order, 1 stands for every other one and 0 for padding, as in
    `characters`. `text.vocabulary(texts)` finds the most frequent ones. With `lower` texts are put into small letters.

    Words are cut by a rule of our own. Letters, digits and marks that follow one another are one word, together with
    an apostrophe between letters (`don't`) and a point or comma between digits (`3.14`). Every Chinese character and
    kana is a word, and so is every punctuation mark and symbol; spaces and control characters are none. That is good
    enough for languages with spaces and for Chinese. Thai, Lao and Khmer are not cut; their characters are better
    numbered. A sub-word tokeniser (BPE, WordPiece) there is not yet: it would be an extra, over HF `tokenizers`.

    Raises what `characters` raises; TEXT-07 for a word that this rule would never make, such as `New York`, or one
    with capitals while texts are put into small letters; TEXT-03 for a text without any word.

    >>> step = words(["the", "cat", "好"], 6)
    >>> step("The cat’s not the cat. 好")
    array([2, 1, 1, 2, 3, 1], i32[6])
    """
    return Words(vocabulary, length, lower=lower)
