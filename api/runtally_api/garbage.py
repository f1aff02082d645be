"""What the garbage collector need not look at."""

import gc
from functools import cache


@cache
def leave_start_alone() -> None:
    """Once a process, when all is imported and made: what is there then is never garbage.

    Looking it through takes 60 to 100 ms of whichever request is under way, every dozen requests or so.
    """
    gc.collect()
    gc.freeze()
