"""Start a server: `mt.serve(mapping_or_path)`, and what `mapsto serve` does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapsto.core.lazy import optional
from mapsto.server.model import served_from
from mapsto.server.settings import Settings

if TYPE_CHECKING:
    import uvicorn

    from mapsto.server import app as app_module
else:
    uvicorn = optional("uvicorn", extra="serve")
    app_module = optional("mapsto.server.app", extra="serve")


def serve(*what: Any, **settings: Any) -> None:
    """Files that `mt.save` wrote ↦ a server that answers until it is stopped."""
    chosen = Settings(**settings)
    served = [served_from(Path(one), chosen.sizes) for one in what]
    for one in served:
        one.warm()
    app = app_module.make_app(app_module.Models(served, chosen), chosen)
    uvicorn.run(app, host=chosen.host, port=chosen.port, log_level="warning")
