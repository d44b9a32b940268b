"""mapsto: everything is a mapping, from raw bytes to the served answer.

`import mapsto as mt` brings mappings, their composition and their derivatives; packages hold the rest:
`from mapsto import data, image, losses, metrics, nn, optim, xp`.
"""

from mapsto import data, image, losses, metrics, nn, optim, xp
from mapsto.array.array import Array
from mapsto.array.arithmetic import stop_gradient
from mapsto.array.random import bernoulli, fold, key, normal, permutation, split, uniform
from mapsto.compiler.compile import compile
from mapsto.compose.combine import chain, each, fn, named, parallel, repeat, residual, star
from mapsto.compose.mapping import Mapping, param, state
from mapsto.compose.modes import evaluation, training
from mapsto.compose.paths import freeze, l2, parameters, replace, unfreeze
from mapsto.core.errors import (
    DataError,
    DonatedError,
    DTypeError,
    FormatError,
    FrozenError,
    IndexRangeError,
    LimitError,
    MapstoError,
    NonFiniteError,
    PathError,
    ShapeError,
    StateError,
    TraceError,
    UsageError,
)
from mapsto.core.notes import Note
from mapsto.core.spec import Spec
from mapsto.core.tree import select
from mapsto.train.learner import Learner
from mapsto.transform.grad import grad, jvp, value_and_grad, vjp
from mapsto.transform.vmap import vmap

__version__ = "0.1.0"
