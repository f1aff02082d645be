"""The pages in the order of the bar at the top. A view that is not finished is not listed."""

from dataclasses import dataclass
from typing import cast

from runtally_ui import rights
from runtally_ui.page import View
from runtally_ui.views import adoption, agents, cost, efficiency, errors, feedback, live, overview, pipeline, runs


@dataclass(frozen=True)
class Entry:
    """A page: its view, and the last part of its address, which stays as it is for good."""

    title: str
    path: str
    icon: str
    view: View
    is_default: bool = False
    every_seconds: int | None = None
    """How often it asks anew by itself, whatever the bar says."""
    needs: str = rights.VIEW
    """The permission without which it is not offered."""


ENTRIES = (
    Entry("Overview", "overview", ":material/monitoring:", cast("View", overview), is_default=True),
    Entry("Efficiency", "efficiency", ":material/bolt:", cast("View", efficiency)),
    Entry("Cost", "cost", ":material/payments:", cast("View", cost)),
    Entry("Adoption", "adoption", ":material/group:", cast("View", adoption)),
    Entry("Feedback", "feedback", ":material/star:", cast("View", feedback)),
    Entry("Errors", "errors", ":material/error:", cast("View", errors)),
    Entry("Agents", "agents", ":material/smart_toy:", cast("View", agents)),
    Entry("Live", "live", ":material/radio_button_checked:", cast("View", live), every_seconds=5),
    Entry("Runs", "runs", ":material/list_alt:", cast("View", runs)),
    Entry("Pipeline", "pipeline", ":material/verified:", cast("View", pipeline)),
)
