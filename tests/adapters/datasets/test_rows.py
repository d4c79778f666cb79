from __future__ import annotations

import datetime as dt
import gzip
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.adapters.datasets.parquet import locked_down
from jobforge.adapters.datasets.rows import read_rows
from jobforge.adapters.datasets.source import ReadLimits
from jobforge.core.context import Row
from jobforge.core.data_source import DataFormat
from jobforge.core.errors import SourceMalformed

Read = Callable[..., list[Row]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(
        content: str | bytes,
        name: str = "x.csv",
        data_format: DataFormat | None = None,
        **limits: int,
    ) -> list[Row]:
        raw = content.encode() if isinstance(content, str) else content
        return read_rows(io.BytesIO(raw), name, data_format, ReadLimits(**limits), tmp_path)

    return read


def test_csv_values_stay_text(read: Read) -> None:
    rows = read("id,amount,note\n1,2.50,\n007,1e3,NULL\n")

    assert rows == [
        {"id": "1", "amount": "2.50", "note": ""},
        {"id": "007", "amount": "1e3", "note": "NULL"},
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a;b\n1,5;2\n", [{"a": "1,5", "b": "2"}]),
        ("a\tb\n1\t2\n", [{"a": "1", "b": "2"}]),
        ("a|b\n1|2\n", [{"a": "1", "b": "2"}]),
        ('"x;y;z",b\n1,2\n', [{"x;y;z": "1", "b": "2"}]),
        ("a\n1\n2\n", [{"a": "1"}, {"a": "2"}]),
        ("a,b\r\n1,2\r\n", [{"a": "1", "b": "2"}]),
        ("\ufeffa,b\n1,2\n", [{"a": "1", "b": "2"}]),
        ('a,b\n1,"two\nlines"\n', [{"a": "1", "b": "two\nlines"}]),
        ('a,b\n1,"say ""hi"""\n', [{"a": "1", "b": 'say "hi"'}]),
        ("a,b\n1,2\n\n3,4", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
        (",b\n1,2\n", [{"column1": "1", "b": "2"}]),
        ("a,b\n", []),
    ],
)
def test_csv_in_its_usual_spellings_is_understood(
    read: Read, content: str, expected: list[Row]
) -> None:
    assert read(content) == expected


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "line 1: no header"),
        ("a,b\n1,2\n1,2,3\n", "line 3: 3 values for 2 columns"),
        ("a,b\n1,2\n1\n", "line 3: 1 values for 2 columns"),
        ('a,b\n1,"x\ny"\n1\n', "line 4: 1 values"),
        ("a,b,a\n1,2,3\n", "column 'a' is there 2 times"),
        ('a,b\n1,"2\n3,4\n', "line 3: unexpected end of data"),
        ('a,b\n"x"y,2\n', "line 2"),
        (b"a,b\n1,2\n1,caf\xe9\n", "line 3, byte 6: not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16"),
        ("a,b\n1,\0\n", "line 2: a NUL"),
    ],
)
def test_malformed_csv_is_refused_with_its_place(
    read: Read, content: str | bytes, fault: str
) -> None:
    with pytest.raises(SourceMalformed, match=fault) as caught:
        read(content, "bills.csv")

    assert caught.value.message.startswith("bills.csv")


def test_json_numbers_with_a_fraction_are_exact_and_whole_ones_are_int(read: Read) -> None:
    (row,) = read('[{"a": 0.10, "b": 12345678901234567890, "c": {"d": [1.5]}, "e": 1e2}]', "x.json")

    assert row == {
        "a": Decimal("0.10"),
        "b": 12345678901234567890,
        "c": {"d": [Decimal("1.5")]},
        "e": Decimal("1E+2"),
    }
    assert str(row["a"]) == "0.10"
    assert isinstance(row["b"], int)


