"""`runtally verify`: the proof that the committed offsets are accounted for, record by record."""
