"""A run's own page: what became of it, every field, the runs it started, and its session."""

import json
from urllib.parse import urlencode

import streamlit as st

from runtally_ui import formats, own_fields, rights, states
from runtally_ui.answers import QueryRow, RunPage, RunRecord
from runtally_ui.api_client import RUNS_PATH, ApiError
from runtally_ui.cards import card, downloads, failure
from runtally_ui.filter_bar import bar_changed, narrow
from runtally_ui.page import Asked, Page
from runtally_ui.questions import Answers, Get, Question, ask_together, in_path
from runtally_ui.run_fields import definition_list, field_groups
from runtally_ui.run_table import agent_name, run_table
from runtally_ui.sharing import AGENTS_PAGE, agent_address
from runtally_ui.statuses import WORDS, status_of, status_words
from runtally_ui.tiles import NOT_AVAILABLE, Tile, draw_tiles

NEIGHBOURS = 100


def question(run_id: str, asked: Asked) -> Question:
    """The run of that id. Of the filter bar only the workspace counts: two may use the same id."""
    return Get(
        f"{RUNS_PATH}/{in_path(run_id)}",
        tuple(("workspace_id", value) for value in asked.filters.workspace_id),
        RunRecord,
    )


def open_run(run: QueryRow) -> None:
    """A callback: show the run's page."""
    open_run_id(run.text("run_id"), run.text("workspace_id"))


def open_run_id(run_id: str, workspace_id: str) -> None:
    """A callback: show the page of the run. Its workspace becomes the filter, as ids are unique within one only."""
    st.session_state["run"] = run_id
    narrow("workspace_id", workspace_id)


def close_run() -> None:
    """A callback: back to the list."""
    own_fields.clear("run")
    bar_changed()


def draw(page: Page, answers: Answers) -> None:
    """Drawn under the field that names the run."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="own-fields"):
        st.button("All runs", key="close-run", icon=":material/arrow_back:", on_click=close_run)
        own_fields.text_field("run", "Open a run", "Open a run by its id", 360)
    answer = answers.get("run", RunRecord)
    if isinstance(answer, ApiError):
        states.failing(answer)
        return
    run = answer.row
    _heading(page, run)
    draw_tiles(_tiles(run))
    _error(run)
    _fields(page, run)
    _relatives(page, run)


def _heading(page: Page, run: QueryRow) -> None:
    word, colour = WORDS.get(status_of(run), (status_words(run), "gray"))
    name = formats.escaped(agent_name(run, page.palette))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="run-head"):
        with st.container(gap="xxsmall", width="content"):
            st.markdown(f"#### {formats.escaped(formats.cut(run.text('run_id')))} :{colour}-badge[{word}]")
            st.caption(f"{name} · {formats.escaped(run.text('workspace_id'))}")
        with st.container(horizontal=True, vertical_alignment="center", width="content", gap="xsmall"):
            if AGENTS_PAGE in page.pages:
                address = agent_address(page, run.text("workspace_id"), run.text("agent_id"))
                st.page_link(page.pages[AGENTS_PAGE], label="Its agent", icon=":material/smart_toy:",
                             query_params=address)  # fmt: skip
            parent = run.text("parent_run_id")
            if parent:
                st.button("The run that started it", key="open-parent", icon=":material/arrow_upward:",
                          on_click=open_run_id, args=(parent, run.text("workspace_id")))  # fmt: skip
            with st.popover("Link", icon=":material/link:", type="tertiary"):
                st.caption("Opens this run, for whoever may see its workspace.")
                st.code(run_link(st.context.url, run), language=None, wrap_lines=True)
            if rights.may(rights.EXPORT):
                st.download_button(
                    "JSON", lambda: json.dumps(run.cells, ensure_ascii=False, indent=1), "runtally-run.json",
                    "application/json", key="json-run", icon=":material/download:", type="tertiary", on_click="ignore",
                )  # fmt: skip


def run_link(url: str | None, run: QueryRow) -> str:
    """The address of the run's page."""
    query = urlencode({"run": run.text("run_id"), "workspace_id": run.text("workspace_id")})
    return f"{(url or '').partition('?')[0].rstrip('/')}?{query}"


