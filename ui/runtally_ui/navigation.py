"""The pages in the order of the bar at the top. A view that is not finished is not listed."""

from dataclasses import dataclass
from typing import cast

from runtally_ui.page import View
from runtally_ui.views import agents, cost, efficiency, errors, overview, runs


@dataclass(frozen=True)
class Entry:
    """A page: its view, and the last part of its address, which stays as it is for good."""

    title: str
    path: str
    icon: str
    view: View
    is_default: bool = False


ENTRIES = (
    Entry("Overview", "overview", ":material/monitoring:", cast("View", overview), is_default=True),
    Entry("Efficiency", "efficiency", ":material/bolt:", cast("View", efficiency)),
    Entry("Cost", "cost", ":material/payments:", cast("View", cost)),
    Entry("Errors", "errors", ":material/error:", cast("View", errors)),
    Entry("Agents", "agents", ":material/smart_toy:", cast("View", agents)),
    Entry("Runs", "runs", ":material/list_alt:", cast("View", runs)),
)
