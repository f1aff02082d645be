"""Kafka values to Arrow tables: pure functions, exact by the reference models, fast for runs."""

from runtally_consumer.decoding.batch import Decoded, Rejected
from runtally_consumer.decoding.coalescing import coalesce
from runtally_consumer.decoding.decoders import (
    DECODERS,
    Decoder,
    decode_activity,
    decode_feedback,
    decode_lifecycle,
)
from runtally_consumer.decoding.runs import decode_runs

__all__ = [
    "DECODERS",
    "Decoded",
    "Decoder",
    "Rejected",
    "coalesce",
    "decode_activity",
    "decode_feedback",
    "decode_lifecycle",
    "decode_runs",
]
