"""What of a table of runs can be read without scrolling."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from ui.fleet import fleet
from ui.pages import open_at
from ui.stub_api import StubApi

TODAY = date(2026, 11, 21)
LONG_MODEL = len("claude-sonnet-4-5-20250929")
LETTER_WIDTH, PADDING = 6, 16


@pytest.mark.parametrize(
    ("path", "room", "beyond"),
    [("runs", 1390, ["LLM calls"]), ("live", 1354, [])],
)
def test_a_window_of_1440_pixels_shows_models_errors_and_messages(
    open_page: Callable[..., AppTest], path: str, room: int, beyond: list[str]
) -> None:
    app = open_at(open_page, StubApi(fleet(TODAY), TODAY), path)
    table: Any = next(table for table in app.dataframe if "Message" in table.value.columns)
    widths = {name: column["width"] for name, column in json.loads(table.proto.columns).items() if "width" in column}
    shown = list(table.value.columns)
    assert shown[shown.index("Message") + 1 :] == beyond
    assert sum(widths[name] for name in shown if name not in beyond) <= room
    assert widths["Model"] >= LETTER_WIDTH * LONG_MODEL + PADDING
    assert widths["Message"] >= 200
