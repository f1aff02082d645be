"""Rows with their line numbers out of JSON Lines, JSON documents and CSV, compressed or not.

JSON Lines and CSV are read in constant memory; a JSON document is held whole as text, its rows one by one.
A row that cannot be read comes as an `UnreadableRow` and costs no other row.
"""

import codecs
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from runtally.json_text import InvalidJson, JsonValue, read_json

from runtally_cli.importing.csv_reading import csv_rows
from runtally_cli.importing.expressions import ExpressionFailed
from runtally_cli.importing.mapping import FileOptions
from runtally_cli.importing.rows import Row, UnreadableFile, UnreadableRow

_GZIP_MAGIC = b"\x1f\x8b"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PEEKED = 64 * 1024
_BLANKS = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Source:
    """An open file: its rows, and how many of its bytes were read so far."""

    rows: Iterator[Row]
    size: int
    _raw: IO[bytes]

    def bytes_read(self) -> int:
        return self.size if self._raw.closed else self._raw.tell()


@contextmanager
def open_rows(path: Path, options: FileOptions) -> Iterator[Source]:
    """The file's rows. Raises `OSError`; while iterating, `UnreadableFile`."""
    with ExitStack() as stack:
        raw = stack.enter_context(path.open("rb", buffering=0))
        compressed = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        # A GzipFile is all that a BufferedReader asks for, whatever its stub says.
        plain: Any = stack.enter_context(gzip.GzipFile(fileobj=raw)) if compressed else raw
        stream: io.BufferedReader = stack.enter_context(io.BufferedReader(plain, _PEEKED))
        yield Source(_guarded(path, _File(stream, options, stack)), path.stat().st_size, raw)


@dataclass(frozen=True, slots=True)
class _File:
    """The decompressed bytes, what the map says about them, and what closes all that is opened over them."""

    stream: io.BufferedReader
    options: FileOptions
    stack: ExitStack

    def rows(self) -> Iterator[Row]:
        head = self.stream.peek(_PEEKED)
        encoding = "utf-16" if head[:2] in _UTF16 else self.options.encoding
        form = self.options.form or _form(head, encoding)
        if form == "csv":
            return csv_rows(self._text(encoding), self.options.delimiter)
        if form == "jsonl":
            return _json_lines(self.stream if _is_utf8(encoding) else self._recoded(encoding))
        return _json_documents(self._text(encoding).read())

    def _text(self, encoding: str) -> io.TextIOWrapper:
        """Bytes that the encoding does not have become lone surrogates, which the contract refuses row by row."""
        encoding = "utf-8-sig" if _is_utf8(encoding) else encoding
        text = io.TextIOWrapper(self.stream, encoding, errors="surrogateescape", newline="")
        return self.stack.enter_context(text)

    def _recoded(self, encoding: str) -> Iterator[bytes]:
        for line in self.stack.enter_context(io.TextIOWrapper(self.stream, encoding, newline="\n")):
            yield line.encode("utf-8", "surrogatepass")


def _guarded(path: Path, file: _File) -> Iterator[Row]:
    try:
        for row in file.rows():
            yield from _chosen(row, file.options)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableFile(f"{path} is damaged or cut short: {error}") from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{path} is not in {error.encoding}: write `encoding: ...` into the map") from error
    except UnreadableFile as error:
        raise UnreadableFile(f"{path}: {error}") from error


def _form(head: bytes, encoding: str) -> str:
    """By what stands there, not by the file's name: an object in one line is JSON Lines, other JSON a document."""
    text = head.decode(encoding, "ignore").lstrip("\ufeff" + _BLANKS)
    if text.startswith("{"):
        line, ended, _ = text.partition("\n")
        if not ended and len(head) >= _PEEKED // 2:
            return "jsonl"  # a line so long that its end is not in sight
        # A line that ends in the middle of an object is the beginning of a pretty-printed document.
        return "json" if ended and line.rstrip().endswith(("{", "[", ",", ":")) else "jsonl"
    return "json" if text.startswith("[") else "csv"


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii")


def _json_lines(lines: "io.BufferedReader | Iterator[bytes]") -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        text = line.removeprefix(codecs.BOM_UTF8).strip() if number == 1 else line.strip()
        if text:
            yield _json_row(number, text)


def _json_row(number: int, text: bytes) -> Row:
    try:
        return Row(number, read_json(text))
    except InvalidJson as error:
        return Row(number, UnreadableRow(str(error), text.decode("utf-8", "replace")))


def _json_documents(text: str) -> Iterator[Row]:
    """Each element of an array is a row, and each document that is no array; several may follow one another."""
    # Only to find where a value ends; `read_json` reads it.
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    place, line, in_array = _skipped(text, 0), 1, False
    line += text.count("\n", 0, place)
    while place < len(text):
        if not in_array and text[place] == "[":
            in_array, end = True, place + 1
            if text[_skipped(text, end) :][:1] == "]":
                in_array, end = False, _skipped(text, end) + 1
        else:
            try:
                _, end = decoder.raw_decode(text, place)
            except (json.JSONDecodeError, RecursionError) as error:
                at = text.count("\n", 0, getattr(error, "pos", place)) + 1
                raise UnreadableFile(f"line {at}: not JSON ({error}); nothing after it could be read") from error
            yield _json_row(line, text[place:end].encode("utf-8", "surrogatepass"))
            if in_array:
                in_array, end = _after_element(text, end)
        following = _skipped(text, end)
        line, place = line + text.count("\n", place, following), following
    if in_array:
        raise UnreadableFile(f"line {line}: the array does not end; the file is cut short")


def _after_element(text: str, end: int) -> tuple[bool, int]:
    """Whether the array goes on, and where."""
    place = _skipped(text, end)
    mark = text[place : place + 1]
    if mark == ",":
        return True, place + 1
    if mark == "]":
        return False, place + 1
    at = text.count("\n", 0, place) + 1
    raise UnreadableFile(f"line {at}: expected `,` or `]` after a row of the array; nothing after it could be read")


def _skipped(text: str, place: int) -> int:
    while place < len(text) and text[place] in _BLANKS:
        place += 1
    return place


def _chosen(row: Row, options: FileOptions) -> Iterator[Row]:
    """The row itself, or the rows that the map's `rows` finds in it."""
    if options.rows is None or isinstance(row.value, UnreadableRow):
        yield row
        return
    try:
        found: JsonValue = options.rows(row.value)
    except ExpressionFailed as error:
        found = UnreadableRow(f"`rows` cannot be computed: {error}", "")
    for value in found if isinstance(found, list) else [found]:
        yield Row(row.line, UnreadableRow("`rows` finds nothing here", "") if value is None else value)
