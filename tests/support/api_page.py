"""The page docs/reference/api.md as the code has it now: `python -m tests.support.api_page` writes it (`make docs`)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from registry.app import create_app
from registry.base.api_reference import reference
from registry.base.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "api.md"


def specification() -> dict[str, Any]:
    """The OpenAPI document that the application serves."""
    with tempfile.TemporaryDirectory() as home:
        app = create_app(Settings(Path(home), log_level="error"))
        document = app.test_client().get("/v1/openapi.json").get_json()
    assert isinstance(document, dict)
    return document


def page() -> str:
    """The whole page."""
    return reference(specification())


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
