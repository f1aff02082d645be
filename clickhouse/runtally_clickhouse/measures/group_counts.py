"""Which questions had more groups than they tell apart when they were last asked: those choose before they group.

To choose the busiest groups, a statement reads its cells twice. Most questions have fewer groups than their limit, and
what would be chosen is all of them. Only how an answer is read rests on what is remembered here, never what it says.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable

from runtally_clickhouse.catalogue import RunScope
from runtally_clickhouse.measures.question import Question

MOST_REMEMBERED = 10_000


class GroupCounts:
    """A memory of questions by all but their range and measures, of bounded size. For any number of threads."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._many: OrderedDict[Hashable, None] = OrderedDict()

    def may_be_few(self, question: Question, scope: RunScope) -> bool:
        """Whether the groups may be no more than the limit, for all that is known."""
        with self._lock:
            return _shape(question, scope) not in self._many

    def remember_many(self, question: Question, scope: RunScope) -> None:
        """Take down that there were more groups than the limit."""
        shape = _shape(question, scope)
        with self._lock:
            self._many[shape] = None
            self._many.move_to_end(shape)
            if len(self._many) > self._most:
                self._many.popitem(last=False)


def _shape(question: Question, scope: RunScope) -> Hashable:
    return question.dimensions, question.filters, question.limit, scope.workspaces, scope.filters
