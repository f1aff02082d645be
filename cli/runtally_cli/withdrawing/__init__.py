"""`runtally erase` and `runtally retention`: what goes from the store for good."""
