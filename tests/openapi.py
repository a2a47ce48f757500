"""The API's description as the docs keep it: `python -m tests.openapi` writes docs/reference/openapi.json."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.claims.site import make_site
from twinvouch.app.api.hub import Hub
from twinvouch.app.api.server import create_app
from twinvouch.app.core import Core
from twinvouch.engine import Engine

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "openapi.json"


def openapi() -> dict[str, Any]:
    """What a running core serves as /openapi.json, without its stores and threads."""
    core = cast("Core", SimpleNamespace(engine=Engine(make_site())))
    return create_app(core, Hub("toy", None), ["localhost"]).openapi()


def text() -> str:
    return json.dumps(openapi(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PAGE.write_text(text(), "utf-8")
