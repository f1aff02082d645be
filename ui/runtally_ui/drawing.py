"""Put a chart on the page so that new data flows into the drawing that is already there."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import altair as alt
import pandas as pd
import streamlit as st

DATA_NAME = "rows"


Callback = Callable[[], None]


def draw_chart(
    chart: alt.Chart | alt.LayerChart,
    *,
    key: str,
    shows: str,
    selections: Sequence[str] = (),
    on_select: Callback | None = None,
) -> None:
    """Draw `chart`, which holds one frame.

    `st.altair_chart` names the data after its content, so that every filter changes the spec and
    the browser throws the drawing away; here the name stays. For the same reason `shows`, what a
    screen reader says of the drawing, must not change with the data: findings go in the caption.

    Clicks and drags of the `selections` come back in the session state under `key`; `on_select` is
    called first.
    """
    if not selections:
        st.vega_lite_chart(None, named_spec(chart), key=key, alt=shows, width="stretch")
        return
    st.vega_lite_chart(
        None, named_spec(chart), key=key, alt=shows, width="stretch",
        on_select=on_select or "rerun", selection_mode=list(selections),
    )  # fmt: skip


def named_spec(chart: alt.Chart | alt.LayerChart) -> dict[str, Any]:
    """The chart's spec with its frame as the data set `DATA_NAME`; not validated, which takes longer than all else."""
    frame = cast("pd.DataFrame", chart.data)
    without_frame = chart.copy(deep=False)
    without_frame.data = alt.NamedData(name=DATA_NAME)
    return {**without_frame.to_dict(validate=False), "datasets": {DATA_NAME: frame}}
