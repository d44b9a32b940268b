"""Why a picture is not read, as errors."""

from mapsto.core.errors import FormatError, LimitError


def damaged(name: str, reason: object) -> FormatError:
    return FormatError("IMAGE-03", path=name, reason=reason, fix="get the file again, or save it anew")


def too_many(name: str, limit: int, what: str) -> LimitError:
    return LimitError("IMAGE-09", path=name, limit=limit, what=what, fix="save it anew, as any common program does")
