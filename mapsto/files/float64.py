"""A graph ↦ the same in float64, where rounding is 10⁹ times smaller than what two nets differ by."""

from __future__ import annotations

from typing import Any

import numpy as np

from mapsto.core.spec import DTYPES, FLOAT64, SHORT_NAMES, DType, Spec, is_float
from mapsto.ir.body import Body, with_bodies
from mapsto.ir.graph import Builder, Graph, Var, live_nodes
from mapsto.ir.primitive import Primitive, attributes


def in_float64(graph: Graph) -> Graph:
    """The same nodes on the same inputs, all floats float64; constants keep their numbers, and nothing is rounded.

    >>> from mapsto.ir.parse import parse
    >>> from mapsto.ir.show import show
    >>> print(show(in_float64(parse("graph(a: f16[2]):\\n  b: f32[2] = cast(a; dtype=\\"f32\\")\\n  return b"))))
    graph(a: f64[2]):
      b: f64[2] = cast(a; dtype="f64")
      return b
    """
    builder = Builder()
    names = {var: Var(Spec(wide(var.spec.dtype), var.spec.shape, var.spec.weak)) for var in graph.inputs}
    inputs = tuple(names.values())
    for node in live_nodes(graph):
        outputs = builder.add(widened(node.primitive), [names[var] for var in node.inputs], node.path, node.line)
        names.update(zip(node.outputs, outputs, strict=True))
    return Graph(inputs, tuple(builder.nodes), tuple(names[var] for var in graph.outputs))


def widened(primitive: Primitive) -> Primitive:
    """A primitive, and what its bodies do, in float64."""
    if primitive.inner():
        return with_bodies(primitive, [Body(in_float64(body.graph), body.path) for body in primitive.inner()])
    named = attributes(primitive)
    if "dtype" not in named:
        return primitive
    return type(primitive)(**{**named, "dtype": SHORT_NAMES[wide(DTYPES[named["dtype"]])]})


def wide(dtype: DType) -> DType:
    return FLOAT64 if is_float(dtype) else dtype


def wide_numbers(array: Any) -> np.ndarray[Any, Any]:
    """An array ↦ its numbers, floats as float64."""
    numbers = np.asarray(array)
    return numbers.astype(wide(numbers.dtype), copy=False)
