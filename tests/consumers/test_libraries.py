"""Libraries written for every array library, on arrays of ours: einops, array-api-compat, SciPy and scikit-learn.

SciPy looks when it is imported whether it is to accept other libraries' arrays; so that and scikit-learn's part run in
processes of their own, from the files beside this one.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp

HERE = Path(__file__).parent


@pytest.mark.parametrize("file", ["scipy_functions.py", "sklearn_estimators.py"])
def test_in_a_process_of_its_own(file: str) -> None:
    pytest.importorskip("scipy")
    command = [sys.executable, "-m", "pytest", str(HERE / file), "-q", "-x", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        command,
        env={**os.environ, "SCIPY_ARRAY_API": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=HERE.parent.parent,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_array_api_compat() -> None:
    compat = pytest.importorskip("array_api_compat")
    x = xp.ones(2)
    assert compat.array_namespace(x, 1.0, xp.zeros(3)) is xp
    assert compat.array_namespace(x, api_version="2024.12") is xp
    assert compat.is_array_api_obj(x) and compat.device(x) == "cpu" and compat.size(x) == 2
    assert compat.to_device(x, "cpu") is x
    assert not compat.is_numpy_array(x)
    with pytest.raises(TypeError, match="Multiple namespaces"):
        compat.array_namespace(x, np.ones(2))

    def normed(x):  # as a library would write it
        of_x = compat.array_namespace(x)
        return x / of_x.sqrt(of_x.sum(x * x))

    wanted = [0.6, 0.8]
    for found in (normed(xp.asarray([3.0, 4.0])), mt.compile(normed)(xp.asarray([3.0, 4.0]))):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    turned = mt.vmap(mt.grad(lambda x: normed(x)[0]))(xp.asarray([[3.0, 4.0], [0.0, 2.0]]))
    np.testing.assert_allclose(turned, [[0.128, -0.096], [0.5, 0.0]], rtol=1e-5)


# einops: its functions in `einops.array_api` take every library's arrays. `einops.rearrange` itself knows a library by
# a class that stands in einops.

PATTERNS = [
    ("rearrange", "b h w c -> b (h w) c", {}), ("rearrange", "b (h p) (w q) c -> (b h w) (p q c)", {"p": 2, "q": 3}),
    ("rearrange", "b h w c -> c w h b", {}), ("rearrange", "b ... -> ... b", {}),
    ("rearrange", "b h w c -> b 1 h w c", {}),
    ("reduce", "b h w c -> b c", {"reduction": "mean"}), ("reduce", "b (h 2) w c -> b h w c", {"reduction": "max"}),
    ("reduce", "b h w c -> () w", {"reduction": "sum"}), ("repeat", "b h w c -> b h (w 2) c", {}),
    ("repeat", "b h w c -> n b h w c", {"n": 3}),
]  # fmt: skip


@pytest.mark.parametrize(("function", "pattern", "settings"), PATTERNS)
def test_einops(function: str, pattern: str, settings: dict) -> None:
    einops = pytest.importorskip("einops")
    apply = getattr(pytest.importorskip("einops.array_api"), function)
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype(np.float32)
    wanted = getattr(einops, function)(x, pattern, **settings)

    def f(x):
        return apply(x, pattern, **settings)

    for found in (f(xp.asarray(x)), mt.compile(f)(xp.asarray(x)), mt.vmap(f)(xp.asarray(x)[None])[0]):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    # The derivative of a linear or piecewise linear map: the sum of x times it is the map itself.
    slope = mt.grad(lambda x: xp.sum(f(x) ** 2))(xp.asarray(x))
    np.testing.assert_allclose(np.sum(x * np.asarray(slope)), 2 * np.sum(wanted**2), rtol=1e-4)


def test_einops_packs_and_sums() -> None:
    of_arrays = pytest.importorskip("einops.array_api")
    x, y = xp.ones((2, 3)), xp.zeros((2, 4, 5))
    packed, shapes = of_arrays.pack([x, y], "b *")
    assert packed.shape == (2, 23)
    assert [one.shape for one in of_arrays.unpack(packed, shapes, "b *")] == [(2, 3), (2, 4, 5)]
