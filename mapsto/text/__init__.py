"""Texts: from words and characters to numbers, and back."""

from typing import TYPE_CHECKING

from mapsto.core.names import answering
from mapsto.text.counts import alphabet, vocabulary
from mapsto.text.join import Join, join
from mapsto.text.numbered import Characters, Words, characters, words

__all__ = [
    "Characters",
    "Join",
    "Words",
    "alphabet",
    "characters",
    "join",
    "vocabulary",
    "words",
]

if not TYPE_CHECKING:
    __getattr__ = answering("mapsto.text")
