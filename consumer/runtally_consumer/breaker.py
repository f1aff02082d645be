"""The breaker of one topic: when its writes fail for a reason that a person must mend, only probes go. Pure."""


class Breaker:
    """Closed until some failures in a row, or failures over some time; then open until a write succeeds.

    Open, it lets one write through at a time, not before the last failure's wait is over: the probe.
    """

    def __init__(self, failures: int, seconds: float) -> None:
        self._most_failures = failures
        self._longest_seconds = seconds
        self._failures = 0
        self._failing_since = 0.0
        self._probe_at = 0.0
        self._reason: str | None = None

    @property
    def reason(self) -> str | None:
        """Why it is open; None when it is closed."""
        return self._reason

    def may_start(self, now: float, in_flight: int) -> bool:
        """Whether one more write may start beside those in flight."""
        return self._reason is None or (now >= self._probe_at and not in_flight)

    def succeeded(self) -> None:
        self._failures = 0
        self._reason = None

    def failed(self, reason: str, now: float, probe_at: float) -> None:
        """A write failed for a reason that does not pass by itself."""
        if not self._failures:
            self._failing_since = now
        self._failures += 1
        lasting = now - self._failing_since >= self._longest_seconds
        if self._reason is not None or self._failures >= self._most_failures or lasting:
            self._reason = reason
            self._probe_at = probe_at

    def undecided(self, probe_at: float) -> None:
        """A write failed for a reason that passes: a closed breaker does not count it, an open one stays open."""
        self._probe_at = max(self._probe_at, probe_at)
