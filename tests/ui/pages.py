"""Reading a page of the headless dashboard."""

import json
from collections.abc import Callable
from typing import Any

from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash
from ui.stub_api import StubApi


def open_at(open_page: Callable[..., AppTest], stub: StubApi, path: str, **address: str | list[str]) -> AppTest:
    """Open the page of that address; `AppTest.switch_page` knows pages that are files only."""
    app = open_page(stub, **address)
    app._page_hash = calc_hash(path)
    return app.run()


def metrics(app: AppTest) -> dict[str, tuple[str, str]]:
    """Value and change of each tile by its label."""
    return {metric.label: (metric.value.replace("\\", ""), metric.delta) for metric in app.metric}


def texts(app: AppTest) -> str:
    """Everything that is said."""
    blocks = [*app.markdown, *app.caption, *app.title]
    return "\n".join(block.value.replace("\\", "") for block in blocks)


def chart_specs(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("vega_lite_chart")]
