"""Notebooks ask a value for `_repr_html_`; what answers is imported when they first do."""

from __future__ import annotations

from mapsto.array.array import Array
from mapsto.compose.mapping import Mapping
from mapsto.core.lazy import optional

notebook = optional("mapsto.view.notebook", extra="")


def register() -> None:
    """Let notebooks find the HTML of nets and arrays."""
    Mapping._repr_html_ = lambda net: notebook.net_html(net)  # pyright: ignore[reportAttributeAccessIssue]
    Array._repr_html_ = lambda array: notebook.array_html(array)  # pyright: ignore[reportAttributeAccessIssue]
