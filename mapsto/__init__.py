"""mapsto: everything is a mapping, from raw bytes to the served answer.

`import mapsto as mt` brings mappings, their composition and their derivatives; packages hold the rest:
`from mapsto import data, image, losses, metrics, nn, optim, random, text, xp`.
"""

from typing import TYPE_CHECKING

from mapsto import xp
from mapsto.array.arithmetic import stop_gradient
from mapsto.array.array import Array
from mapsto.array.random import fold, key, split
from mapsto.compose.combine import chain, each, fn, named, parallel, repeat, residual, star
from mapsto.compose.declare import param, state
from mapsto.compose.mapping import OPERATORS, Mapping
from mapsto.compose.modes import evaluation, training
from mapsto.compose.paths import freeze, l2, parameters, replace, unfreeze
from mapsto.core.errors import (
    CompileError,
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
from mapsto.core.lazy import optional
from mapsto.core.names import answering
from mapsto.core.notes import Note
from mapsto.core.spec import Spec
from mapsto.core.tree import select
from mapsto.core.version import VERSION
from mapsto.transform.grad import grad, jvp, value_and_grad, vjp
from mapsto.transform.jacobian import hessian, hvp, jacobian
from mapsto.transform.linearize import linearize
from mapsto.transform.vmap import vmap
from mapsto.view.register import register

if TYPE_CHECKING:
    from mapsto import data, image, losses, metrics, nn, optim, text
    from mapsto import files as files
    from mapsto import random as random
    from mapsto import train as train
    from mapsto import view as view
    from mapsto.compiler.compile import compile
    from mapsto.compiler.interpret import interpret
    from mapsto.files.answer import load
    from mapsto.files.weights import save_weights
    from mapsto.files.write import save
    from mapsto.laws.check import check
    from mapsto.server.run import serve
    from mapsto.target.threads import threads
    from mapsto.train.learner import Learner
    from mapsto.transform.control import cond, fori, map, scan, switch, while_loop
    from mapsto.transform.implicit import implicit
    from mapsto.transform.remat import remat
    from mapsto.transform.rules import custom_rule
    from mapsto.view.explain import explain
    from mapsto.view.graph import graph
    from mapsto.view.show import show

# These come when they are first asked for; together they take as long as all the rest without NumPy. The same as above.
LATER = {
    **{name: f"mapsto.{name}" for name in "data files image losses metrics nn optim random text train view".split()},
    **{name: "mapsto.transform.control" for name in "cond fori map scan switch while_loop".split()},
    "Learner": "mapsto.train.learner",
    "check": "mapsto.laws.check",
    "compile": "mapsto.compiler.compile",
    "custom_rule": "mapsto.transform.rules",
    "explain": "mapsto.view.explain",
    "graph": "mapsto.view.graph",
    "implicit": "mapsto.transform.implicit",
    "interpret": "mapsto.compiler.interpret",
    "load": "mapsto.files.answer",
    "remat": "mapsto.transform.remat",
    "save": "mapsto.files.write",
    "save_weights": "mapsto.files.weights",
    "serve": "mapsto.server.run",
    "show": "mapsto.view.show",
    "threads": "mapsto.target.threads",
}

__version__ = VERSION
register()
# Files stand above mappings, and come when a net first asks for them.
_weights = optional("mapsto.files.weights", extra="")
OPERATORS["load_weights"] = lambda net, given: _weights.load_weights(net, *given)
del register, OPERATORS

__all__ = [
    "Array",
    "CompileError",
    "DTypeError",
    "DataError",
    "DonatedError",
    "FormatError",
    "FrozenError",
    "IndexRangeError",
    "Learner",
    "LimitError",
    "Mapping",
    "MapstoError",
    "NonFiniteError",
    "Note",
    "PathError",
    "ShapeError",
    "Spec",
    "StateError",
    "TraceError",
    "UsageError",
    "chain",
    "check",
    "compile",
    "cond",
    "interpret",
    "custom_rule",
    "data",
    "each",
    "evaluation",
    "explain",
    "fn",
    "fold",
    "fori",
    "freeze",
    "grad",
    "graph",
    "hessian",
    "hvp",
    "image",
    "implicit",
    "jacobian",
    "jvp",
    "key",
    "l2",
    "linearize",
    "load",
    "losses",
    "map",
    "metrics",
    "named",
    "nn",
    "optim",
    "parallel",
    "param",
    "parameters",
    "remat",
    "random",
    "repeat",
    "replace",
    "residual",
    "save",
    "save_weights",
    "scan",
    "select",
    "serve",
    "show",
    "split",
    "star",
    "state",
    "stop_gradient",
    "switch",
    "text",
    "threads",
    "training",
    "unfreeze",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
    "xp",
]

if not TYPE_CHECKING:
    __getattr__ = answering("mapsto", LATER)


def __dir__() -> list[str]:
    return sorted({*globals(), *LATER})
