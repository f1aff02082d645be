"""Which partitions stand still without a reason."""

import pytest
from consumer.samples import P0, P1
from runtally_consumer.records import Partition
from runtally_consumer.standstill import StandstillWatch


class Watched:
    """A watch that is asked every ten seconds, and finds a standstill after sixty."""

    def __init__(self) -> None:
        self.watch = StandstillWatch(longest_seconds=60.0)
        self.now = 1000.0

    def look(
        self,
        places: dict[Partition, int],
        lagging: set[Partition],
        excused: set[Partition] | None = None,
        times: int = 1,
    ) -> dict[Partition, float]:
        for _ in range(times):
            self.now += 10
            self.watch.observe(places, lagging, excused or set(), self.now)
        return self.watch.standing()


def test_lag_and_no_progress_for_too_long_is_a_standstill() -> None:
    watched = Watched()
    assert watched.look({P0: 5, P1: 5}, {P0, P1}, times=6) == {}
    assert watched.look({P0: 5, P1: 6}, {P0, P1}) == {P0: 60.0}
    assert watched.look({P0: 6, P1: 6}, {P0, P1}) == {}


@pytest.mark.parametrize("end", ["no lag", "excuse", "progress", "given away"])
def test_whatever_ends_it_begins_the_count_anew(end: str) -> None:
    watched = Watched()
    watched.look({P0: 5}, {P0}, times=6)
    places = {"progress": {P0: 6}, "given away": {P1: 0}}.get(end, {P0: 5})
    watched.look(places, set() if end == "no lag" else {P0}, {P0} if end == "excuse" else None)
    kept = {P0: places.get(P0, 5)}
    assert watched.look(kept, {P0}, times=5) == {}
    assert watched.look(kept, {P0}, times=2).keys() == {P0}


def test_a_process_that_slept_does_not_blame_its_partitions() -> None:
    watched = Watched()
    watched.look({P0: 5}, {P0}, times=2)
    watched.now += 500
    assert watched.look({P0: 5}, {P0}) == {}