def _tiles(run: QueryRow) -> list[Tile]:
    queued, tools = run.number("queue_ms"), run.number("tool_calls")
    split = (("input_tokens", "in"), ("output_tokens", "out"))
    tokens = " · ".join(f"{formats.figure(run.number(name), 'count')} {word}" for name, word in split)
    waited = "" if queued is None else f"after {formats.duration(queued)} in the queue"
    return [
        _tile("Duration", run, "duration_ms", "duration", waited),
        _tile("Cost", run, "cost_usd", "money", run.text("cost_source")),
        _tile("Tokens", run, "total_tokens", "count", tokens),
        _tile("LLM calls", run, "llm_calls", "count", "" if tools is None else formats.plural(int(tools), "tool call")),
        _tile("Retries", run, "retries", "count", ""),
    ]


def _tile(label: str, run: QueryRow, name: str, form: str, rests_on: str) -> Tile:
    value = run.exact(name)
    return Tile(
        label=label, value=NOT_AVAILABLE if value is None else formats.figure(value, form), change=None, arrow="off",
        colour="gray", versus="", rests_on="the run does not report it" if value is None else rests_on, explanation="",
    )  # fmt: skip


def _error(run: QueryRow) -> None:
    if not run.text("error_type") and not run.text("error_message"):
        return
    parts = [run.text(name).replace("_", " ") for name in ("error_category", "error_severity")]
    recovered = run.cells.get("recovered")
    if recovered is not None:
        parts.append("recovered" if recovered else "did not recover")
    caption = formats.escaped(" · ".join(part for part in parts if part))
    with card("error", f":red[▲] {formats.escaped(run.text('error_type') or 'Error')}", caption):
        if run.text("error_message"):
            st.code(run.text("error_message"), language=None, wrap_lines=True, height="content")


def _fields(page: Page, run: QueryRow) -> None:
    with st.grid(2, min_column_width=420, gap="small", key="fields"):
        for title, fields in field_groups(run, page.asked.period.timezone).items():
            with card(f"fields-{title.split()[0].lower()}", title):
                st.html(definition_list(fields))


def _relatives(page: Page, run: QueryRow) -> None:
    """The runs it started, and its session: asked for once the run is known."""
    workspace, session = ("workspace_id", run.text("workspace_id")), run.text("session_id")
    limit = ("limit", str(NEIGHBOURS))
    asked: dict[str, Question] = {
        "subs": Get(RUNS_PATH, (workspace, ("parent_run_id", run.text("run_id")), limit), RunPage)
    }
    if session:
        asked["session"] = Get(RUNS_PATH, (workspace, ("session_id", session), limit), RunPage)
    found = ask_together(page.api, asked)
    _related(page, "subs", "Runs it started", found.get("subs", RunPage), "It started no other run.",
             "Their cost and tokens are their own, not in the figures above.")  # fmt: skip
    if not session:
        with card("session", "Its session"):
            st.caption("The run names no session.")
        return
    _related(page, "session", "Its session", found.get("session", RunPage), "",
             f"Session {formats.escaped(formats.cut(session))}, this run among them")  # fmt: skip


def _related(page: Page, key: str, title: str, answer: RunPage | ApiError, nothing: str, caption: str) -> None:
    if isinstance(answer, ApiError):
        with card(key, title):
            failure(answer, key)
        return
    more = f" · the newest {NEIGHBOURS}" if answer.has_more else ""
    with card(
        key, f"{title} · {len(answer.data):,}" if answer.data else title, f"{caption}{more}" if answer.data else ""
    ):
        if not answer.data:
            st.caption(nothing)
            return
        run_table(key, answer.rows, page.palette, page.asked.period.timezone, open_run)
        downloads(key, answer)
