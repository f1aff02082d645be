"""An agent's colour outside of charts: a dot before its name, the same colour that its series has everywhere."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import quote

Theme = Mapping[str, Sequence[str]]
_CONFIG = Path(__file__).resolve().parent / ".streamlit" / "config.toml"
_DOT = '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24"><circle cx="12" cy="12" r="6" fill="{}"/></svg>'


@cache
def theme_colours() -> Theme:
    """The nine series colours of the light and of the dark theme, where charts have them from."""
    theme = tomllib.loads(_CONFIG.read_text(encoding="utf-8"))["theme"]
    return {name: theme[name]["chartCategoricalColors"] for name in ("light", "dark")}


def dot_image(colours: Sequence[str], slot: int) -> str:
    """A data URI for the cell of a table, which cannot follow the theme by itself."""
    return f"data:image/svg+xml,{quote(_DOT.format(colours[slot]))}"


def heading_html(name: str, theme: Theme, slot: int) -> str:
    """A heading of the name behind its dot; style.css sets it, and the browser picks the theme's colour."""
    light, dark = escape(theme["light"][slot]), escape(theme["dark"][slot])
    return (
        f'<h4 class="agent-name"><span class="dot" style="background: light-dark({light}, {dark})"></span>'
        f"{escape(name)}</h4>"
    )
