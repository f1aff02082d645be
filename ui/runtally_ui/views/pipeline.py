"""Pipeline: is what the dashboard shows true, and how does one know? What the product finds when it checks itself."""

from collections.abc import Mapping
from datetime import timedelta

import pandas as pd
import streamlit as st

from runtally_ui import consumer_lag, dead_letters, formats, rights, states, throughput
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.api_client import ApiError
from runtally_ui.cards import card, hint, query_card
from runtally_ui.instants import wall_clock
from runtally_ui.page import Asked, Page
from runtally_ui.pipeline_answers import INTEGRITY_PATH, Check, Integrity
from runtally_ui.questions import Answers, Get, Question
from runtally_ui.sentences import subtitle
from runtally_ui.tiles import NOT_AVAILABLE, Tile, draw_tiles

_TITLES = {
    "freshness_seconds": "Last batch acknowledged",
    "ledger_gaps": "Gaps of the ledger",
    "rollup_drift": "Rollups that drifted",
    "split_runs": "Split runs",
    "duplicates_held": "Duplicates held",
}
_WELL, _FAULT, _TOLD, _UNKNOWN = "● Well", "▲ Fault", "○ A number, no fault", "– Not known"
_FOR_ALL = "told to who may see all workspaces"
_COMMANDS = """runtally status                 # what runs, where, how far behind
runtally verify                 # every committed offset accounted for, against the broker
runtally rollup status          # which rollups are up to date; all else is read run by run
runtally dlq list               # what was refused, and why
runtally dlq replay --dry-run   # what would be accepted now; without --dry-run it is published again
runtally doctor                 # settings, broker, topics, store, lag and memory, with remedies"""
_ROW_HEIGHT = 36


def questions(asked: Asked) -> Mapping[str, Question]:
    """The checks, of which range and filters narrow the split runs; dead letters of the range; the last hour."""
    params = (*asked.period.params(), *asked.filters.params())
    found: dict[str, Question] = {"integrity": Get(INTEGRITY_PATH, params, Integrity)}
    if rights.sees_all():
        found |= {"letters": dead_letters.question(asked), "minutes": throughput.question(asked),
                  "lag": consumer_lag.question()}  # fmt: skip
    return found


def draw(page: Page, answers: Answers) -> None:
    """The verdict, what was looked at, and how to look oneself."""
    found = answers.get("integrity", Integrity)
    if isinstance(found, ApiError):
        states.failing(found)
        return
    if not found.stored.get("rows") and found.meta.data_as_of is None:
        states.empty_store(page.api.base_url, page.asked.now)
        return
    _verdict(found)
    draw_tiles(_tiles(page, found))
    if rights.sees_all():
        throughput.throughput_card(page, answers.get("minutes", throughput.Minutes))
        consumer_lag.lag_card(answers.get("lag", consumer_lag.Lag))
    _checks(found)
    if not rights.sees_all():
        _split(page, found)
        hint(
            "Throughput, lag, ledger, rollups and dead letters are of all workspaces: told to who may see all of them."
        )
        return
    left, right = st.columns(2, gap="small")
    with left:
        _ledger(found)
    with right:
        _rollups(page, found)
    _split(page, found)
    dead_letters.letters_cards(page, answers.get("letters", dead_letters.LetterPage))
    with card("by-hand", "How do you know?", "What the pipeline does, and the commands that hold it to that"):
        st.markdown(
            "An offset is committed only when every record before it is acknowledged by the store or by the "
            "dead-letter topic, so nothing is lost. A run has one key, whatever is delivered twice or late, and every "
            "answer merges by it, so nothing counts twice. The ledger says which offsets are in; the commands "
            "compare that with the broker."
        )
        st.code(_COMMANDS, language="bash")
        hint(
            "A lag that nobody can tell here: `runtally doctor`, and the consumer's `/metrics` on its own port (9464)."
        )


def _verdict(found: Integrity) -> None:
    faults = [_TITLES.get(check.name, check.name).lower() for check in found.checks if check.ok is False]
    unknown = sum(1 for check in found.checks if check.ok is None and check.value is None)
    with st.container(key="verdict"):
        if faults:
            st.markdown(f"#### :red[▲ Look at {' and '.join(faults)}]")
        else:
            st.markdown("#### :green[● What you see is what was acknowledged]")
        told = f"{formats.plural(len(found.checks), 'check')}, {len(faults)} at fault"
        st.caption(f"{told}, {unknown} not known" if unknown else told)


def _tiles(page: Page, found: Integrity) -> list[Tile]:
    stored = QueryRow(cells=found.stored)
    as_of = found.meta.data_as_of
    zone = page.asked.period.timezone
    age = found.value("freshness_seconds")
    return [
        _tile("Data are as old as", NOT_AVAILABLE if age is None else formats.duration(age * 1000),
              "no batch yet" if as_of is None else formats.instant(as_of, zone)),
        _tile("Runs stored", formats.figure(stored.number("runs"), "count"),
              f"and {formats.figure(stored.number('deleted_runs'), 'count')} that were deleted"),
        _tile("Duplicates held", formats.figure(found.value("duplicates_held"), "count"), "counted by no answer"),
        *(_count_tile(found, name) for name in ("ledger_gaps", "rollup_drift", "split_runs")),
    ]  # fmt: skip


