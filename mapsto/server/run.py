"""Start a server: `mt.serve("digits.mapsto")`. Nothing here needs the libraries of a server until it is called."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapsto.compose.mapping import Mapping
from mapsto.core.lazy import optional
from mapsto.files.write import save
from mapsto.server.settings import Settings

# Libraries, and a name in each: to ask for it tells whether the library is there.
LIBRARIES = {
    "fastapi": "FastAPI",
    "uvicorn": "Config",
    "h11": "Connection",
    "python_multipart": "MultipartParser",
    "prometheus_client": "Counter",
}
if TYPE_CHECKING:
    from mapsto.server import files, host, logs
else:
    files = optional("mapsto.server.files", extra="serve")
    host = optional("mapsto.server.host", extra="serve")
    logs = optional("mapsto.server.logs", extra="serve")


def serve(*what: Mapping | str | os.PathLike[str], **settings: Any) -> None:
    """Files that `mt.save` wrote, or mappings ↦ a server that answers over HTTP until it is stopped (Ctrl-C, SIGTERM).

    A file is served under its name without `.mapsto`, a mapping as `model`: `POST http://127.0.0.1:8000/v1/digits`.
    The keywords are the fields of `mapsto.server.settings.Settings`; by default only this machine reaches the server.

    Raises UsageError for settings that make no sense (ARG-01), names that cannot stand in an address (SERVE-01), a port
    that is taken (SERVE-02), no room for copies of files (SERVE-10) and libraries that are missing (LIB-01); and what
    `mt.load` and `mt.save` raise.

    >>> import mapsto as mt
    >>> mt.serve("digits.mapsto", port=-1)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    mapsto.core.errors.UsageError: serve: port is -1, and must be a whole number from 0 to 65535  [ARG-01]
    """
    chosen = Settings(**settings)
    for library, name in LIBRARIES.items():
        getattr(optional(library, extra="serve"), name)
    with files.temporary_folder() as folder:
        paths: list[Path] = []
        for one in what:
            path = folder / "model.mapsto" if isinstance(one, Mapping) else Path(one)
            if isinstance(one, Mapping):
                save(one, path)
            paths.append(path)
        log = logs.Log()
        try:
            host.Host(files.named(paths), chosen, log).run()
        finally:
            log.close()
