"""`runtally import`: recorded runs from a file, through a map, into Kafka.

A pure core (map_file, expressions, mapping, reading) with thin edges (publishing, waiting, rejection, progress),
put together in `command`.
"""
