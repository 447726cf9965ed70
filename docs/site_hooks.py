"""What the site needs and the repository doesn't: links that lead out of docs/ become plain words there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Called by MkDocs for every page."""
    folder = (DOCS / page.file.src_uri).parent

    def kept(found: re.Match[str]) -> str:
        target = (folder / found[2]).resolve()
        return found[0] if "://" in found[2] or target.is_relative_to(DOCS) else found[1]

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)#\s]+)\)", kept, markdown)
