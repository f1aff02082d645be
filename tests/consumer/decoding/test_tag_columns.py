"""Tags read once per distinct text say the same as tags read message by message."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from runtally_consumer.decoding.tag_columns import tag_column

GOOD = [{"team": "a"}, {"tier": "gold", "team": "a"}, {"team": "a", "tier": "gold"}, {"e": "é"}, {}]
BAD = [
    b'{"team":1}',
    b'{"":"x"}',
    b'["team"]',
    b'"team"',
    b'{"team":null}',
    b'{"t":"\xff"}',
    b'{"k":"' + b"v" * 2000 + b'"}',
]


@given(
    st.lists(st.sampled_from([json.dumps(one, ensure_ascii=False).encode() for one in GOOD] + [b"null"]), min_size=1)
)
def test_shared_texts(texts: list[bytes]) -> None:
    column = tag_column(texts)
    expected = [json.loads(text) for text in texts]
    everything = np.ones(len(texts), dtype=np.bool_)
    assert column.array(everything).to_pylist() == [list((one or {}).items()) for one in expected]
    assert column.entries.tolist() == [-1 if one is None else len(one) for one in expected]
    assert not column.is_bad.any()
    every_other = np.arange(len(texts)) % 2 == 0
    assert column.array(every_other).to_pylist() == column.array(everything).to_pylist()[::2]


def test_what_breaks_the_contract_is_told_by_position() -> None:
    good = b'{"team":"a"}'
    for bad in BAD:
        assert tag_column([good, bad, good, bad]).is_bad.tolist() == [False, True, False, True]
