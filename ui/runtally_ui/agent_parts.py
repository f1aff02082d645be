"""The cards of an agent's page that the API answers as parts of its own: each draws its answer or its failure."""

from collections.abc import Callable

from runtally_ui import drilling, formats
from runtally_ui.agent_answers import AgentAnalytics, Bar, Latency
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.api_client import ApiError
from runtally_ui.cards import not_available, query_card
from runtally_ui.catalogue import label
from runtally_ui.comparisons import comparison_frame, comparison_table
from runtally_ui.drawing import draw_chart, drawing
from runtally_ui.error_table import NO_TYPE
from runtally_ui.latency import latency_chart, latency_frame
from runtally_ui.measure_table import Column, measure_frame, measure_table
from runtally_ui.page import Page
from runtally_ui.ranking import ranked_bars, ranking_frame
from runtally_ui.ratings import SERIES, ratings_frame, ratings_rows
from runtally_ui.sentences import subtitle
from runtally_ui.trend_data import Series

HEIGHT = 256
_RATINGS_HEIGHT = 340
_USER_COLUMNS = (Column("runs", "gray"), Column("errors"), Column("total_tokens"), Column("cost_usd", "primary"))
Agent = AgentAnalytics | ApiError
_COMPARED = (
    "A row for each measure: the agent's figure, the workspace's, the agent's rank among the agents there, and the "
    "figure of the period compared with. The heads of the columns say how each is made."
)


def latency_card(page: Page, answer: Latency | ApiError) -> None:
    """How long runs took."""
    rows = answer if isinstance(answer, ApiError) else answer.bars()

    def caption(_: QueryAnswer) -> str:
        if isinstance(answer, ApiError):
            return ""
        known = formats.share_of(answer.duration.known_runs, answer.runs)
        return _joined("Runs by duration, on a logarithmic axis", f"known for {known}", subtitle(page.asked.filters))

    with query_card("agent-latency", "Latency distribution", rows, caption,
                    help_text=page.measures.help("p95_duration_ms")) as found:  # fmt: skip
        if found is None or isinstance(answer, ApiError):
            return
        if not answer.duration.histogram:
            not_available("No run in this period has a known duration.", "Publish runs with duration_ms.")
            return
        key = "chart-agent-latency"
        draw_chart(drawing(latency_chart, latency_frame(answer)), key=key, selections=["bar"],
                   shows="Runs by duration with the 50th, 90th, 95th and 99th percentile")  # fmt: skip
        mark = drilling.clicked(key, "bar")
        bar = next((bar for bar in answer.duration.histogram if mark and bar.from_ms == mark["from_ms"]), None)
        if bar is not None:
            _runs_of_bar(page, bar)


def _runs_of_bar(page: Page, bar: Bar) -> None:
    bounds = {"min_duration_ms": str(bar.from_ms), "max_duration_ms": str(bar.to_ms - 1)}
    drilling.runs_behind(page, "agent-latency", bar.words(), of_runs=bounds, runs=bar.runs)


def comparisons_card(page: Page, agent: Agent) -> None:
    """Beside the workspace, and the period that the bar compares with."""
    answer = agent if isinstance(agent, ApiError) else agent.compared()

    def caption(_: QueryAnswer) -> str:
        workspace = "" if isinstance(agent, ApiError) else formats.escaped(agent.workspace_id)
        before = page.asked.before
        span = "" if before is None else f", and {formats.day_span(before.first, before.last)}"
        return _joined(f"Beside {workspace}'s average and agents{span}", subtitle(page.asked.filters))

    with query_card("agent-comparisons", "How it compares", answer, caption, help_text=_COMPARED) as found:
        if found is None or isinstance(agent, ApiError):
            return
        frame = comparison_frame(agent.comparisons or [], page.measures)
        comparison_table(frame, page.asked.compare)


def models_card(page: Page, agent: Agent) -> None:
    """Which models the cost went to."""
    answer = agent if isinstance(agent, ApiError) else agent.rows("resources", "models")
    hidden = subtitle(page.asked.filters, "the cost")
    with query_card("agent-models", "Cost by model", answer, lambda _: _joined("USD, dearest first", hidden),
                    help_text=page.measures.help("cost_usd")) as found:  # fmt: skip
        if found is None:
            return
        series = Series("cost_usd", "money", label("cost_usd"))
        frame = ranking_frame(found, series, "model")
        if frame.empty:
            not_available("No run in this period has a known cost.", "Publish runs with cost_usd.")
            return
        key = "chart-agent-models"
        draw_chart(drawing(ranked_bars, frame, series, height=HEIGHT), key=key, selections=["group"],
                   shows="Cost by model, dearest first")  # fmt: skip
        mark = drilling.clicked(key, "group")
        if mark:
            model = str(mark["key"])
            drilling.runs_behind(page, "agent-models", model or "no model", narrowed={"model": model})


