"""Comma-separated values: a table of numbers and words ↦ a data set; what does not fit is named by line and column."""

from __future__ import annotations

import codecs
import csv
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from mapsto.core.check import one_of
from mapsto.core.errors import DataError, LimitError, MapstoError, UsageError
from mapsto.core.notes import note
from mapsto.core.spec import dtype_of, float_info, is_float
from mapsto.data.arrays import from_arrays
from mapsto.data.dataset import Dataset
from mapsto.data.reading import path_text, reading, unpacked
from mapsto.data.samples import Skipped

LIMIT_LINE = 1 << 20  # bytes; a line of 10,000 numbers has about 10⁵
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "?")
WHOLE = re.compile(r"[+-]?[0-9]+")
# The point stands between the digits for sure: with `[0-9]+\.?[0-9]*` a field of n digits and a letter takes n² steps.
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # its marks
Row = tuple[int, list[str]]  # the line it begins at, its fields


class Form(NamedTuple):
    """How a file is written: what parts its fields, what its bytes mean, and how long a line may be."""

    delimiter: str
    encoding: str
    limit: int


@dataclass
class Table:
    """What is read so far: the names of the columns, the rows, and what was left out."""

    path: str
    names: list[str]
    delimiter: str
    rows: list[Row] = field(default_factory=list[Row])
    skipped: list[Skipped] = field(default_factory=list[Skipped])


def from_csv(
    path: str | os.PathLike[str],
    target: str | int | None,
    *,
    columns: Sequence[str] | None = None,
    header: bool = True,
    delimiter: str = ",",
    encoding: str = "utf-8",
    missing: str = "raise",
    dtype: Any = "f32",
    on_error: str = "raise",
    limit_line: int = LIMIT_LINE,
) -> Any:
    """A CSV file and the name of its target column ↦ the data set: x f32[n, d] of the other columns, and y.

    The first line names the columns; with `header=False` they are called "0", "1", …, and the target is named so or by
    its number, -1 for the last. `columns` chooses those of x and their order; all others but the target by default. x
    has numbers. The target's type follows from its values: whole numbers ↦ i64[n]; numbers ↦ the floats of `dtype`;
    words ↦ i64[n] and `classes`, sorted. With `target=None` the samples are x alone, for `predict`.

    Text is UTF-8, with or without a byte-order mark, or in another `encoding` that keeps the bytes of ASCII, such as
    "gbk", "big5" or "latin-1"; quotes as RFC 4180 has them; the file may be packed with gzip, xz or bzip2. A field
    is missing if it is empty or one of NA, N/A, NaN, nan, null, NULL, ?: with `missing="raise"` an error, with "drop"
    its row is left out, with "nan" it is NaN in x (in the target still an error). With `on_error="skip"` rows that
    cannot be read are left out and counted: see `.skipped`.

    Raises, with line and column, DataError for ragged rows (CSV-01), what is no finite number (CSV-02), bytes that are
    not of the encoding (CSV-03), quotes that do not close (CSV-04), missing fields (CSV-05), targets beyond i64
    (CSV-13), no rows (CSV-08), UTF-16 (CSV-07), a name that appears twice (CSV-09), or a file that cannot be read
    (READ-01); LimitError for a line of more than `limit_line` bytes (CSV-06); UsageError for columns that there are not
    (CSV-10), and for an encoding that there is not or whose lines are not those of ASCII (CSV-12).

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "iris.csv")
    >>> _ = path.write_text("length,width,kind\\n5.1,3.5,setosa\\n7.0,3.2,versicolor\\n")
    >>> flowers = from_csv(path, "kind")
    >>> flowers, flowers[1]
    (Dataset(iris.csv: 2 × f32[2] ↦ i64[], 2 classes), (array([7. , 3.2], dtype=float32), np.int64(1)))
    """
    wanted = checked_options(dtype, delimiter, missing, on_error)
    form = Form(delimiter, known_encoding(encoding), limit_line)
    table = read_table(path_text(path), header, form, on_error == "skip")
    goal = None if target is None else column_number(table, target)
    chosen = [i for i in range(len(table.names)) if i != goal]
    if columns is not None:
        chosen = [column_number(table, name) for name in columns]
        if goal in chosen or not chosen:
            raise UsageError("CSV-11", target=target, columns=list(columns), fix="leave the target out of columns")
    x, targets = parsed_rows(table, chosen, goal, missing, on_error == "skip", wanted)
    if not x:
        raise DataError("CSV-08", path=table.path, fix="give at least one row of data that can be read")
    count = len(table.skipped)
    if count:
        note(f"{table.path}: skipped {count} of {count + len(x)} rows that cannot be read; see .skipped", once=False)
    values = np.array(x, wanted)
    name = os.path.basename(table.path)
    if goal is None:
        return replace(from_arrays(values, name=name), skipped=tuple(table.skipped))
    y, classes = target_values(table, goal, targets, wanted)
    return Dataset(values, y, classes, name, tuple(table.skipped))


