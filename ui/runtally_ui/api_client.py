"""The API over HTTP: typed answers, and errors named by what the reader can do about them.

ApiError
 ├── Unreachable   nobody answered in time: look at the API process, then retry
 ├── Forbidden     the API knows the caller and will not answer (403): ask for rights
 │   └── SignedOut the API does not know the caller (401): sign in
 ├── Refused       the API understood and said no (other 4xx): change the filters
 └── Broken        the API failed, or its answer cannot be read (5xx, not JSON, other shape): retry
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runtally_ui.answers import Analytics, Answer, Models, QueryAnswer
from runtally_ui.catalogue import Catalogue
from runtally_ui.periods import Params

ANALYTICS_PATH = "/api/agents/analytics"
MODELS_PATH = "/api/v1/analytics/models"
QUERY_PATH = "/api/v1/query"
META_PATH = "/api/v1/meta"
ME_PATH = "/api/v1/auth/me"
RUNS_PATH = "/api/v1/runs"
FEEDBACK_PATH = "/api/v1/feedback"
TRANSITIONS_PATH = "/api/v1/lifecycle/transitions"
LETTERS_PATH = "/api/v1/dead-letters"
REPLAY_PATH = "/api/v1/dead-letters/replay"
MINUTES_PATH = "/api/v1/ingestion/minutes"
LAG_PATH = "/api/v1/ingestion/lag"
SESSIONS_PATH = "/api/v1/sessions"
REALTIME_PATH = "/api/v1/metrics/execution/realtime"
ERRORS_PATH = "/api/v1/errors"
PATTERNS_PATH = "/api/v1/errors/patterns"

AnswerT = TypeVar("AnswerT", bound=Answer)


class Remark(BaseModel):
    """One entry of a problem body's `errors`."""

    model_config = ConfigDict(extra="ignore")

    field: str = ""
    message: str = ""
    remedy: str = ""

    def sentence(self) -> str:
        text = f"{self.field}: {self.message}" if self.field else self.message
        return f"{text} ({self.remedy})" if self.remedy else text


class Problem(BaseModel):
    """An RFC 9457 body."""

    model_config = ConfigDict(extra="ignore")

    title: str = ""
    detail: str = ""
    request_id: str = ""
    errors: list[Remark] = Field(default_factory=list)


class ApiError(Exception):
    """No answer to show. `title` and `detail` are sentences for the reader; `status` is 0 without an answer."""

    def __init__(
        self, title: str, detail: str = "", *, remarks: Sequence[str] = (), request_id: str = "", status: int = 0
    ) -> None:
        super().__init__(f"{title}. {detail}")
        self.title = title
        self.detail = detail
        self.remarks = tuple(remarks)
        self.request_id = request_id
        self.status = status


class Unreachable(ApiError):
    """Nobody answered in time."""


class Forbidden(ApiError):
    """The caller has no right to the answer."""


class SignedOut(Forbidden):
    """The API does not know who asks, or no longer."""


class Refused(ApiError):
    """The API understood the question and will not answer it as asked."""


class Broken(ApiError):
    """The API failed, or what it sent cannot be read."""


class ApiClient:
    """Blocking, safe to share between threads. Every method returns an answer or raises `ApiError`."""

    def __init__(
        self,
        base_url: str,
        timeout_seconds: float,
        token: Callable[[], str] | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        self.base_url = base_url
        self._timeout_seconds = timeout_seconds
        self._token = token
        self._http = http or httpx.Client(base_url=base_url, timeout=timeout_seconds)

    def as_caller(self, token: Callable[[], str]) -> "ApiClient":
        """The same API asked by somebody: `token` gives theirs for each request, and may raise `ApiError`.

        They share the connections, and so one must not be closed before the other is done with.
        """
        return ApiClient(self.base_url, self._timeout_seconds, token, self._http)

    def analytics(self, params: Params) -> Analytics:
        return self._get(ANALYTICS_PATH, params, Analytics)

    def models(self, params: Params) -> Models:
        return self._get(MODELS_PATH, params, Models)

    def catalogue(self) -> Catalogue:
        return self._get(META_PATH, (), Catalogue)

    def query(self, body: Mapping[str, Any]) -> QueryAnswer:
        return self._ask(self._http.build_request("POST", QUERY_PATH, json=body), QueryAnswer)

    def get(self, path: str, params: Params, shape: type[AnswerT]) -> AnswerT:
        """Any other answer, by its path and shape."""
        return self._get(path, params, shape)

    def post(self, path: str, body: Mapping[str, Any], shape: type[AnswerT]) -> AnswerT:
        """Any other answer to a body; one without content is empty."""
        return self._ask(self._http.build_request("POST", path, json=body), shape)

    def close(self) -> None:
        self._http.close()

    def _get(self, path: str, params: Params, shape: type[AnswerT]) -> AnswerT:
        return self._ask(self._http.build_request("GET", path, params=list(params)), shape)

    def _ask(self, request: httpx.Request, shape: type[AnswerT]) -> AnswerT:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token()}"
        try:
            response = self._http.send(request)
        except httpx.TimeoutException as error:
            waited = f"{self._timeout_seconds:g}"
            raise Unreachable(
                "The API did not answer in time", f"{self.base_url} was silent for {waited} seconds."
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable("The API cannot be reached", f"{self.base_url}: {error}") from error
        if response.is_error or response.is_redirect:
            raise _refusal(response)
        try:
            return shape.model_validate_json(response.content or b"{}")
        except ValidationError as error:
            raise Broken(
                "The API's answer cannot be read",
                f"{request.url.path} is not of the shape this dashboard knows ({error.error_count()} differences).",
            ) from error


def _refusal(response: httpx.Response) -> ApiError:
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        problem = Problem()
    kind: type[ApiError] = Refused if response.status_code < 500 else Broken
    if response.status_code == 401:
        kind = SignedOut
    elif response.status_code == 403:
        kind = Forbidden
    return kind(
        problem.title or f"The API answered {response.status_code} {response.reason_phrase}".rstrip(),
        problem.detail,
        remarks=[remark.sentence() for remark in problem.errors],
        request_id=problem.request_id,
        status=response.status_code,
    )
