"""Rows out of files: the same rows whatever the form, their lines right, and no bad row at another's cost."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runtally_cli.importing.expressions import compile_expression
from runtally_cli.importing.mapping import FileOptions
from runtally_cli.importing.reading import Source, open_rows
from runtally_cli.importing.rows import Row, UnreadableFile, UnreadableRow

Read = Callable[..., list[Row]]
PLAIN = FileOptions()


@pytest.fixture(name="read")
def fixture_read(tmp_path: Path) -> Read:
    def read(data: bytes, options: FileOptions = PLAIN) -> list[Row]:
        path = tmp_path / "rows"
        path.write_bytes(data)
        with open_rows(path, options) as source:
            rows = list(source.rows)
            assert source.bytes_read() == source.size
            return rows

    return read


def values(rows: list[Row]) -> list[Any]:
    return [row.value for row in rows]


Texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
Objects = st.dictionaries(Texts, st.none() | st.booleans() | st.integers() | Texts | st.lists(Texts, max_size=2))
ONCE_PER_TEST = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)


@ONCE_PER_TEST
@given(objects=st.lists(Objects, max_size=5), indent=st.none() | st.integers(0, 2), ascii_only=st.booleans())
def test_every_form_of_json_gives_the_same_rows(
    read: Read, objects: list[dict[str, Any]], indent: int | None, ascii_only: bool
) -> None:
    lines = "".join(json.dumps(item, ensure_ascii=ascii_only) + "\n" for item in objects).encode()
    array = json.dumps(objects, indent=indent, ensure_ascii=ascii_only).encode()
    assert values(read(lines, FileOptions(form="jsonl"))) == objects
    assert [row.line for row in read(lines, FileOptions(form="jsonl"))] == list(range(1, len(objects) + 1))
    for data in (array, gzip.compress(array), b"\xef\xbb\xbf" + array, b"\n" + array + b"\n"):
        assert values(read(data)) == objects


@ONCE_PER_TEST
@given(
    table=st.lists(st.lists(Texts, min_size=3, max_size=3), max_size=5),
    delimiter=st.sampled_from(",;\t|"),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_csv_is_read_as_it_was_written(read: Read, table: list[list[str]], delimiter: str, ending: str) -> None:
    # A space after a delimiter is no part of a cell, and a line of blanks is no row.
    table = [[cell.strip() for cell in cells] for cells in table]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=ending, quoting=csv.QUOTE_ALL)
    writer.writerows([["id", "na me", 'q"'], *table])
    expected = [{"id": a or None, "na me": b or None, 'q"': c or None} for a, b, c in table if a or b or c]
    for data in (text.getvalue().encode(), text.getvalue().encode("utf-8-sig"), text.getvalue().encode("utf-16")):
        assert values(read(data)) == expected
        assert values(read(gzip.compress(data))) == expected


def test_csv_with_all_that_quotes_allow(read: Read) -> None:
    rows = read(b'id,note,cost\r\n1,"a, b",0.5\r\n\r\n2,"two\r\nlines, ""quoted""",\r\n3, "spaced, too",1\r\n')
    assert [(row.line, row.value) for row in rows] == [
        (2, {"id": "1", "note": "a, b", "cost": "0.5"}),
        (4, {"id": "2", "note": 'two\r\nlines, "quoted"', "cost": None}),
        (6, {"id": "3", "note": "spaced, too", "cost": "1"}),
    ]


def test_csv_of_a_single_column_and_with_odd_headers(read: Read) -> None:
    assert values(read(b"id\n5\n")) == [{"id": "5"}]
    assert values(read(b"id,,id\n1,2,3\n")) == [{"id": "1", "column_2": "2", "id_2": "3"}]
    assert values(read(b"a:b\n1:2\n", FileOptions(delimiter=":"))) == [{"a": "1", "b": "2"}]
    assert read(b"id,cost\n") == []


def test_a_bad_row_of_csv_costs_no_other(read: Read) -> None:
    rows = read(b'id,cost\n1,2,3\n2\n3,4\n"4"x,5\n6,7\n')
    assert [row.value.reason for row in rows if isinstance(row.value, UnreadableRow)] == [
        "has 3 cells, the header 2",
        "has 1 cells, the header 2",
        "not CSV: ',' expected after '\"'",
    ]
    assert [(row.line, row.value) for row in rows if isinstance(row.value, dict)] == [
        (4, {"id": "3", "cost": "4"}),
        (6, {"id": "6", "cost": "7"}),
    ]


