"""The garbage collector and what it need not look at."""

import gc

from runtally_ui.garbage import leave_modules_alone


def test_what_is_imported_is_left_alone_and_what_comes_later_is_not() -> None:
    leave_modules_alone.cache_clear()
    leave_modules_alone()
    left_alone = gc.get_freeze_count()
    later: list[object] = [{}]
    leave_modules_alone()
    assert left_alone > 10_000
    assert gc.get_freeze_count() <= left_alone
    assert any(one is later for one in gc.get_objects())
