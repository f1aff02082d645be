"""What whoever looks may do, so that nothing is offered to them that the API would refuse."""

from typing import Final

import streamlit as st

from runtally_ui.access_answers import WhoIAm
from runtally_ui.answers import Answer
from runtally_ui.api_client import ME_PATH, ApiClient, ApiError
from runtally_ui.kept_answers import KeptAnswers
from runtally_ui.questions import Get, send_together

VIEW: Final = "view_analytics"
EXPORT: Final = "export_analytics"
INGEST: Final = "ingest_runs"
_ALL_WORKSPACES: Final = "*"
_PATIENCE_SECONDS: Final = 1.0
_ME: Final = "rights.me"
_WHO: Final = {_ME: Get(ME_PATH, (), WhoIAm)}
_SESSION: Final = "rights"
_WITHOUT_DOWNLOADS: Final = """<style>button[aria-label^="Download as CSV"] { display: none; }</style>"""


def learn(api: ApiClient, kept: KeptAnswers) -> None:
    """Ask once for all pages, and anew when that is old. Waits for a moment only: while the API does not say,
    everything is offered, as it refuses by itself what somebody may not.
    """
    found: Answer | ApiError | None = kept.usable(_WHO).get(_ME)
    if isinstance(found, WhoIAm) and VIEW in found.permissions:
        kept.renew(api, _WHO)
    else:
        found = send_together(api, _WHO).there_within(_PATIENCE_SECONDS).get(_ME)
        if isinstance(found, WhoIAm):
            kept.put(_WHO[_ME], found)
    st.session_state[_SESSION] = found if isinstance(found, WhoIAm) else None


def may(permission: str) -> bool:
    """Whether they have a permission, as far as the API said."""
    me = _me()
    return me is None or permission in me.permissions


def hide_downloads() -> None:
    """Tables have a download of their own, which Streamlit cannot leave out: style hides it from those who may not."""
    if not may(EXPORT):
        st.html(_WITHOUT_DOWNLOADS)


def sees_all() -> bool:
    """Whether they may see all workspaces, and with that what is of all together."""
    me = _me()
    return me is None or _ALL_WORKSPACES in me.workspaces


def _me() -> WhoIAm | None:
    me: WhoIAm | None = st.session_state.get(_SESSION)
    return me
