"""The mapping: an immutable tree that can be called and composed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from inspect import get_annotations
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

from mapsto.array.array import Array
from mapsto.array.trace import top_frame
from mapsto.compose.declare import Declared, param, refuse_unmade, state
from mapsto.compose.edge import at_the_edge
from mapsto.compose.frame import current_frame
from mapsto.compose.misuse import refuse_misuse
from mapsto.compose.outline import structure_lines
from mapsto.core import where
from mapsto.core.errors import StateError, UsageError
from mapsto.core.names import missing
from mapsto.core.tree import FreezeAfterInit, Tree, meta_of

if TYPE_CHECKING:
    from mapsto.compose.combine import Both, Chain, Pointwise

M = TypeVar("M", bound="Mapping")
T = TypeVar("T")

# Composition makes mappings of its own; `combine` enters how, by operator.
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {}


@dataclass_transform(frozen_default=False, eq_default=False, field_specifiers=(param, state))
class Mapping(Tree, metaclass=FreezeAfterInit):
    """x ↦ f(x): the base of layers, networks and steps.

    A subclass sets its parts in `__init__` (or declares them as annotated fields) and says in `__call__` what it maps
    to what. Attributes that are arrays or mappings are its leaves and children; everything else is static. Once made it
    cannot change: `init`, `replace` and training return new ones.

    A layer that behaves differently in training also has `training(self, key, x) ↦ (y, self')`.

    >>> class Twice(Mapping):
    ...     def __call__(self, x):
    ...         return 2 * x
    >>> from mapsto import xp
    >>> Twice()(xp.asarray([1.0, 2.0]))
    array([2., 4.], f32[2])
    """

    __array_ufunc__ = None  # an ndarray beside >> leaves the operator to us

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__call__" in cls.__dict__:
            cls.__call__ = entered_call(cls.__dict__["__call__"])
        own = get_annotations(cls)
        instance = [n for n in own if not n.startswith("_") and "ClassVar" not in str(own[n])]
        if instance and not has_written_init(cls):
            for name in instance:
                declared = cls.__dict__.get(name)
                if isinstance(declared, Declared):
                    # A factory, because __init__ sets nothing for a plain default that is no argument.
                    setattr(cls, name, field(init=False, default_factory=partial(itself, declared)))
            dataclass(eq=False, repr=False)(cls)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise UsageError("MAP-10", name=type(self).__name__, fix="define __call__")

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return missing(self, "Mapping", name)

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(Mapping, name):
            fix = "call the attribute something else"
            raise UsageError("MAP-11", name=type(self).__name__, attribute=name, fix=fix)
        super().__setattr__(name, value)

    def init(self: M, key: Array, *examples: Any) -> M:
        """A key and an example of each input ↦ the same mapping with its parameters made.

        Only the examples' types and shapes matter; a Spec will do. The first axis is the batch. Every parameter has a
        stream of its own by its path, so that adding a layer changes no other.

        Raises ShapeError where the shapes do not fit, naming the layer; UsageError for no key, no example, or an
        example without a batch axis.

        >>> from mapsto import key, nn, xp
        >>> (nn.relu >> nn.Dense(2)).init(key(0), xp.ones((1, 3)))
        Chain()
          relu: Activation(function=relu)
          dense_1: Dense(units=2, weight=f32[3,2], bias=f32[2])
        """
        return OPERATORS["init"](self, (key, examples))

    def cast(self: M, dtype: Any) -> M:
        """A type ↦ the same mapping with its floating-point leaves in it. Raises DTypeError if there is no such type.

        >>> from mapsto import key, nn, xp
        >>> nn.Dense(2).init(key(0), xp.ones((1, 3))).cast(xp.float64)
        Dense(units=2, weight=f64[3,2], bias=f64[2])
        """
        return OPERATORS["cast"](self, dtype)

    def load_weights(self: M, file: Any, pattern: str = "**", *, names: dict[str, str] | None = None) -> M:
        """The path of a file of weights ↦ the same mapping with these at its leaves, or at those that fit the pattern.

        Files of `mt.save` and `mt.save_weights`, NumPy's `.npz` with our paths as names, PyTorch's weights as
        safetensors, and Keras's `.keras` and `.h5`; told apart by their first bytes. Those of others are turned to the
        layout here, and matched by path, by their order if they are numbered, or by class and number. `names` says
        which of the file's parts is which of the net's, `{"features.0": "backbone.conv2d_1"}`; "" stands for the whole
        file. Only numbers are taken over, no settings such as a normalisation's epsilon.

        Everything is compared before anything is read: what is missing, in excess or of another shape is listed in one
        FormatError (FILE-26), and FILE-27 where nothing says which layer is which. Damaged files, archives with links
        or paths, and what unpacks without end are refused (FormatError, LimitError); pickles are never read.

        >>> import pathlib, tempfile
        >>> from mapsto import key, nn, save_weights, xp
        >>> net = (nn.Dense(4) >> nn.relu >> nn.Dense(2)).init(key(0), xp.ones((1, 3)))
        >>> path = pathlib.Path(tempfile.mkdtemp(), "net.safetensors")
        >>> save_weights(net, path)
        >>> other = (nn.Dense(4) >> nn.relu >> nn.Dense(2)).init(key(1), xp.ones((1, 3)))
        >>> xp.all(other.load_weights(path, "dense_1.*").dense_1.weight == net.dense_1.weight)
        array(True, bool[])
        """
        return OPERATORS["load_weights"](self, (file, pattern, names))

    @property
    def label(self) -> str:
        """What a chain calls it, before numbering."""
        return type(self).__name__.lower()

    def __rshift__(self, other: Any) -> Chain:
        return OPERATORS[">>"](self, other)

    def __rrshift__(self, other: Any) -> Chain:
        return OPERATORS[">>"](other, self)

    def __add__(self, other: Any) -> Pointwise:
        return OPERATORS["+"](self, other)

    def __mul__(self, other: Any) -> Pointwise:
        return OPERATORS["*"](self, other)

    def __radd__(self, other: Any) -> Pointwise:
        return OPERATORS["+"](other, self)

    def __rmul__(self, other: Any) -> Pointwise:
        return OPERATORS["*"](other, self)

    def __rand__(self, other: Any) -> Both:
        return OPERATORS["&"](other, self)

    def __and__(self, other: Any) -> Both:
        return OPERATORS["&"](self, other)

    def __repr__(self) -> str:
        return "\n".join(structure_lines(self, ""))


def has_written_init(cls: type) -> bool:
    """Whether a class has an `__init__` that somebody wrote, itself or inherited, rather than one made from fields."""
    first = next(base for base in cls.__mro__ if "__init__" in vars(base))
    return first is not object and "__dataclass_fields__" not in vars(first)


def itself(value: T) -> T:
    return value


def entered_call(function: Callable[..., Any]) -> Callable[..., Any]:
    """A class's `__call__` ↦ the same within the frame of the call, and with its path known to errors."""

    @wraps(function)
    def call(self: Mapping, *args: Any, **kwargs: Any) -> Any:
        if where.innermost() is self:  # super().__call__, or a class that calls itself
            return function(self, *args, **kwargs)
        frame = current_frame()
        if where.depth() == 0 and frame is None and top_frame() is None:
            args = at_the_edge(self, args)
        with where.entered(self):
            if frame is None:
                check_evaluation(self)
            try:
                result = function(self, *args, **kwargs) if frame is None else frame.call(self, function, args, kwargs)
            except (TypeError, RecursionError) as problem:
                refuse_misuse(self, function, args, kwargs, problem)
                raise
            if result is None:
                fix = "is a return missing at the end of it?"
                raise UsageError("MAP-12", name=type(self).__name__, fix=fix)
            return result

    return call


def check_evaluation(mapping: Mapping) -> None:
    """Refuse what cannot be evaluated: no parameters yet, or differentiated where training is meant."""
    refuse_unmade(mapping)
    if meta_of(mapping).differentiated and behaves_differently(mapping):
        fix = "call mt.training(net)(key, x) in the objective, or mt.evaluation(net)(x) if evaluation is meant"
        raise StateError("MAP-05", name=type(mapping).__name__, fix=fix)


def behaves_differently(mapping: Any) -> bool:
    """Whether a layer has a training mode of its own."""
    return callable(getattr(type(mapping), "training", None))


def set_meta(mapping: Mapping, **changes: Any) -> None:
    """Let a mapping in a private copy know something else of itself."""
    vars(mapping)["_meta"] = replace(meta_of(mapping), **changes)
