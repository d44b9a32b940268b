"""Every error names its cause by a code of its own: codes that are raised are in the table, and the other way round.

A headline states its cause with named facts, so that it can be explained and translated; none is a free text.
"""

import ast
import re
from collections import Counter
from string import Formatter

from mapsto.core.codes import HEADLINES
from tests.structure.source import modules

CODE = re.compile(r"[A-Z]+-\d\d")
NO_CODES = {"UTF-16", "UTF-32"}
IN_OTHERS_WORDS = {"FILE-04": "the operating system's", "COMPILE-02": "Python's"}


def raised() -> Counter[str]:
    """Code ↦ how often it stands in the source, the table itself and docstrings apart."""
    return Counter(
        node.value
        for name, tree in modules().items()
        if name not in ("mapsto.core.codes", "mapsto.core.codes_of_data")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value)
        if node.value not in NO_CODES
    )


def test_codes_are_in_the_table() -> None:
    assert not sorted(raised().keys() - HEADLINES.keys())


def test_codes_of_the_table_are_raised() -> None:
    assert not sorted(HEADLINES.keys() - raised().keys())


def test_codes_are_of_one_form() -> None:
    assert all(CODE.fullmatch(code) for code in HEADLINES)
    assert all(name.isidentifier() for text in HEADLINES.values() for _, name, _, _ in Formatter().parse(text) if name)


def test_every_headline_states_a_cause() -> None:
    """Words of its own beside the facts, and no fact that is the whole message."""
    words = {code: re.sub(r"\{[^}]*\}", "", text) for code, text in HEADLINES.items()}
    told = {code for code, text in words.items() if len(re.findall(r"[a-zA-Z]{2,}", text)) >= 2}
    assert not sorted(HEADLINES.keys() - told - IN_OTHERS_WORDS.keys())
    assert not [code for code, text in HEADLINES.items() if "{problem" in text or "{message" in text]
