"""What every test begins with."""

import pytest

from mapsto.core import notes


@pytest.fixture(autouse=True)
def every_note_shows() -> None:
    """A note is shown once in a process; here, once in a test."""
    notes.forget()