def checked_options(dtype: Any, delimiter: Any, missing: Any, on_error: Any) -> np.dtype[Any]:
    """The options of `from_csv` as it needs them ↦ the type of x. Raises UsageError."""
    one_of("from_csv", "policy", on_error, ("raise", "skip"))
    one_of("from_csv", "policy for missing fields", missing, ("raise", "drop", "nan"))
    wanted = dtype_of(dtype)
    if not is_float(wanted):
        raise UsageError("ARG-01", function="from_csv", name="dtype", value=dtype, wanted='a float type, such as "f32"')
    if not (isinstance(delimiter, str) and len(delimiter) == 1 and delimiter not in '"\r\n'):
        raise UsageError("ARG-01", function="from_csv", name="delimiter", value=delimiter, wanted="one character")
    return wanted


def known_encoding(encoding: Any) -> str:
    """An encoding in which a line of ASCII is a line of the same bytes. Raises UsageError (CSV-12)."""
    ascii = bytes(range(128)).decode("ascii")
    try:
        name = codecs.lookup(encoding).name.removesuffix("-sig")  # the mark is taken off in any case
        if ascii.encode(name) == ascii.encode("ascii"):
            return name
        reason = "its lines do not end as those of ASCII do"
    except (LookupError, TypeError, UnicodeError):
        reason = "Python knows none of that name"
    raise UsageError("CSV-12", encoding=encoding, reason=reason, fix='use "utf-8", "gbk", "big5" or "latin-1"')


def read_table(path: str, header: bool, form: Form, skip: bool) -> Table:
    """The names and rows of a file, each row as long as the names; where `skip`, bad rows are left out."""
    with reading(path), unpacked(path) as file:
        rows = Rows(file, path, form)
        first = next(rows.next_row(), None)
        if first is None:
            raise DataError("CSV-08", path=path, fix="give a file with a line of names and rows of data")
        names = [name.strip() for name in first[1]] if header else [str(i) for i in range(len(first[1]))]
        twice = next((name for name, count in Counter(names).items() if count > 1), None)
        if twice is not None:
            raise DataError("CSV-09", path=path, name=twice, fix="give every column a name of its own")
        table = Table(path, names, form.delimiter, [] if header else [first])
        while True:
            try:
                row = next(rows.next_row(), None)
                if row is None:
                    return table
                check_length(table, row)
            except (DataError, LimitError) as problem:
                if not skip:
                    raise
                table.skipped.append(Skipped(f"line {rows.begun}", problem.headline))
            else:
                table.rows.append(row)


class Rows:
    """The rows of an open file, one after another; an error in one leaves the next ones readable."""

    def __init__(self, file: BinaryIO, path: str, form: Form) -> None:
        self.file, self.path, self.form = file, path, form
        self.line = 0  # of the file, from 1
        self.begun = 0  # where the row began

    def next_row(self) -> Iterator[Row]:
        """The next row that is not empty, or nothing at the end of the file. A row may go over several lines."""
        while True:
            self.begun = self.line + 1
            reader = csv.reader(self.lines(), delimiter=self.form.delimiter, strict=True)
            try:
                fields = next(reader, None)
            except csv.Error as problem:
                fix = 'write a quote within quotes twice: ""'
                raise DataError("CSV-04", path=self.path, line=self.begun, reason=str(problem), fix=fix) from None
            if fields is None:
                return
            if fields:
                yield self.begun, fields
                return

    def lines(self) -> Iterator[str]:
        """The lines from here on, as text. Raises DataError and LimitError with their number."""
        delimiter, encoding, limit = self.form
        while True:
            content = self.file.readline(limit + 1)
            if not content:
                return
            self.line += 1
            if len(content) > limit:
                while content and not content.endswith(b"\n"):
                    content = self.file.readline(limit)
                fix = "is it a CSV file? If such lines are meant, raise limit_line"
                raise LimitError("CSV-06", path=self.path, line=self.line, column=1, limit=limit, fix=fix)
            if self.line == 1:
                if content.startswith(UTF_16):
                    raise DataError("CSV-07", path=self.path, fix="save it as UTF-8")
                content = content.removeprefix(b"\xef\xbb\xbf")
            try:
                yield content.decode(encoding)
            except UnicodeDecodeError as problem:
                column = 1 + content[: problem.start].count(delimiter.encode(encoding))
                facts: dict[str, Any] = {"line": self.line, "column": column, "encoding": encoding.upper()}
                facts["byte"] = f"{content[problem.start]:02x}"
                fix = 'name its encoding, such as encoding="gbk" or "latin-1", or save it as UTF-8'
                raise DataError("CSV-03", path=self.path, **facts, fix=fix) from None


def check_length(table: Table, row: Row) -> None:
    line, fields = row
    if len(fields) != len(table.names):
        column = min(len(fields), len(table.names)) + 1
        facts = {"line": line, "column": column, "found": len(fields), "wanted": len(table.names)}
        rows = (("row", ", ".join(fields)[:80], ""), ("columns", ", ".join(table.names)[:80], ""))
        fix = "a field with a comma in it needs quotes" if len(fields) > len(table.names) else "fill the row up"
        fix = other_delimiter(table) or fix
        raise DataError("CSV-01", path=table.path, **facts, operands=rows, fix=fix)


