"""Numbers stored from other implementations, and what it means to equal them."""

import numpy as np


def part(stored, name, kind):
    """The stored arrays `NAME/kind/…` by what follows."""
    start = f"{name}/{kind}/"
    return {path.removeprefix(start): array for path, array in stored.items() if path.startswith(start)}


def close(found, wanted, what=""):
    found = np.asarray(found)
    assert found.dtype == np.float64 and found.shape == wanted.shape, what
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12 * max(1.0, np.abs(wanted).max()), err_msg=what)
