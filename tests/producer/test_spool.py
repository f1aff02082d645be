"""The spool's files: whole records out, torn ones left out, one writer each, handed on when it is gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runtally.spool import SEGMENT_BYTES, Spool, SpoolFull
from runtally.transport import Record

RECORDS = [Record("agent-runs.v1", f"run-{n}".encode(), b'{"n":%d}' % n) for n in range(3)]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path, "Kafka at 127.0.0.1:9092", 10**7)


def claimed(spool: Spool) -> list[Record]:
    found = []
    while (segment := spool.claim()) is not None:
        found += segment.records()
        segment.remove()
    return found


def test_what_goes_in_comes_out(spool: Spool) -> None:
    spool.append(RECORDS[:2])
    spool.append(RECORDS[2:])
    assert spool.claim() is None
    spool.rotate()
    assert claimed(spool) == RECORDS
    assert spool.size() == 0


def test_nothing_is_made_before_it_is_needed(spool: Spool) -> None:
    assert (spool.claim(), spool.size(), spool.folder.exists()) == (None, 0, False)


def test_only_its_user_may_read_it(spool: Spool) -> None:
    spool.append(RECORDS)
    [path] = spool.folder.iterdir()
    assert (path.stat().st_mode & 0o777, spool.folder.stat().st_mode & 0o777) == (0o600, 0o700)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 200))
def test_a_torn_end_costs_the_torn_record_only(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool"), "there", 10**7)
    spool.append(RECORDS)
    spool.rotate()
    [path] = spool.folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: max(len(whole) - cut, 0)])
    found = claimed(spool)
    assert found == RECORDS[: len(found)]
    assert len(found) >= 2 or cut > len(whole) // 3


@pytest.mark.parametrize("garbage", [b"\n", b"garbage\n", b'["t","!",1]\tx\n', b"[1]\t{}\n", b"\xff\xfe\n"])
def test_garbage_is_left_out(spool: Spool, garbage: bytes) -> None:
    spool.append(RECORDS[:1])
    spool.rotate()
    [path] = spool.folder.iterdir()
    path.write_bytes(garbage + path.read_bytes() + garbage)
    assert claimed(spool) == RECORDS[:1]


def test_a_released_segment_is_found_again(spool: Spool) -> None:
    spool.append(RECORDS)
    spool.rotate()
    segment = spool.claim()
    assert segment is not None
    assert spool.claim() is None
    segment.release()
    segment.release()
    assert claimed(spool) == RECORDS


def test_files_of_a_living_process_are_its_own(tmp_path: Path) -> None:
    one, other = Spool(tmp_path, "there", 10**7), Spool(tmp_path, "there", 10**7)
    one.append(RECORDS)
    assert other.claim() is None
    one.rotate()
    assert claimed(other) == RECORDS


def test_destinations_do_not_mix(tmp_path: Path) -> None:
    one, other = Spool(tmp_path, "http://a:1", 10**7), Spool(tmp_path, "http://a-1", 10**7)
    one.append(RECORDS)
    one.rotate()
    assert other.claim() is None


def test_it_holds_no_more_than_it_may(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "there", 100)
    spool.append(RECORDS[:1])
    with pytest.raises(SpoolFull):
        spool.append(RECORDS)
    spool.rotate()
    with pytest.raises(SpoolFull):
        spool.append(RECORDS)
    assert claimed(spool) == RECORDS[:1]
    spool.append(RECORDS[:1])


def test_a_long_file_is_followed_by_another(spool: Spool) -> None:
    large = [Record("agent-runs.v1", b"k", b"x" * (SEGMENT_BYTES // 2))]
    for _ in range(3):
        spool.append(large)
    assert len(list(spool.folder.iterdir())) == 2


KILLED = """
import os, sys
from pathlib import Path
from runtally.spool import Spool
from runtally.transport import Record
spool = Spool(Path(sys.argv[1]), "there", 10**7)
spool.append([Record("t", b"k", b"{}")])
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_spooled_is_taken_over(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], timeout=20, check=False)
    assert done.returncode == -9
    assert claimed(Spool(tmp_path, "there", 10**7)) == [Record("t", b"k", b"{}")]


def test_a_forked_child_leaves_the_parents_files_alone(spool: Spool) -> None:
    spool.append(RECORDS[:1])
    child = os.fork()
    if child == 0:
        try:
            spool.after_fork()
            untouched = spool.claim() is None
            spool.append(RECORDS[1:])
        finally:
            os._exit(0 if untouched else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert claimed(spool) == RECORDS[1:]
    spool.append(RECORDS[2:])
    spool.rotate()
    assert claimed(spool) == [RECORDS[0], RECORDS[2]]
