from __future__ import annotations

import gzip
import hashlib
import os
import stat
from pathlib import Path
from uuid import UUID

import duckdb
import pytest

from jobforge.adapters.datasets.store import (
    FileDatasetStore,
    inspect_dataset,
    open_stored,
    remove_stored_dataset,
    store_dataset,
)
from jobforge.core.errors import DatasetMissing, SourceMalformed

ACME = UUID("11111111-1111-4111-8111-111111111111")
OTHER = UUID("22222222-2222-4222-8222-222222222222")


def sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.csv", b"b,a\n1,2\n3,4\n", ("csv", ("b", "a"), 2)),
        ("x.csv", b"b,a\n", ("csv", ("b", "a"), 0)),
        ("x.csv.gz", gzip.compress(b"b,a\n1,2\n", mtime=0), ("csv", ("b", "a"), 1)),
        ("x.json", b'[{"b": 1}, {"a": 2, "b": 3}]', ("json", ("b", "a"), 2)),
        ("x.json", b"[]", ("json", (), 0)),
        ("x.jsonl", b'{"b": 1}\n{"a": 2}\n{"b": 1}\n', ("ndjson", ("b", "a"), 3)),
    ],
)
def test_a_file_is_described_by_format_columns_rows_size_and_checksum(
    tmp_path: Path, name: str, content: bytes, expected: tuple[str, tuple[str, ...], int]
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    facts = inspect_dataset(path)

    assert (facts.format, facts.columns, facts.row_count) == expected
    assert (facts.path, facts.size, facts.checksum) == (path, len(content), sha256(content))


def test_parquet_is_described_by_its_footer(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    with duckdb.connect() as connection:
        connection.sql("SELECT range AS b, 1 AS a FROM range(7)").write_parquet(str(path))

    facts = inspect_dataset(path)

    assert (facts.format, facts.columns, facts.row_count) == ("parquet", ("b", "a"), 7)


def test_a_stored_copy_lies_by_tenant_and_content_for_its_owner_only(tmp_path: Path) -> None:
    source = tmp_path / "bills.csv"
    source.write_bytes(b"a\n1\n")

    facts = store_dataset(tmp_path / "home", ACME, source)

    digest = hashlib.sha256(b"a\n1\n").hexdigest()
    assert facts.path == tmp_path / "home" / "datasets" / str(ACME) / digest
    assert facts.path.read_bytes() == b"a\n1\n"
    assert (facts.format, facts.columns, facts.row_count, facts.size) == ("csv", ("a",), 1, 4)
    assert facts.checksum == f"sha256:{digest}"
    assert stat.S_IMODE(facts.path.stat().st_mode) == 0o400
    assert stat.S_IMODE(facts.path.parent.stat().st_mode) == 0o700


async def test_the_store_keeps_copies_below_its_home(tmp_path: Path) -> None:
    source = tmp_path / "bills.csv"
    source.write_bytes(b"a\n1\n")

    stored = await FileDatasetStore(tmp_path / "home").add(ACME, source)

    assert stored == store_dataset(tmp_path / "home", ACME, source)


def test_the_same_content_twice_is_one_file_but_never_across_tenants(tmp_path: Path) -> None:
    source = tmp_path / "bills.csv"
    source.write_bytes(b"a\n1\n")

    first = store_dataset(tmp_path, ACME, source)
    second = store_dataset(tmp_path, ACME, source)
    theirs = store_dataset(tmp_path, OTHER, source)

    assert first == second
    assert list(first.path.parent.iterdir()) == [first.path]
    assert theirs.path != first.path


def test_a_malformed_source_is_refused_by_its_own_name_and_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "bills.csv"
    source.write_bytes(b"a,b\n1\n")

    with pytest.raises(SourceMalformed, match=r"^bills\.csv, line 2"):
        store_dataset(tmp_path / "home", ACME, source)

    assert not any((tmp_path / "home").rglob("*.*"))
    assert list((tmp_path / "home" / "datasets" / str(ACME)).iterdir()) == []


def test_a_missing_source_is_missing_and_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(DatasetMissing, match="No such file"):
        store_dataset(tmp_path, ACME, tmp_path / "absent.csv")
    with pytest.raises(SourceMalformed, match="not a regular file"):
        store_dataset(tmp_path, ACME, tmp_path / "pipe")
    with pytest.raises(SourceMalformed, match="not a regular file"):
        inspect_dataset(tmp_path)


def test_a_stored_copy_that_was_edited_is_noticed(tmp_path: Path) -> None:
    source = tmp_path / "bills.csv"
    source.write_bytes(b"a\n1\n")
    facts = store_dataset(tmp_path, ACME, source)

    with open_stored(facts.path, "bills", facts.checksum) as stream:
        assert stream.read() == b"a\n1\n"
    facts.path.chmod(0o600)
    facts.path.write_bytes(b"a\n2\n")
    with pytest.raises(SourceMalformed, match="changed on the disk"):
        open_stored(facts.path, "bills", facts.checksum)


def test_a_removed_copy_is_gone_and_removing_again_does_nothing(tmp_path: Path) -> None:
    source = tmp_path / "bills.csv"
    source.write_bytes(b"a\n1\n")
    facts = store_dataset(tmp_path, ACME, source)

    remove_stored_dataset(tmp_path, ACME, facts.checksum)
    remove_stored_dataset(tmp_path, ACME, facts.checksum)

    assert not facts.path.exists()
    with pytest.raises(DatasetMissing, match="file of dataset bills"):
        open_stored(facts.path, "bills", facts.checksum)
