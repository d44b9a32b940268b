"""What went wrong, as clients read it: `{"error": {"code": …, "message": …, "fix": …}}` with its HTTP status."""

from __future__ import annotations

import json
from typing import Any

from mapsto.core.errors import DataError, DTypeError, FormatError, LimitError, MapstoError, ShapeError

STATUS_OF_CODE = {"SERVE-03": 404, "SERVE-04": 415, "SERVE-07": 422, "SAVE-16": 415}
STATUS_OF_KIND = {LimitError: 413, FormatError: 400, ShapeError: 422, DTypeError: 422, DataError: 422}

# What the server says without a mapsto error: code ↦ status, message and fix.
WORDS: dict[str, tuple[int, str, str]] = {
    "SYNTAX": (400, "this is not HTTP/1.1, or not as it should be", "use any common client"),
    "TOKEN": (401, "this server answers those who know its token", "send the header Authorization: Bearer TOKEN"),
    "ORIGIN": (403, "a page of another origin may not ask this server", "open the page that this server has itself"),
    "PATH": (404, "there is nothing here", "GET /v1 lists the models"),
    "METHOD": (405, "this path does not have this method", "GET /openapi.json tells what there is"),
    "DEADLINE": (408, "the request took too long to arrive", "send it faster, or a smaller one"),
    "BODY": (413, "the body is larger than this server takes", "send a smaller picture, or fewer examples"),
    "ENCODING": (415, "compressed bodies are not taken", "send it without Content-Encoding"),
    "HOST": (421, "this server has no such name", "start it with --allow-host NAME"),
    "HEADERS": (431, "the head of the request is too large", "send fewer or shorter headers"),
    "INTERNAL": (500, "something went wrong in the server", "its log tells more"),
    "STARTING": (503, "the models are not ready yet", "GET /v2/health/ready tells when they are"),
    "FULL": (503, "too many requests wait already", "try again later, as Retry-After says"),
}


def problem(code: str, message: str, fix: str) -> dict[str, Any]:
    """The object that every error is."""
    return {"error": {"code": code, "message": message, "fix": fix}}


def in_one_text(words: dict[str, Any]) -> dict[str, str]:
    """What every error is ↦ the object that the Open Inference Protocol has for one: under `/v2`, a text.

    >>> in_one_text(problem("PATH", "there is nothing here", "GET /v1"))
    {'error': 'there is nothing here; GET /v1 [PATH]'}
    """
    error = words["error"]
    return {"error": f"{error['message']}{'; ' if error['fix'] else ''}{error['fix']} [{error['code']}]"}


def said(code: str) -> tuple[int, bytes]:
    """A code of `WORDS` ↦ the status and the body.

    >>> said("FULL")[0]
    503
    """
    status, message, fix = WORDS[code]
    return status, json.dumps(problem(code, message, fix)).encode()


def told(error: MapstoError) -> tuple[int, dict[str, Any]]:
    """An error of a request ↦ status and object. It names no line of the server's own code."""
    status = STATUS_OF_CODE.get(error.code)
    if status is None:
        status = next((status for kind, status in STATUS_OF_KIND.items() if isinstance(error, kind)), 400)
    rows = "; ".join(f"{name} {value} {remark}".strip() for name, value, remark in error.operands)
    return status, problem(error.code, error.headline + (f" ({rows})" if rows else ""), error.fix)
