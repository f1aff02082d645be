"""What the garbage collector need not look at."""

import gc
from functools import cache


@cache
def leave_modules_alone() -> None:
    """Once a process, when all is imported: modules and classes are never garbage.

    Every now and then all objects are looked through, while nothing else can run, not even the sending of what was
    drawn; those of Altair and pandas alone take 70 ms.
    """
    gc.collect()
    gc.freeze()
