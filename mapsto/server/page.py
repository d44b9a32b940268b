"""The page at `/`: a person draws or drops a picture, or writes text or numbers, and sees the answer.

It is three files in `pages/`, which ask `GET /v1` and `POST /v1/NAME` like any other client. Nothing comes from
elsewhere, and the header below forbids browsers to fetch or to run what did not come from this server.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Response

PAGES = Path(__file__).with_name("pages")
FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.svg": ("page.svg", "image/svg+xml"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}

router = APIRouter(include_in_schema=False)


def serve_file(path: str, name: str, media_type: str) -> None:
    """Answer a path with a file of `pages/`, read once: no path of a request is ever looked for on the disk."""
    content = (PAGES / name).read_bytes()

    @router.api_route(path, methods=["GET", "HEAD"])
    async def file() -> Response:
        return Response(content, headers=HEADERS, media_type=media_type)


for path, (name, media_type) in FILES.items():
    serve_file(path, name, media_type)
