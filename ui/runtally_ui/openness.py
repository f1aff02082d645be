"""What the dashboard says where nobody has to sign in: a line on this machine, a warning where others may come, too."""

import ipaddress
from typing import Final

import streamlit as st

from runtally_ui.access_answers import HowKnown
from runtally_ui.api_client import ApiError

ON_THIS_MACHINE: Final = "Open on this machine: no sign-in"
TO_OTHERS: Final = (
    "**Open to other machines:** whoever reaches this dashboard or its API sees and changes everything, without a "
    "sign-in. Set `RUNTALLY_AUTH=token` with a secret or an identity provider, unless a proxy asks who comes."
)
_HELP: Final = "Only this machine reaches this dashboard and its API. docs/access.md tells how to ask for a sign-in."


def draw_caption(access: HowKnown | ApiError, host: str) -> None:
    """Local mode: plain, and no alarm."""
    if _is_open(access) and not _reaches_others(access, host):
        st.caption(ON_THIS_MACHINE, width="content", help=_HELP)


def draw_warning(access: HowKnown | ApiError, host: str) -> None:
    """An open API or dashboard that listens wider; `host` is where the dashboard does."""
    if _is_open(access) and _reaches_others(access, host):
        st.warning(TO_OTHERS, icon=":material/lock_open:")


def _is_open(access: HowKnown | ApiError) -> bool:
    return isinstance(access, HowKnown) and access.is_open


def _reaches_others(access: HowKnown | ApiError, host: str) -> bool:
    return (isinstance(access, HowKnown) and access.listens_wider) or not _is_loopback(host)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