@pytest.mark.parametrize("key", ["rows", "events", "data", "records", "billing_events"])
def test_a_json_document_may_carry_its_rows_under_a_known_key(read: Read, key: str) -> None:
    assert read(json.dumps({key: [{"a": 1}], "tenant_id": "t"}), "x.json") == [{"a": 1}]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('[{"a": 1},\n {"a": }]', "line 2, column 8: Expecting value"),
        ('{"customers": []}', "none of them"),
        ('{"rows": [], "data": []}', "found rows, data"),
        ('{"rows": {}}', "a list of objects is expected"),
        ("[1]", "entry 0: not a JSON object"),
        ('[{"a": 1, "a": 2}]', "key 'a' is there 2 times"),
        ('[{"a": NaN}]', "NaN is not a JSON number"),
        ("[" * 100_000, "nested too deep"),
        ('[{"a": ' + "1" * 10_000 + "}]", "digits"),
        (b'[\n{"a": "caf\xe9"}]', "line 2, byte 11: not UTF-8"),
        ("", "line 1, column 1"),
        (r'[{"a": "\ud800"}]', "surrogates"),
        (r'[{"a": "\u0000"}]', "a NUL character"),
    ],
)
def test_malformed_json_is_refused_with_its_place(
    read: Read, content: str | bytes, fault: str
) -> None:
    with pytest.raises(SourceMalformed, match=fault):
        read(content, "x.json")


def test_json_escapes_of_text_are_understood(read: Read) -> None:
    assert read(r'[{"a": "\ud83d\ude00 \\u0000 \\ud800"}]', "x.json") == [
        {"a": "\U0001f600 \\u0000 \\ud800"}
    ]


def test_ndjson_is_one_object_a_line(read: Read) -> None:
    rows = read('{"a": 1.10}\n\n{"a": "x"}\r\n', "x.ndjson")

    assert rows == [{"a": Decimal("1.10")}, {"a": "x"}]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('{"a": 1}\n{"a": \n', "line 2, column 6"),
        ('{"a": 1}\n[1]\n', "line 2: not a JSON object"),
        ('{"a": 1}\n{"a": 1, "a": 1}\n', "line 2"),
    ],
)
def test_malformed_ndjson_is_refused_with_its_line(read: Read, content: str, fault: str) -> None:
    with pytest.raises(SourceMalformed, match=fault):
        read(content, "x.jsonl")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("a,b\n1,2\n", "export"),
        ('[{"a": "1", "b": "2"}]', "export"),
        ('{"a": "1", "b": "2"}\n{"a": "3", "b": "4"}\n', "export"),
        ('{"rows": [{"a": "1", "b": "2"}]}', "export.txt"),
        ("a\tb\n1\t2\n", "export.TSV"),
        ('{"a": "1", "b": "2"}', "export.jsonl.gz"),
    ],
)
def test_the_format_is_told_by_the_name_or_else_the_first_bytes(
    read: Read, content: str, name: str
) -> None:
    assert read(content, name)[0] == {"a": "1", "b": "2"}


def test_a_given_format_outweighs_the_name(read: Read) -> None:
    assert read('[{"a": 1}]', "x.csv", "json") == [{"a": 1}]


@pytest.mark.parametrize("name", ["x.csv.gz", "x.csv"])
def test_gzip_is_told_by_its_bytes(read: Read, name: str) -> None:
    assert read(gzip.compress(b"a\n1\n"), name) == [{"a": "1"}]


@pytest.mark.parametrize("damage", [slice(0, -6), slice(0, 15)])
def test_damaged_gzip_is_refused(read: Read, damage: slice) -> None:
    with pytest.raises(SourceMalformed, match="gzip file is damaged"):
        read(gzip.compress(b"a\n" + bytes(range(49, 58)) * 9)[damage], "x.csv")


def test_gzip_with_a_wrong_checksum_is_refused(read: Read) -> None:
    content = bytearray(gzip.compress(b"a\n1\n"))
    content[-8] ^= 1

    with pytest.raises(SourceMalformed, match="gzip file is damaged"):
        read(bytes(content))


def test_the_byte_limit_counts_what_comes_out_of_gzip(read: Read) -> None:
    bomb = gzip.compress(b"a\n" + b"1" * 5_000_000)

    assert len(bomb) < 10_000
    with pytest.raises(SourceMalformed, match="more than 1,000,000 bytes"):
        read(bomb, max_bytes=1_000_000)


