"""Answers that all sessions share for a while: lists of names need not be asked for anew at every click."""

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from runtally_ui.answers import Answer
from runtally_ui.api_client import ApiClient
from runtally_ui.questions import Answers, Question, UnderWay, send_together


class KeptAnswers:
    """Answers by their questions, for so many seconds. Failures are not kept. Safe to share between sessions.

    What is no longer fresh may still be used; then whoever used it calls `renew`, for those who come after.
    """

    def __init__(
        self, fresh_seconds: float, usable_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fresh_seconds = fresh_seconds
        self._usable_seconds = usable_seconds
        self._clock = clock
        self._kept: dict[Question, tuple[float, Answer]] = {}
        self._renewed: dict[Question, float] = {}
        self._lock = threading.Lock()

    def usable(self, questions: Mapping[str, Question]) -> dict[str, Answer]:
        """What is known of these questions, by their names; what is too old is forgotten."""
        oldest = self._clock() - self._usable_seconds
        with self._lock:
            self._kept = {question: entry for question, entry in self._kept.items() if entry[0] > oldest}
            return {name: self._kept[question][1] for name, question in questions.items() if question in self._kept}

    def keep(self, questions: Mapping[str, Question], answers: Answers) -> None:
        """Remember the answers of these questions."""
        for name, question in questions.items():
            found = answers.get(name, Answer)
            if isinstance(found, Answer):
                self.put(question, found)

    def put(self, question: Question, answer: Answer) -> None:
        """Remember one."""
        with self._lock:
            self._kept[question] = (self._clock(), answer)

    def renew(self, api: ApiClient, questions: Mapping[str, Question]) -> UnderWay:
        """Ask for those of these that are not fresh, unless somebody just did. Nobody need wait."""
        now = self._clock()
        stale = now - self._fresh_seconds
        with self._lock:
            self._renewed = {question: at for question, at in self._renewed.items() if at > stale}
            due = {
                name: question
                for name, question in questions.items()
                if question not in self._renewed and self._known_since(question) <= stale
            }
            self._renewed |= dict.fromkeys(due.values(), now)
        return send_together(api, {name: _Renewal(question, self) for name, question in due.items()})

    def _known_since(self, question: Question) -> float:
        return self._kept[question][0] if question in self._kept else -math.inf


@dataclass(frozen=True)
class _Renewal:
    """A question whose answer is kept as soon as it is there."""

    question: Question
    kept: KeptAnswers

    def ask(self, api: ApiClient) -> Answer:
        found = self.question.ask(api)
        self.kept.put(self.question, found)
        return found
