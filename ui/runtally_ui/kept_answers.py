"""Answers that all sessions share for a while: lists of names need not be asked for anew at every click."""

import threading
import time
from collections.abc import Callable, Mapping

from runtally_ui.answers import Answer
from runtally_ui.questions import Answers, Question


class KeptAnswers:
    """Answers by their questions, for so many seconds. Failures are not kept. Safe to share between sessions."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._kept: dict[Question, tuple[float, Answer]] = {}
        self._lock = threading.Lock()

    def fresh(self, questions: Mapping[str, Question]) -> dict[str, Answer]:
        """What is known of these questions, by their names; what is too old is forgotten."""
        oldest = self._clock() - self._seconds
        with self._lock:
            self._kept = {question: entry for question, entry in self._kept.items() if entry[0] > oldest}
            return {name: self._kept[question][1] for name, question in questions.items() if question in self._kept}

    def keep(self, questions: Mapping[str, Question], answers: Answers) -> None:
        """Remember the answers of these questions."""
        now = self._clock()
        with self._lock:
            for name, question in questions.items():
                found = answers.get(name, Answer)
                if isinstance(found, Answer):
                    self._kept[question] = (now, found)
