"""`runtally rollup`: how far the rollups are, and making them anew."""
