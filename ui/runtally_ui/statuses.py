"""What became of a run, as a shape, a word and a colour: never a colour alone."""

from runtally_ui.answers import QueryRow

WORDS = {
    "succeeded": ("● Succeeded", "green"),
    "failed": ("▲ Failed", "red"),
    "timed_out": ("▲ Timed out", "red"),
    "cancelled": ("■ Cancelled", "gray"),
    "stalled": ("◆ Stalled", "orange"),
    "running": ("○ Running", "primary"),
    "queued": ("◌ Queued", "primary"),
    "unknown": ("? Unknown", "gray"),
}


def status_of(run: QueryRow) -> str:
    """`stalled` where the API says so, else what the producer published."""
    return "stalled" if run.cells.get("stalled") else run.text("status") or "unknown"


def status_words(run: QueryRow) -> str:
    """`▲ Timed out`."""
    status = status_of(run)
    return WORDS.get(status, (status, "gray"))[0]
