"""Somebody who signed in: their token, renewed in time, for as long as the API renews it."""

import json
import threading
import time
from collections.abc import Callable
from typing import Final

from runtally_ui.access_answers import Tokens, WhoIAm
from runtally_ui.answers import Answer
from runtally_ui.api_client import ME_PATH, ApiClient, ApiError, SignedOut

LOGIN_PATH: Final = "/api/v1/auth/login"
REFRESH_PATH: Final = "/api/v1/auth/refresh"
LOGOUT_PATH: Final = "/api/v1/auth/logout"
_RENEWED_AFTER: Final = 0.8  # of the time that an access token is good for


class Session:
    """One sign-in by email and password. Any number of threads ask with it; a refresh token is used once, by one."""

    def __init__(self, api: ApiClient, tokens: Tokens, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._lock = threading.Lock()
        self._ended = False
        self._take(tokens)
        me = api.as_caller(self.token).get(ME_PATH, (), WhoIAm)
        self.name = me.email or me.subject
        self.who = who_sees(me)

    @classmethod
    def begin(cls, api: ApiClient, email: str, password: str) -> "Session":
        """Raises `SignedOut` when the API does not know them, and `ApiError` for anything else."""
        return cls(api, api.post(LOGIN_PATH, {"email": email, "password": password}, Tokens))

    def token(self) -> str:
        """An access token that is good for a while. Blocks; raises `ApiError`, `SignedOut` once the sign-in is over."""
        with self._lock:
            if self._ended:
                raise SignedOut("You are signed out", "Sign in again.", status=401)
            if self._clock() >= self._renewed_at:
                self._renew()
            return self._tokens.access_token

    def end(self) -> None:
        """Sign out. The API may be away: then the tokens end by themselves."""
        with self._lock:
            self._ended = True
            try:
                self._api.post(LOGOUT_PATH, {"refresh_token": self._tokens.refresh_token}, Answer)
            except ApiError:
                return

    def _renew(self) -> None:
        try:
            self._take(self._api.post(REFRESH_PATH, {"refresh_token": self._tokens.refresh_token}, Tokens))
        except SignedOut:
            self._ended = True
            raise

    def _take(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._renewed_at = self._clock() + _RENEWED_AFTER * tokens.expires_in


def who_sees(me: WhoIAm) -> str:
    """What answers that are kept for a while are told apart by: who asks, and what they may see."""
    return json.dumps([me.subject, sorted(me.workspaces), sorted(me.permissions)])