def test_a_cell_larger_than_the_csv_module_likes(read: Read) -> None:
    long = "x" * 200_000
    assert values(read(f"id,patch\n1,{long}\n".encode())) == [{"id": "1", "patch": long}]


def test_a_bad_line_of_json_costs_no_other(read: Read) -> None:
    rows = read(b'{"id":1}\n{"id":2\n\n{"id":"\xff"}\n7\n{"id":3}')
    assert [row.line for row in rows] == [1, 2, 4, 5, 6]
    assert [isinstance(row.value, UnreadableRow) for row in rows] == [False, True, True, False, False]
    (broken, encoding) = [row.value for row in rows if isinstance(row.value, UnreadableRow)]
    assert broken.text == '{"id":2'
    assert broken.reason.startswith("not JSON: ")
    assert encoding.reason == "invalid UTF-8 at byte 7"


def test_numbers_keep_their_decimal_text(read: Read) -> None:
    rows = read(b'{"c":0.10000000000000001}\n[')
    assert str(rows[0].value) == "{'c': Decimal('0.10000000000000001')}"
    (row,) = read(b'[{"c":0.10000000000000001}]')
    assert str(row.value) == "{'c': Decimal('0.10000000000000001')}"


def test_rows_of_documents_have_the_line_where_they_begin(read: Read) -> None:
    rows = read(b'[\n{"a":1},\n{"a":[1,\n2]}\n ,\n{"a":3}]\n')
    assert [row.line for row in rows] == [2, 3, 6]
    pretty = b'{\n "a": 1\n}\n{\n "a": 2\n}\n'
    assert [(row.line, row.value) for row in read(pretty)] == [(1, {"a": 1}), (4, {"a": 2})]


def test_rows_inside_a_document(read: Read) -> None:
    inside = FileOptions(rows=compile_expression("data.runs"))
    rows = read(b'{\n"data": {"runs": [{"id": 1}, {"id": 2}]}}', inside)
    assert values(rows) == [{"id": 1}, {"id": 2}]
    (row,) = read(b'{"data": null}', inside)
    assert row.value == UnreadableRow("`rows` finds nothing here", "")


def test_text_in_another_encoding(read: Read) -> None:
    data = "id;name\n1;Jürgen\n".encode("cp1252")
    assert values(read(data, FileOptions(encoding="cp1252"))) == [{"id": "1", "name": "Jürgen"}]
    assert values(read(data)) == [{"id": "1", "name": "J\udcfcrgen"}]  # the contract refuses a lone surrogate
    assert values(read('{"ä":1}\n{"a":2}'.encode("utf-16"))) == [{"ä": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("data", "good", "reason"),
    [
        (b'[{"a":1},\n{"a"', 1, "line 2: not JSON"),
        (b'[{"a":1},\n{"a":2},\n', 2, "line 3: the array does not end"),
        (b'[{"a":1}\n{"a":2}]', 1, "line 2: expected `,` or `]`"),
        (b'id,x\n1,2\n2,"3\n4,5\n', 1, "line 3: a quote opens in this record and never closes"),
        (gzip.compress(b'{"a":1}\n' * 50_000, mtime=0)[:-9], None, "is damaged or cut short"),
    ],
)
def test_a_file_that_makes_no_sense_from_some_place_on(
    tmp_path: Path, data: bytes, good: int | None, reason: str
) -> None:
    path = tmp_path / "rows"
    path.write_bytes(data)
    rows: list[Row] = []

    def read_on(source: Source) -> None:
        for row in source.rows:
            rows.append(row)

    with open_rows(path, PLAIN) as source, pytest.raises(UnreadableFile) as caught:
        read_on(source)
    assert good is None or len(rows) == good
    assert reason in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\n\n", b"[]", b" [ ] \n", gzip.compress(b"", mtime=0)])
def test_files_without_rows(read: Read, data: bytes) -> None:
    assert read(data) == []