def errors_card(page: Page, agent: Agent) -> None:
    """What went wrong; recovered runs count here, too."""
    answer = agent if isinstance(agent, ApiError) else agent.rows("errors", "types")
    figures = agent if isinstance(agent, ApiError) else agent.part("errors")
    with query_card("agent-errors-types", "Errors by type", answer, lambda _: _errors_caption(figures),
                    help_text=page.measures.help("runs_with_errors")) as found:  # fmt: skip
        if found is None:
            return
        series = Series("runs", "count", "Runs with it")
        frame = ranking_frame(found, series, "error_type")
        if frame.empty:
            reason = "No run in this period failed, timed out or names an error."
            hidden = page.asked.filters.hides_failures
            not_available("The filters leave failed or timed-out runs out." if hidden else reason)
            return
        key = "chart-agent-errors"
        chart = drawing(ranked_bars, frame, series, colour="red", height=HEIGHT, beside=series.title)
        draw_chart(chart, key=key,
                   selections=["group"], shows="Runs by error type, the most frequent first")  # fmt: skip
        mark = drilling.clicked(key, "group")
        if mark:
            error_type = str(mark["key"])
            runs = next(
                (int(row.number("runs") or 0) for row in found.rows if row.text("error_type") == error_type), None
            )
            drilling.runs_behind(page, "agent-errors-types", error_type or NO_TYPE, runs=runs,
                                 of_runs={"error_type": error_type, "has_error": "true"})  # fmt: skip


def users_card(page: Page, agent: Agent) -> None:
    """Who uses it."""
    answer = agent if isinstance(agent, ApiError) else agent.rows("users", "users")
    figures = agent if isinstance(agent, ApiError) else agent.part("users")
    with query_card("agent-users", "Users", answer, lambda _: _users_caption(figures),
                    help_text=page.measures.help("active_users")) as found:  # fmt: skip
        if found is None:
            return
        known = found.model_copy(update={"data": [row for row in found.data if row.get("user_id")]})
        if not known.data:
            not_available("No run in this period names its user.", "Publish runs with user_id.")
            return
        frame = measure_frame(known, [("User", lambda row: row.text("user_id"))], _USER_COLUMNS, page.measures,
                              link=_user_link(page))  # fmt: skip
        measure_table("agent-users", frame, _USER_COLUMNS, page.measures, "The agent's busiest users")


def ratings_card(page: Page, agent: Agent) -> None:
    """What users thought of it."""
    figures = agent if isinstance(agent, ApiError) else agent.part("users")
    answer = figures if isinstance(figures, ApiError) else ratings_rows(figures)

    def caption(_: QueryAnswer) -> str:
        if isinstance(figures, ApiError) or not figures.number("ratings"):
            return ""
        mean = figures.number("avg_rating")
        average = "" if mean is None else f"**{mean:.2f}** of 5 on average"
        return _joined(average, formats.plural(int(figures.number("ratings") or 0), "rating"))

    with query_card("agent-ratings", "Ratings", answer, caption, help_text=page.measures.help("ratings")) as found:
        if found is None or isinstance(figures, ApiError):
            return
        frame = ratings_frame(figures)
        if frame.empty:
            not_available("No user rated a run of this period.", "Publish feedback with a rating of 1 to 5.")
            return
        key = "chart-agent-ratings"
        chart = drawing(ranked_bars, frame, SERIES, height=_RATINGS_HEIGHT, beside="Share")
        draw_chart(chart, key=key, selections=["group"], shows="Ratings by number of stars")
        mark = drilling.clicked(key, "group")
        if mark:
            drilling.runs_behind(
                page, "agent-ratings", f"Rated {mark['key']} of 5", of_runs={"rating": str(mark["key"])}
            )


def _errors_caption(figures: QueryRow | ApiError) -> str:
    if isinstance(figures, ApiError):
        return ""
    failed, rate = int(figures.number("errors") or 0), figures.number("failure_rate")
    recovered, took = figures.number("recovery_rate"), figures.number("mean_time_to_recovery_ms")
    parts = [f"{failed:,} failed or timed out" + ("" if rate is None else f" ({formats.share(rate)} of the ended)")]
    if recovered is not None:
        again = "" if took is None else f" within {formats.duration(took)} on average"
        parts.append(f"{formats.share(recovered)} of the runs with an error recovered{again}")
    return _joined(*parts)


def _users_caption(figures: QueryRow | ApiError) -> str:
    if isinstance(figures, ApiError):
        return ""
    users, sessions = (int(figures.number(name) or 0) for name in ("active_users", "sessions"))
    per_user, handed = figures.number("runs_per_user"), figures.number("handoff_rate")
    return _joined(
        formats.plural(users, "user") + ("" if per_user is None else f", {per_user:.1f} runs each"),
        formats.plural(sessions, "session"),
        "" if handed is None else f"{formats.share(handed)} handed off to a person",
    )


def _user_link(page: Page) -> Callable[[QueryRow], str] | None:
    if drilling.RUNS_PAGE not in page.pages:
        return None
    return lambda row: drilling.runs_href(page, {"user_id": row.text("user_id")})


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