def column_number(table: Table, name: str | int) -> int:
    """A column's name, or its number, counted from either end ↦ its number. Raises UsageError (CSV-10)."""
    if isinstance(name, str) and name in table.names:
        return table.names.index(name)
    if isinstance(name, int) and not isinstance(name, bool) and -len(table.names) <= name < len(table.names):
        return name % len(table.names)
    rows = (("columns", ", ".join(map(repr, table.names))[:200], ""),)
    fix = other_delimiter(table) or "name one of these"
    raise UsageError("CSV-10", path=table.path, name=name, operands=rows, fix=fix)


def other_delimiter(table: Table) -> str:
    """What to say where the file reads as one column, and its names are parted by something else."""
    text = table.names[0] if len(table.names) == 1 else ""
    found = next((one for one in (";", "\t", "|", ",") if one in text and one != table.delimiter), None)
    shown = {"\t": "\\t"}.get(found or "", found)
    return f'its fields seem to be parted otherwise: delimiter="{shown}"' if found else ""


def parsed_rows(
    table: Table, chosen: list[int], goal: int | None, missing: str, skip: bool, dtype: np.dtype[Any]
) -> tuple[list[list[float]], list[tuple[int, str]]]:
    """The rows of a table ↦ the numbers of the chosen columns, and the target as it is written, with its line."""
    x: list[list[float]] = []
    targets: list[tuple[int, str]] = []
    wanted = [*chosen, *([] if goal is None else [goal])]
    largest = float(float_info(dtype).max)
    for line, fields in table.rows:
        if missing == "drop" and any(fields[i].strip() in MISSING for i in wanted):
            continue
        try:
            numbers = [number(table, line, i, fields[i], missing, largest) for i in chosen]
            if goal is not None and fields[goal].strip() in MISSING:
                raise missing_field(table, line, goal)
        except MapstoError as problem:
            if not skip:
                raise
            table.skipped.append(Skipped(f"line {line}", problem.headline))
            continue
        x.append(numbers)
        targets += [] if goal is None else [(line, fields[goal].strip())]
    return x, targets


def number(table: Table, line: int, column: int, text: str, missing: str, largest: float) -> float:
    """A field ↦ its number, `largest` at most. Python's own words for numbers (1_000, inf, １２) are not a file's."""
    text = text.strip()
    if text in MISSING:
        if missing == "nan":
            return math.nan
        raise missing_field(table, line, column)
    value = float(text) if NUMBER.fullmatch(text) else math.nan
    if not abs(value) <= largest:  # also true of NaN
        raise no_number(table, line, column, text, "mend it, or choose the columns that are numbers: columns=[…]")
    return value


def no_number(table: Table, line: int, column: int, text: str, fix: str) -> DataError:
    facts = {"line": line, "column": column + 1, "name": table.names[column], "text": text[:40]}
    return DataError("CSV-02", path=table.path, **facts, fix=fix)


def missing_field(table: Table, line: int, column: int) -> DataError:
    facts = {"line": line, "column": column + 1, "name": table.names[column]}
    return DataError("CSV-05", path=table.path, **facts, fix='leave such rows out: missing="drop"')


def fits_64_bits(text: str) -> bool:
    """Whether a whole number, as it is written, is one of i64; Python reads no number of thousands of digits.

    >>> fits_64_bits("-9223372036854775808"), fits_64_bits("9223372036854775808")
    (True, False)
    """
    return len(text) < 100 and -(2**63) <= int(text) < 2**63


def target_values(
    table: Table, column: int, targets: list[tuple[int, str]], dtype: np.dtype[Any]
) -> tuple[np.ndarray[Any, Any], tuple[str, ...]]:
    """The target as it is written ↦ numbers, or the numbers of its words and the words."""
    texts = [text for _, text in targets]
    if all(map(WHOLE.fullmatch, texts)):
        for line, text in targets:
            if not fits_64_bits(text):
                facts = {"line": line, "column": column + 1, "name": table.names[column], "text": text[:40]}
                fix = "number the classes from 0, or write words, such as id7; with a point, 7.0, they are floats"
                raise DataError("CSV-13", path=table.path, **facts, fix=fix)
        return np.array([int(text) for text in texts], np.int64), ()
    if all(map(NUMBER.fullmatch, texts)):
        largest = float(float_info(dtype).max)
        for line, text in targets:
            if abs(float(text)) > largest:
                raise no_number(table, line, column, text, 'mend it, or read it in 64 bits: dtype="f64"')
        return np.array([float(text) for text in texts], dtype), ()
    classes = sorted(set(texts))
    numbers = {name: i for i, name in enumerate(classes)}
    return np.array([numbers[text] for text in texts], np.int64), tuple(classes)
