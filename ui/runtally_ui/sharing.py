"""Addresses to hand on: with the range as it is, or with its dates spelled out."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

import streamlit as st

from runtally_ui.filters import Filters, shared_link
from runtally_ui.page import Page
from runtally_ui.periods import DEFAULT_RANGE, DEFAULT_TIMEZONE, Params, Period

AGENTS_PAGE = "Agents"


def share_links(page: Page, own: Mapping[str, str], filters: Filters) -> None:
    """A popover of links to this page under these filters. `own` are the page's own fields."""
    with st.popover("Share", icon=":material/link:", type="tertiary"):
        period, url = page.asked.period, st.context.url
        if period.preset:
            st.caption(f"The {period.preset} that are the newest when it is opened, with these filters:")
            st.code(page_link(url, own, relative_link(period, filters)), language=None, wrap_lines=True)
        st.caption("These very dates, whenever it is opened:")
        st.code(page_link(url, own, shared_link(period, filters)), language=None, wrap_lines=True)


def agent_address(page: Page, workspace_id: str, agent_id: str) -> dict[str, str | list[str]]:
    """The query of an agent's page in this range, with the other filters as they are."""
    filters = replace(page.asked.filters, workspace_id=(workspace_id,), agent_id=())
    period = page.asked.period
    link = relative_link(period, filters) if period.preset else shared_link(period, filters)
    address: dict[str, list[str]] = {"profile": [agent_id]}
    for name, value in link:
        address.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in address.items()}


def agent_href(page: Page, workspace_id: str, agent_id: str) -> str:
    """The same as a link of a table's cell; relative, so that it works behind any proxy."""
    return f"agents?{urlencode(agent_address(page, workspace_id, agent_id), doseq=True)}"


def relative_link(period: Period, filters: Filters) -> Params:
    """The query of a range that moves with the clock; what is so by itself is left out."""
    chosen = () if period.preset == DEFAULT_RANGE else (("range", period.preset),)
    zone = () if period.timezone == DEFAULT_TIMEZONE else (("timezone", period.timezone),)
    return (*chosen, *zone, *filters.params())


def page_link(url: str | None, own: Mapping[str, str], query: Params) -> str:
    """The page's address with its own fields first."""
    return f"{(url or '').partition('?')[0].rstrip('/')}?{urlencode([*own.items(), *query])}"
