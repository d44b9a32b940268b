"""What every test begins with."""

import os

# Tests run in as many processes as there are cores; matrix products that thread on top of that wait for each other.
# NumPy reads this when it is imported, so it stands before anything that does.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest

from mapsto.core import notes


@pytest.fixture(autouse=True)
def every_note_shows() -> None:
    """A note is shown once in a process; here, once in a test."""
    notes.forget()
