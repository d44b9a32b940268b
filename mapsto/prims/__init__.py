"""Floor 2: the primitives, each in one place. Importing this package enters all of them in the table."""

from mapsto.prims import (
    compare,
    contract,
    conv,
    elementary,
    elementwise,
    index,
    layout,
    literal,
    random,
    reduce,
    sort,
    window,
)

__all__ = [
    "compare",
    "contract",
    "conv",
    "elementary",
    "elementwise",
    "index",
    "layout",
    "literal",
    "random",
    "reduce",
    "sort",
    "window",
]
