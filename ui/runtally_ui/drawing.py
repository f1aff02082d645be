"""Put a chart on the page so that new data flows into the drawing that is already there."""

import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Concatenate, Final, ParamSpec, cast

import altair as alt
import pandas as pd
import streamlit as st

DATA_NAME = "rows"
_KEPT_SPECS: Final = 512
"""A few for each chart of the dashboard; only names of agents, which colours go by, differ from fleet to fleet."""

Callback = Callable[[], None]
Chart = alt.Chart | alt.LayerChart
How = ParamSpec("How")


@dataclass(frozen=True)
class Drawing:
    """A frame, and what is drawn of it as the JSON text of a Vega-Lite spec that calls the frame `DATA_NAME`."""

    spec: str
    frame: pd.DataFrame


def drawing(
    chart: Callable[Concatenate[pd.DataFrame, How], Chart], frame: pd.DataFrame, *how: How.args, **more: How.kwargs
) -> Drawing:
    """What `chart(frame, *how, **more)` draws.

    A chart says which columns go where, whatever the rows are. So its spec is made once, of a frame without rows, for
    each `how`, which must be hashable: Altair takes 10 to 60 ms for one, mostly to copy its parts again and again.
    """
    return Drawing(_spec(chart, how, tuple(more.items())), frame)


def draw_chart(
    drawn: Drawing, *, key: str, shows: str, selections: Sequence[str] = (), on_select: Callback | None = None
) -> None:
    """Draw it.

    `st.altair_chart` names the data after its content, so that every filter changes the spec and
    the browser throws the drawing away; here the name stays. For the same reason `shows`, what a
    screen reader says of the drawing, must not change with the data: findings go in the caption.

    Clicks and drags of the `selections` come back in the session state under `key`; `on_select` is
    called first.
    """
    spec = {**json.loads(drawn.spec), "datasets": {DATA_NAME: drawn.frame}}
    # Then Streamlit takes its theme's: a picture saved from the dark one would else be light text on nothing.
    spec.get("config", {}).pop("background", None)
    if not selections:
        st.vega_lite_chart(None, spec, key=key, alt=shows, width="stretch")
        return
    st.vega_lite_chart(
        None, spec, key=key, alt=shows, width="stretch",
        on_select=on_select or "rerun", selection_mode=list(selections),
    )  # fmt: skip


def named_spec(chart: Chart) -> dict[str, Any]:
    """The chart's spec with its frame as the data set `DATA_NAME`; not validated, which takes longer than all else."""
    frame = cast("pd.DataFrame", chart.data)
    without_frame = chart.copy(deep=False)
    without_frame.data = alt.NamedData(name=DATA_NAME)
    return {**without_frame.to_dict(validate=False), "datasets": {DATA_NAME: frame}}


@lru_cache(maxsize=_KEPT_SPECS)
def _spec(chart: Callable[..., Chart], how: tuple[Hashable, ...], more: tuple[tuple[str, Hashable], ...]) -> str:
    spec = named_spec(chart(pd.DataFrame(), *how, **dict(more)))
    del spec["datasets"]
    return json.dumps(spec)
