"""Text that nobody vouches for, made safe for HTML."""

from __future__ import annotations

import html
from typing import Any

from ftbench.text.terminal import visible


def escaped(text: Any) -> str:
    """Returns visible text for HTML, inside elements and quoted attributes alike."""
    return html.escape(visible(text), quote=True)
