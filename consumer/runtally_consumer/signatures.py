"""Who may write to which workspace, where records must be signed: offenders become dead letters.

A property of the record and of the file of keys, so a replay with the same file decides the same.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from runtally.connection import SHORTEST_SECRET
from runtally.signing import (
    KEY_HEADER,
    NOT_BY_A_KEY,
    NOT_ITS_WORKSPACE,
    NOT_SIGNED,
    SIGNATURE_HEADER,
    signature,
)
from runtally.violations import Violation

from runtally_consumer.decoding import Decoded, Rejected
from runtally_consumer.records import Record

EVERY_WORKSPACE = "*"
_SIGN = "let the producer sign, by RUNTALLY_KAFKA_SIGNING_KEY and RUNTALLY_KAFKA_SIGNING_SECRET"
UNSIGNED = Violation("", NOT_SIGNED, _SIGN)
MISSIGNED = Violation("", NOT_BY_A_KEY, _SIGN)


class InvalidKeys(RuntimeError):
    """The file of keys cannot be used. The message names the place and the remedy, and never a secret."""


class _Key(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    secret: Annotated[str, Field(min_length=SHORTEST_SECRET)]
    workspaces: Annotated[list[str], Field(min_length=1)]


_KEYS = TypeAdapter(dict[str, _Key])


@dataclass(frozen=True)
class ProducerKeys:
    """The keys by their ids. Not in `repr`, as they hold secrets."""

    _keys: Mapping[str, _Key]

    def __repr__(self) -> str:
        return f"ProducerKeys({sorted(self._keys)})"

    @classmethod
    def read(cls, path: Path) -> "ProducerKeys":
        """Raises `InvalidKeys`."""
        try:
            return cls(_KEYS.validate_json(path.read_bytes()))
        except OSError as error:
            raise InvalidKeys(f"RUNTALLY_PRODUCER_KEYS: {path} cannot be read: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise InvalidKeys(f"RUNTALLY_PRODUCER_KEYS: {path}: {where}: {first['msg']}") from error

    def check(self, decoded: Decoded, records: Sequence[Record]) -> Decoded:
        """The rows whose records are signed for their workspaces; the others join those that were rejected."""
        workspaces = decoded.table["workspace_id"].to_pylist()
        places = decoded.rows.tolist()
        rejected = list(decoded.rejected)
        keep = np.ones(len(places), dtype=np.bool_)
        for row, (index, workspace) in enumerate(zip(places, workspaces, strict=True)):
            offence = self.offence(records[index], workspace)
            if offence is not None:
                keep[row] = False
                rejected.append(Rejected(index, (offence,)))
        if keep.all():
            return decoded
        rejected.sort(key=lambda one: one.index)
        return replace(decoded, table=decoded.table.filter(pa.array(keep)), rows=decoded.rows[keep], rejected=rejected)

    def offence(self, record: Record, workspace_id: str) -> Violation | None:
        """Why the record may not be a row of the workspace; None when it may."""
        ids = [value for name, value in record.headers if name == KEY_HEADER]
        signatures = [value for name, value in record.headers if name == SIGNATURE_HEADER]
        if len(ids) != 1 or len(signatures) != 1 or not ids[0] or not signatures[0]:
            return UNSIGNED
        key_id = ids[0].decode("utf-8", "replace")
        key = self._keys.get(key_id)
        if key is None:
            return MISSIGNED
        expected = signature(key.secret, record.value or b"").encode()
        if not hmac.compare_digest(expected, signatures[0].lower()):
            return MISSIGNED
        if workspace_id not in key.workspaces and EVERY_WORKSPACE not in key.workspaces:
            remedy = "write to a workspace of the key, or let whoever runs the consumers add this one to it"
            return Violation("workspace_id", f"{NOT_ITS_WORKSPACE} '{key_id}'", remedy)
        return None
