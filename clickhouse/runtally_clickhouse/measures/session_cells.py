"""Which questions cells of users and sessions answer. Pure."""

from typing import Final

from runtally_clickhouse.catalogue import RunScope
from runtally_clickhouse.measures.beside import Beside, beside_of
from runtally_clickhouse.measures.question import Question
from runtally_clickhouse.measures.relations import session_facts_hold

# Counted of single runs, which few are: whatever else is asked comes out of cells.
_OF_FEW_RUNS: Final = (Beside.RATINGS, Beside.HANDOFFS)


def session_cells_answer(question: Question, scope: RunScope) -> bool:
    """Whether they hold all that the question and the filters of its scope name."""
    dimensions = [*question.keys, *(dimension for dimension, _ in question.filtered)]
    parts = [part for measure in question.asked for part in measure.form.parts if beside_of(part) not in _OF_FEW_RUNS]
    asked = " ".join([*parts, *(dimension.sql for dimension in dimensions)])
    return not scope.filters.model and session_facts_hold(asked)
