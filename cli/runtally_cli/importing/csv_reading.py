"""CSV as spreadsheets, databases and data frames write it. Cells are text; an empty cell is null."""

import csv
import io
from collections.abc import Iterator
from itertools import chain

from runtally_cli.importing.rows import Row, UnreadableFile, UnreadableRow

_DELIMITERS = ",;\t|"
_LONGEST_CELL = 2**31 - 1


def csv_rows(text: io.TextIOBase, delimiter: str | None) -> Iterator[Row]:
    """An object per record, by the names in the header; its line is the one where the record begins.

    Raises `UnreadableFile` while iterating.
    """
    csv.field_size_limit(_LONGEST_CELL)
    first = text.readline()
    lines = chain([first], text) if first else iter(())
    reader = csv.reader(lines, delimiter=delimiter or _delimiter(first), strict=True, skipinitialspace=True)
    names: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "end of data" in str(error):
                raise UnreadableFile(
                    f"line {line}: a quote opens in this record and never closes; nothing after it could be read"
                ) from error
            yield Row(line, UnreadableRow(f"not CSV: {error}", ""))
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if names is None:
            names = _names(cells)
        else:
            yield Row(line, _record(names, cells))


def _delimiter(header: str) -> str:
    """The one that stands most often in the header outside quotes."""
    bare = "".join(header.split('"')[::2])
    return max(_DELIMITERS, key=bare.count)


def _names(cells: list[str]) -> list[str]:
    names = [cell.strip() or f"column_{number}" for number, cell in enumerate(cells, 1)]
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return unique


def _record(names: list[str], cells: list[str]) -> dict[str, str | None] | UnreadableRow:
    if len(cells) != len(names):
        return UnreadableRow(f"has {len(cells)} cells, the header {len(names)}", ",".join(cells))
    return {name: cell if cell.strip() else None for name, cell in zip(names, cells, strict=True)}
