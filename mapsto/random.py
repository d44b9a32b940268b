"""Random numbers as mappings of keys: `mt.random.gamma(key, 2.0)`.

The first argument is a key, of which `mt.split` makes more; then come parameters and the shape of what is drawn. Left
out, that is the shape of the parameters together. Every element is drawn by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapsto.array.random import bernoulli, normal, permutation, uniform
from mapsto.array.random_choice import categorical, choice, randint
from mapsto.array.random_counts import binomial, geometric, poisson
from mapsto.array.random_families import cauchy, exponential, gumbel, laplace, logistic, truncated_normal
from mapsto.array.random_gamma import beta, chi_square, dirichlet, gamma, student_t
from mapsto.core.names import answering

__all__ = [
    "bernoulli",
    "beta",
    "binomial",
    "categorical",
    "cauchy",
    "chi_square",
    "choice",
    "dirichlet",
    "exponential",
    "gamma",
    "geometric",
    "gumbel",
    "laplace",
    "logistic",
    "normal",
    "permutation",
    "poisson",
    "randint",
    "student_t",
    "truncated_normal",
    "uniform",
]

if not TYPE_CHECKING:
    __getattr__ = answering("mapsto.random")