def _tile(label: str, value: str, rests_on: str) -> Tile:
    return Tile(label, value, None, "off", "gray", "", rests_on, "")


def _count_tile(found: Integrity, name: str) -> Tile:
    check = next((check for check in found.checks if check.name == name), Check(name=name))
    if check.value is None:
        return _tile(_TITLES[name], NOT_AVAILABLE, _FOR_ALL if found.ledger is None else "nothing was compared yet")
    words = "as it should be" if check.ok else "look at it below"
    return _tile(_TITLES[name], formats.figure(check.value, "count"), words)


def _checks(found: Integrity) -> None:
    with query_card("checks", "What was looked at", found.rows(), lambda _: "Each check, and what it means") as drawn:
        if drawn is None:
            return
        rows = [
            {"Check": _TITLES.get(check.name, check.name), "Result": [_result(check)], "Found": _found(check),
             "Meaning": check.meaning.replace("`", "")}
            for check in found.checks
        ]  # fmt: skip
        column = st.column_config
        st.dataframe(
            pd.DataFrame(rows), key="table-checks", hide_index=True, row_height=_ROW_HEIGHT,
            height=_ROW_HEIGHT * (len(rows) + 1) + 4, placeholder=formats.MISSING, alt="The checks and their results",
            column_config={
                "Check": column.TextColumn(width=190, pinned=True),
                "Result": column.MultiselectColumn(
                    options=[_WELL, _FAULT, _TOLD, _UNKNOWN], color=["green", "red", "gray", "gray"], width=170
                ),
                "Found": column.TextColumn(width=90, alignment="right"),
                "Meaning": column.TextColumn(width=880),
            },
        )  # fmt: skip


def _result(check: Check) -> str:
    if check.ok is not None:
        return _WELL if check.ok else _FAULT
    return _UNKNOWN if check.value is None else _TOLD


def _found(check: Check) -> str:
    if check.value is not None and check.name.endswith("_seconds"):
        return formats.duration(check.value * 1000)
    return formats.full_figure(check.value, "count")


def _ledger(found: Integrity) -> None:
    def caption(_: QueryAnswer) -> str:
        if found.ledger is None:
            return f"Which offsets are in the store: {_FOR_ALL}"
        row = QueryRow(cells=found.ledger)
        counts = [formats.plural(int(row.number(name) or 0), name[:-1]) for name in ("streams", "partitions")]
        return f"{' · '.join(counts)} · {formats.figure(row.number('missing_offsets'), 'count')} offsets missing"

    with query_card("ledger", "Ledger", found.gap_rows(), caption) as drawn:
        if drawn is None or found.ledger is None:
            return
        if not drawn.data:
            st.markdown(":green[● No gap]: every offset between the first and the last is accounted for.")
            return
        frame = pd.DataFrame(drawn.data).rename(columns=lambda name: str(name).replace("_", " ").capitalize())
        st.dataframe(frame, key="table-gaps", hide_index=True, alt="Gaps of the ledger")
        st.caption("`runtally verify` tells what the broker still has of them; `runtally replay` reads it again.")


def _rollups(page: Page, found: Integrity) -> None:
    with card("rollups", "Rollups", "Compared with their runs, all the time; the last 24 hours"):
        if found.rollups is None:
            st.caption(f"What they were compared to: {_FOR_ALL}.")
            return
        compared = int(found.rollups.get("compared") or 0)
        drifted = [str(start) for start in found.rollups.get("drifted", [])]
        st.markdown(f"{formats.plural(compared, 'comparison')} of a quarter hour, an hour or a day.")
        if drifted:
            zone = page.asked.period.timezone
            times = [wall_clock(start, zone) for start in drifted]
            told = ", ".join(f"{formats.short_day(time)} {time:%H:%M}" for time in times if time)
            st.markdown(f":red[▲ Drifted, and made anew since]: {told}")
        elif compared:
            st.markdown(":green[● None differed.] What is not rolled up is read run by run, for the same answer.")
        else:
            st.markdown("None was compared yet: a running consumer compares, and tells once an hour.")


def _split(page: Page, found: Integrity) -> None:
    def caption(_: QueryAnswer) -> str:
        told = "Ids given to several runs, as their snapshots have different starts; the newest"
        return " · ".join(part for part in (told, subtitle(page.asked.filters)) if part)

    with query_card("split", "Split runs", found.split_rows(), caption) as drawn:
        if drawn is None:
            return
        if not drawn.data:
            st.markdown(":green[● None]: each id of this range and these filters is one run.")
            return
        zone = page.asked.period.timezone
        frame = pd.DataFrame([_split_row(row, zone) for row in drawn.rows])
        st.dataframe(frame, key="table-split", hide_index=True, alt="Split runs, newest first")
        st.caption("Mend their producer: every snapshot of a run says the same started_at.")


def _split_row(row: QueryRow, zone: str) -> dict[str, object]:
    first, last = (wall_clock(row.text(name), zone) for name in ("first_started_at", "last_started_at"))
    apart = last - first if first and last else timedelta()
    return {
        "Run": formats.cut(row.text("run_id"), 60),
        "Workspace": row.text("workspace_id"),
        "Counts as": row.number("stored_runs"),
        "First start": first,
        "Last start": last,
        "Apart": formats.duration(apart.total_seconds() * 1000),
    }