def test_a_file_as_large_as_the_limit_is_read(read: Read) -> None:
    assert read("a\n1\n", max_bytes=4) == [{"a": "1"}]
    with pytest.raises(SourceMalformed, match="more than 3 bytes"):
        read("a\n1\n", max_bytes=3)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("a\n1\n2\n3\n", "x.csv"),
        ('[{"a": 1}, {"a": 2}, {"a": 3}]', "x.json"),
        ('{"a": 1}\n{"a": 2}\n{"a": 3}', "x.ndjson"),
    ],
)
def test_one_row_above_the_limit_is_refused(read: Read, content: str, name: str) -> None:
    assert len(read(content, name, max_rows=3)) == 3
    with pytest.raises(SourceMalformed, match="more than 2 rows"):
        read(content, name, max_rows=2)


PARQUET = """
COPY (SELECT 1::INTEGER AS i, 1.50::DECIMAL(10, 2) AS d, 'x' AS s, NULL::INTEGER AS n,
             TIMESTAMPTZ '2024-01-05 12:00:00+02' AS instant, NULL::TIMESTAMPTZ AS never,
             TIMESTAMP '2024-01-05 12:00:00' AS local_time, [1, 2] AS items, 1 AS "a""b")
TO '{path}' (FORMAT parquet)
"""


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    path = tmp_path / "made.parquet"
    with duckdb.connect() as connection:
        connection.execute(PARQUET.format(path=path))
    return path


def test_parquet_rows_have_python_values_and_aware_instants(read: Read, parquet: Path) -> None:
    (row,) = read(parquet.read_bytes(), "anything")

    assert row == {
        "i": 1,
        "d": Decimal("1.50"),
        "s": "x",
        "n": None,
        "instant": dt.datetime(2024, 1, 5, 10, 0, tzinfo=dt.UTC),
        "never": None,
        "local_time": dt.datetime(2024, 1, 5, 12, 0),  # noqa: DTZ001 (the file gives no zone)
        "items": [1, 2],
        'a"b': 1,
    }
    assert row["instant"].tzinfo is dt.UTC


@pytest.mark.parametrize("damage", [b"", b"PAR1xxxxxxxxPAR1", "cut"])
def test_damaged_parquet_is_refused_without_naming_our_folders(
    read: Read, parquet: Path, tmp_path: Path, damage: bytes | str
) -> None:
    content = parquet.read_bytes()[:-9] if isinstance(damage, str) else damage

    with pytest.raises(SourceMalformed, match="not readable as Parquet") as caught:
        read(content, "x.parquet")

    assert caught.value.message.startswith("x.parquet")
    assert str(tmp_path) not in caught.value.message


def test_reading_parquet_leaves_no_copy_behind(read: Read, parquet: Path, tmp_path: Path) -> None:
    read(parquet.read_bytes(), "x.parquet")

    assert list(tmp_path.iterdir()) == [parquet]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "ATTACH '{folder}/out.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '99GB'",
        "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
    ],
)
def test_the_reading_duckdb_reaches_nothing_but_its_file(parquet: Path, statement: str) -> None:
    with locked_down(parquet) as connection, pytest.raises(duckdb.Error):
        connection.execute(statement.format(folder=parquet.parent))

    assert list(parquet.parent.iterdir()) == [parquet]


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "a": st.text(st.characters(codec="utf-8", exclude_characters="\0\r")),
                "b": st.text(st.characters(codec="utf-8", exclude_characters="\0\r")),
            }
        )
    )
)
def test_any_text_survives_the_way_through_csv(rows: list[Row]) -> None:
    def quoted(value: str) -> str:
        return '"' + value.replace('"', '""') + '"'

    content = "a,b\n" + "".join(f"{quoted(r['a'])},{quoted(r['b'])}\n" for r in rows)

    read = read_rows(io.BytesIO(content.encode()), "x.csv", None, ReadLimits(), Path("unused"))

    assert read == rows


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_any_decimal_fraction_survives_the_way_through_json(number: Decimal) -> None:
    content = f'[{{"a": {number:f}}}]'

    (row,) = read_rows(io.BytesIO(content.encode()), "x.json", None, ReadLimits(), Path("unused"))

    assert row == {"a": number}
    assert str(row["a"]) == f"{number:f}"
