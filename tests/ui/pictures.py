"""Charts as pictures, in the light or the dark theme, and the approved ones that they are compared with."""

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert
from altair.utils.data import to_values
from runtally_ui.drawing import DATA_NAME, Drawing
from runtally_ui.launch import ENTRY_SCRIPT

APPROVED = Path(__file__).parent / "approved"
_NAMES = ("primary", "green", "red", "orange", "gray")


def holds(name: str, drawn: Drawing, scheme: str = "light") -> None:
    """The chart looks as its approved picture does."""
    picture = APPROVED / f"{name}.svg"
    found = svg(drawn, scheme)
    if os.environ.get("RUNTALLY_APPROVE_PICTURES"):
        APPROVED.mkdir(exist_ok=True)
        picture.write_text(found, encoding="utf-8")
    assert "NaN" not in found
    assert shapes(found) == shapes(picture.read_text(encoding="utf-8"))


def svg(drawn: Drawing, scheme: str = "light") -> str:
    """The chart, 640 pixels wide. In the browser Streamlit resolves the theme's colours."""
    whole: dict[str, Any] = tomllib.loads((ENTRY_SCRIPT.parent / ".streamlit/config.toml").read_text())["theme"]
    theme = whole[scheme]
    rows = to_values(drawn.frame)["values"]
    body = {**json.loads(drawn.spec), "width": 640, "datasets": {DATA_NAME: rows}}
    alt.Chart.from_dict(body)  # raises where the schema has no such thing
    text = theme["textColor"]
    ink = {} if scheme == "light" else {"labelColor": text, "titleColor": text}
    grid = {"gridColor": theme["borderColor"]} if ink else {}
    config = body["config"]
    body["config"] = {
        **config, "range": {"category": theme["chartCategoricalColors"]},
        "background": "white" if scheme == "light" else theme["backgroundColor"],
        "axis": {**config.get("axis", {}), **ink, **grid}, "legend": {**config.get("legend", {}), **ink},
    }  # fmt: skip
    colours = {name: str(theme[f"{name}Color"]) for name in _NAMES}
    found: str = vl_convert.vegalite_to_svg(_resolved(body, colours))
    return found


def shapes(picture: str) -> list[str]:
    """The picture's texts and marks, positions to the pixel: what another version of a font moves by less is equal."""
    rounded = re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.0f}", picture)
    return re.findall(r"<(?:path|text|rect|line)[^>]*>[^<]*", rounded)


def _resolved(part: Any, colours: dict[str, str], key: str = "") -> Any:
    """With the theme's colours in the place of their names, which stand in values and in ranges of scales."""
    if isinstance(part, dict):
        return {name: inner if name == "datasets" else _resolved(inner, colours, name) for name, inner in part.items()}
    if isinstance(part, list):
        return [_resolved(inner, colours, key) for inner in part]
    return colours.get(part, part) if key in ("value", "range") and isinstance(part, str) else part
