"""A chart's spec is made once, and is the one that the chart has with its rows."""

import json
from collections.abc import Callable
from typing import Any

import altair as alt
import pandas as pd
import pytest
from runtally_ui.drawing import DATA_NAME, Drawing, drawing, named_spec

from ui import test_pictures


def bars(frame: pd.DataFrame, colour: str, height: int = 100) -> alt.Chart:
    made.append(colour)
    chart: alt.Chart = alt.Chart(frame, height=height).mark_bar().encode(x=alt.X("value:Q"), color=alt.value(colour))
    return chart


made: list[str] = []


def test_a_spec_is_made_once_for_each_way_to_draw() -> None:
    made.clear()
    frames = [pd.DataFrame({"value": [number]}) for number in range(3)]
    drawn = [drawing(bars, frame, "red", height=120) for frame in frames]
    assert made == ["red"]
    assert [one.frame for one in drawn] == frames
    assert json.loads(drawn[0].spec)["height"] == 120
    assert drawing(bars, frames[0], "gray").spec != drawn[0].spec
    assert made == ["red", "gray"]


def test_a_spec_names_its_rows_and_holds_none() -> None:
    spec = json.loads(drawing(bars, pd.DataFrame({"value": [1]}), "blue").spec)
    assert spec["data"] == {"name": DATA_NAME}
    assert "datasets" not in spec


@pytest.mark.parametrize("draw", test_pictures.DRAWN)
def test_rows_do_not_change_a_spec(draw: Callable[[], Drawing], monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = draw()

    def with_rows(chart: Callable[..., alt.Chart], frame: pd.DataFrame, *how: Any, **more: Any) -> Drawing:
        spec = named_spec(chart(frame, *how, **more))
        del spec["datasets"]
        return Drawing(json.dumps(spec), frame)

    monkeypatch.setattr(test_pictures, "drawing", with_rows)
    assert draw().spec == drawn.spec
