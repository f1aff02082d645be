"""How far the consumers are behind, partition by partition; or why nobody can tell, without holding up the page."""

import pandas as pd
import streamlit as st
from pydantic import Field

from runtally_ui import formats
from runtally_ui.answers import Answer, QueryAnswer, QueryMeta
from runtally_ui.api_client import LAG_PATH, ApiError
from runtally_ui.cards import not_available, query_card
from runtally_ui.questions import Get

_HEIGHT = 150
_ROW_HEIGHT = 32
_SHOWN_ROWS = 8


class PartitionLag(Answer):
    """Offsets of one partition."""

    topic: str
    partition: int
    committed: int | None = None
    end: int
    behind: int


class Lag(Answer):
    """`GET /api/v1/ingestion/lag`. Without partitions `unknown_because` says why."""

    behind: int | None = None
    partitions: list[PartitionLag] | None = None
    is_at_least: bool = False
    unknown_because: str | None = None
    meta: QueryMeta = Field(default_factory=QueryMeta)


def question() -> Get:
    """Of this moment, whatever range and filters."""
    return Get(LAG_PATH, (), Lag)


def lag_card(answer: Lag | ApiError) -> None:
    """What is behind in a sentence, then the partitions, those furthest behind first."""
    shown = answer if isinstance(answer, ApiError) else QueryAnswer(data=lag_rows(answer), meta=answer.meta)
    told = "Records that Kafka has and that are not yet known to be stored, by partition"
    with query_card("lag", "Consumer lag", shown, lambda _: told) as found:
        if found is None or isinstance(answer, ApiError):
            return
        if answer.partitions is None:
            not_available(f"Lag unknown: {answer.unknown_because or 'the API does not say why'}.", height=_HEIGHT)
            return
        st.markdown(lag_sentence(answer))
        frame = pd.DataFrame(lag_rows(answer)).rename(columns=str.capitalize)
        column = st.column_config
        most = max((one.behind for one in answer.partitions), default=0)
        st.dataframe(
            frame, key="table-lag", hide_index=True, row_height=_ROW_HEIGHT, placeholder=formats.MISSING,
            height=_ROW_HEIGHT * (min(len(frame), _SHOWN_ROWS) + 1) + 8, alt="Lag by partition, the greatest first",
            column_config={
                "Topic": column.TextColumn(width="medium", pinned=True),
                "Behind": column.ProgressColumn(format="localized", min_value=0, max_value=max(most, 1)),
                **{name: column.NumberColumn(format="localized") for name in ("Committed", "End")},
            },
        )  # fmt: skip


def lag_sentence(lag: Lag) -> str:
    """`● Nothing waits: 12 partitions are read to their ends`, or how much waits and where."""
    partitions = lag.partitions or []
    behind = [one for one in partitions if one.behind]
    hedge = " The local broker tells its ends short: a batch more may wait." if lag.is_at_least else ""
    if not behind:
        return f":green[● Nothing waits]: {formats.plural(len(partitions), 'partition')} read to the end.{hedge}"
    waits = formats.plural(sum(one.behind for one in behind), "record")
    where = f"{len(behind)} of {formats.plural(len(partitions), 'partition')}"
    return f":orange[▲ {waits} behind] in {where}. What grows for minutes is a consumer or a store that lags.{hedge}"


def lag_rows(lag: Lag) -> list[dict[str, object]]:
    """An end below what is committed was told short, as the local broker does: it is no end."""
    ordered = sorted(lag.partitions or [], key=lambda one: (-one.behind, one.topic, one.partition))
    told = [one.model_dump() for one in ordered]
    return [{**row, "end": None} if (row["committed"] or 0) > row["end"] else row for row in told]
