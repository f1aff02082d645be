"""Signing in, where the API asks for it: in the page's place, so that address and filter bar stay as they are."""

import hashlib
from collections.abc import Mapping
from typing import Final

import streamlit as st

from runtally_ui import formats, states
from runtally_ui.access_answers import HOW_KNOWN_PATH, HowKnown
from runtally_ui.api_client import ApiClient, ApiError, SignedOut
from runtally_ui.questions import Answers
from runtally_ui.session import Session

_SESSION, _PROBLEM = "session", "sign_in_problem"
_EMAIL, _PASSWORD = "sign-in-email", "sign-in-password"
_NOT_TAKEN: Final = (
    "The API does not take your sign-in any more. If you have just signed in, it is not set up for this identity "
    "provider: whoever runs it finds its settings in docs/access.md."
)
# A provider's sign-in ends at `/`, whatever page it began on. So the tab remembers the page, and its origin stays.
_REMEMBER: Final = """<script>
sessionStorage.setItem("runtally-view", location.pathname + location.search);
</script>"""
_GO_BACK: Final = """<script>
{
  const view = sessionStorage.getItem("runtally-view");
  sessionStorage.removeItem("runtally-view");
  if (view && view !== location.pathname + location.search) location.replace(location.origin + view);
}
</script>"""


def as_signed_in(root: ApiClient) -> tuple[ApiClient, str]:
    """The API as whoever sits before this page asks it, and what tells them apart from others; empty for nobody."""
    session: Session | None = st.session_state.get(_SESSION)
    if session is not None:
        return root.as_caller(session.token), session.who
    if (token := _providers_token()) is not None:
        return root.as_caller(lambda: token), hashlib.sha256(token.encode()).hexdigest()
    return root, ""


def is_wanted(answers: Answers) -> bool:
    """Whether the API wants to know who asks before it answers."""
    return any(isinstance(answer, SignedOut) for answer in answers.all())


def draw_signed_in() -> None:
    """Who is signed in, and the way out."""
    session: Session | None = st.session_state.get(_SESSION)
    if session is not None:
        label = formats.escaped(session.name)
        st.button(f"Sign out {label}", key="sign-out", type="tertiary", on_click=_sign_out, args=(session,))
    elif _providers_token() is not None:
        label = formats.escaped(str(st.user.get("email") or st.user.get("name") or st.user.get("sub") or ""))
        st.button(f"Sign out {label}", key="sign-out", type="tertiary", on_click=st.logout)
        st.html(_GO_BACK, width="content", unsafe_allow_javascript=True)


def draw(root: ApiClient) -> None:
    """The way in that there is."""
    if _has_provider():
        with st.container(key="sign-in", width=420):
            st.markdown("##### Sign in to see this page")
            if _providers_token() is not None:
                st.caption(_NOT_TAKEN)
            st.button("Sign in", type="primary", key="sign-in-provider", on_click=st.login)
            st.html(_REMEMBER, unsafe_allow_javascript=True)
        return
    try:
        known = root.get(HOW_KNOWN_PATH, (), HowKnown)
    except ApiError as error:
        states.failing(error)
        return
    if known.has_local_users:
        _form(root)
    else:
        states.failing(
            SignedOut(
                "This API asks for a sign-in", "Its identity provider is not set up for this dashboard.", status=401
            )
        )


def _form(root: ApiClient) -> None:
    with st.form("sign-in", width=420):
        st.markdown("##### Sign in to see this page")
        st.text_input("Email", key=_EMAIL, autocomplete="username")
        st.text_input("Password", type="password", key=_PASSWORD, autocomplete="current-password")
        problem = st.session_state.pop(_PROBLEM, "")
        if problem:
            st.error(problem)
        st.form_submit_button("Sign in", type="primary", on_click=_sign_in, args=(root,))


def _sign_in(root: ApiClient) -> None:
    """Runs before the page does, so the page's questions go out as whoever signed in."""
    try:
        st.session_state[_SESSION] = Session.begin(
            root, st.session_state.get(_EMAIL, ""), st.session_state.get(_PASSWORD, "")
        )
    except SignedOut:
        st.session_state[_PROBLEM] = "Email or password is wrong."
    except ApiError as error:
        waits = error.status == 429
        words = "Too many tries: wait a quarter of an hour." if waits else f"{error.title}. {error.detail}"
        st.session_state[_PROBLEM] = formats.escaped(words)
    st.session_state.pop(_PASSWORD, None)


def _sign_out(session: Session) -> None:
    session.end()
    st.session_state.pop(_SESSION, None)


def _has_provider() -> bool:
    """Whether Streamlit's secrets name an identity provider (docs/access.md)."""
    return st.secrets.load_if_toml_exists() and "auth" in st.secrets


def _providers_token() -> str | None:
    if not _has_provider() or not st.user.is_logged_in:
        return None
    tokens = st.user.get("tokens")
    return tokens.get("id") if isinstance(tokens, Mapping) else None
