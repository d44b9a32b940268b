"""The page of numeric rules is true: its examples are run."""

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "numbers.md"


def test_examples() -> None:
    # Only the class and the code of an error are compared: its last lines say where it happened.
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    assert failed == 0 and tried > 20
