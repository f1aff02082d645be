"""What the foreground does when a part of the stack ends by itself."""

from pathlib import Path
from typing import Any

import pytest
from runtally_cli.local.stack import NotDrained, Part, drain_node
from runtally_cli.local.supervision import MOST_RESTARTS, EndRequest, PartDied, wait_for_end


class _Ending(EndRequest):
    """Asks for the end after so many checks, without waiting."""

    def __init__(self, checks: int) -> None:
        super().__init__()
        self._left = checks

    def wait(self, seconds: float) -> bool:
        self._left -= 1
        return self._left < 0


def test_a_dead_part_is_started_again_and_told(tmp_path: Path) -> None:
    alive: list[int | None] = [None]
    said: list[str] = []
    part = Part("node", lambda: alive[0], tmp_path / "node.log", lambda: alive.__setitem__(0, 42))
    wait_for_end(_Ending(3), [part], said.append, lambda: False)
    assert alive == [42]
    assert len(said) == 1
    assert said[0].startswith("the node ended by itself: starting it again")


def test_a_part_that_keeps_dying_ends_the_stack(tmp_path: Path) -> None:
    starts: list[int] = []
    part = Part("node", lambda: None, tmp_path / "node.log", lambda: starts.append(1))
    with pytest.raises(PartDied, match="the node ended by itself"):
        wait_for_end(_Ending(100), [part], lambda text: None, lambda: False)
    assert len(starts) == MOST_RESTARTS


def test_the_broker_is_not_started_again_as_its_records_are_gone(tmp_path: Path) -> None:
    with pytest.raises(PartDied, match="the broker ended by itself"):
        wait_for_end(_Ending(5), [Part("broker", lambda: None, tmp_path / "b.log")], lambda text: None, lambda: False)


@pytest.mark.parametrize(("code", "told"), [(0, False), (None, False), (3, True), (-9, True)])
def test_a_stop_that_leaves_records_behind_is_told(tmp_path: Path, code: int | None, told: bool) -> None:
    class Node:
        log = tmp_path / "node.log"

        def stop(self, grace_seconds: float) -> int | None:
            return code

    node: Any = Node()
    if not told:
        drain_node(node)
        return
    with pytest.raises(NotDrained, match="were not stored"):
        drain_node(node)
