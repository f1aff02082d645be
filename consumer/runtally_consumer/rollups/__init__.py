"""Keeping rollups up to date: which buckets when (pure), recomputing them, and dropping what nobody reads any more."""
