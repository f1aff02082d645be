"""What users thought: how many ratings of each number of stars."""

import pandas as pd

from runtally_ui import formats
from runtally_ui.answers import QueryAnswer, QueryRow
from runtally_ui.trend_data import Series

SERIES = Series("ratings", "count", "Ratings")
STARS = (5, 4, 3, 2, 1)


def ratings_frame(users: QueryRow) -> pd.DataFrame:
    """Five rows in the shape of `ranking.ranked_bars`, the best first; empty without any rating."""
    counts = {stars: int(users.number(f"ratings_{stars}") or 0) for stars in STARS}
    total, most = sum(counts.values()), max(counts.values())
    marks = [
        {
            "rank": rank,
            "group": f"{'★' * stars}{'☆' * (5 - stars)}",
            "key": str(stars),
            "value": count,
            "reach": most * 1.25,
            "label": formats.share_of(count, total),
            "Ratings": formats.full_count(count),
            "Share": formats.share(count / total),
        }
        for rank, (stars, count) in enumerate(counts.items())
        if total
    ]
    columns = ["rank", "group", "key", "value", "reach", "label", "Ratings", "Share"]
    return pd.DataFrame(marks, columns=columns)


def ratings_rows(users: QueryRow) -> QueryAnswer:
    """The same, as rows for downloads."""
    counts = [{"rating": stars, "ratings": int(users.number(f"ratings_{stars}") or 0)} for stars in STARS]
    return QueryAnswer(data=counts if any(entry["ratings"] for entry in counts) else [])
