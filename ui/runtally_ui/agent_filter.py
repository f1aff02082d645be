"""The filter bar's field of agents: names in the list, ids in the address bar.

A widget that is bound to the address writes there what its options are called. So the ids have a field of their own,
bound and hidden. The list of names sets it, and follows it when a link, a mark of a chart or a button sets it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import streamlit as st

from runtally_ui.colours import AgentKey

IDS = "agent_id"
LIST = "agents"
_DRAWN = "agents-drawn"


def agent_titles(ids: Iterable[str], labels: Iterable[tuple[AgentKey, str]]) -> dict[str, str]:
    """Of each id its name and itself: typing either finds it, and no two are called the same. Agents of several
    workspaces may share an id, and the filter lets all of them through: all their names are told.
    """
    names: dict[str, dict[str, None]] = {}
    for (_, agent_id), label in labels:
        if label and label != agent_id:
            names.setdefault(agent_id, {})[label] = None
    titles = {one: " · ".join([" / ".join(names[one]), one]) if one in names else one for one in ids}
    often = Counter(titles.values())
    return {one: title if often[title] == 1 else one for one, title in titles.items()}


def draw_agents(titles: Mapping[str, str], chosen: tuple[str, ...], *, placeholder: str, width: int) -> None:
    """Both fields. `titles` are those of all ids on offer, the chosen ones among them."""
    with st.container(key="agent-ids", width=1):
        st.multiselect("Agent ids", chosen, key=IDS, bind="query-params", label_visibility="collapsed")
    drawn: dict[str, str] = st.session_state.setdefault(_DRAWN, {})
    # Set only where it is behind: what a hand clicks in the meantime would be overwritten.
    if tuple(st.session_state.get(LIST, ())) != chosen or any(drawn.get(titles[one]) != one for one in chosen):
        st.session_state[LIST] = list(chosen)
    drawn |= {title: one for one, title in titles.items()}
    st.multiselect(
        "Agent", list(titles), key=LIST, format_func=lambda one: titles.get(one, one), on_change=_picked,
        placeholder=placeholder, label_visibility="collapsed", width=width, wrap=False, select_all=False,
    )  # fmt: skip


def _picked() -> None:
    """A callback: the ids become those of the list. A name that has changed since it was drawn comes as it was."""
    drawn: Mapping[str, str] = st.session_state.get(_DRAWN, {})
    st.session_state[IDS] = list(dict.fromkeys(drawn.get(one, one) for one in st.session_state[LIST]))
