from __future__ import annotations

import datetime as dt
import gzip
import hashlib
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from jobforge.adapters.datasets.reader import DatasetReader
from jobforge.adapters.datasets.source import ReadLimits
from jobforge.adapters.datasets.store import store_dataset
from jobforge.adapters.targets.workspace import TenantWorkspace
from jobforge.core.data_source import DataSource, FileSource, InlineRows, NamedDataset
from jobforge.core.errors import DatasetMissing, PathDenied, SourceMalformed
from jobforge.ports.data import StoredDataset
from jobforge.ports.records import DatasetRecord

ACME = UUID("11111111-1111-4111-8111-111111111111")


class Place:
    """A tenant's folder, a registry of datasets and a reader over both."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.folder = base / "data" / "acme"
        self.scratch = base / "scratch"
        self.registered: dict[str, DatasetRecord] = {}
        self.folder.mkdir(parents=True)
        self.scratch.mkdir()

    def reader(self, limits: ReadLimits | None = None) -> DatasetReader:
        return DatasetReader(
            workspace=TenantWorkspace(self.folder),
            find=self.find,
            scratch=self.scratch,
            limits=limits,
        )

    async def find(self, name: str) -> DatasetRecord | None:
        return self.registered.get(name)

    def register(self, name: str, content: bytes, file_name: str) -> StoredDataset:
        source = self.base / file_name
        source.write_bytes(content)
        facts = store_dataset(self.base / "home", ACME, source)
        self.registered[name] = DatasetRecord(
            project_id=None,
            name=name,
            path=str(facts.path),
            format=facts.format,
            size=facts.size,
            checksum=facts.checksum,
            row_count=facts.row_count,
            columns=facts.columns,
            created_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        )
        return facts


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def test_a_registered_dataset_is_read_by_its_name(place: Place) -> None:
    place.register("bills", gzip.compress(b"a\n1\n"), "bills.csv.gz")

    assert await place.reader().rows(NamedDataset(name="bills")) == [{"a": "1"}]


async def test_a_missing_dataset_names_the_command_that_adds_it(place: Place) -> None:
    with pytest.raises(DatasetMissing, match="jobforge data add 'my bills' PATH"):
        await place.reader().rows(NamedDataset(name="my bills"))
    with pytest.raises(DatasetMissing, match="jobforge data add"):
        await place.reader().file(NamedDataset(name="my bills"))


async def test_an_edited_copy_of_a_dataset_is_not_read(place: Place) -> None:
    facts = place.register("bills", b"a\n1\n", "bills.csv")
    facts.path.chmod(0o600)
    facts.path.write_bytes(b"a\n2\n")

    with pytest.raises(SourceMalformed, match="dataset bills was changed"):
        await place.reader().rows(NamedDataset(name="bills"))
    with pytest.raises(SourceMalformed, match="dataset bills was changed"):
        await place.reader().file(NamedDataset(name="bills"))


async def test_a_file_of_the_tenants_folder_is_read_by_its_relative_path(place: Place) -> None:
    (place.folder / "fixtures").mkdir()
    (place.folder / "fixtures" / "events.json").write_text('{"events": [{"amount": 1.10}]}')

    rows = await place.reader().rows(FileSource(path="./fixtures/events.json", format="json"))

    assert rows == [{"amount": Decimal("1.10")}]


@pytest.mark.parametrize("path", ["../other/x.csv", "/etc/passwd", "out"])
async def test_a_path_that_leaves_the_folder_is_denied(place: Place, path: str) -> None:
    (place.folder / "out").symlink_to("/etc/passwd")

    with pytest.raises(PathDenied):
        await place.reader().rows(FileSource(path=path))
    with pytest.raises(PathDenied):
        await place.reader().file(FileSource(path=path))


async def test_a_missing_file_says_where_files_lie(place: Place) -> None:
    with pytest.raises(DatasetMissing, match=r"no file absent\.csv") as caught:
        await place.reader().rows(FileSource(path="absent.csv"))

    assert caught.value.hint is not None
    assert "JOBFORGE_DATA_ROOT" in caught.value.hint


async def test_inline_rows_are_as_exact_as_those_of_a_file(place: Place) -> None:
    source = InlineRows(rows=({"a": 0.1, "b": [1, {"c": 2.50}], "d": True},))

    rows = await place.reader().rows(source)

    assert rows == [{"a": Decimal("0.1"), "b": [1, {"c": Decimal("2.5")}], "d": True}]
    assert rows[0]["d"] is True


async def test_a_stored_dataset_as_a_file_is_the_stored_copy(place: Place) -> None:
    facts = place.register("bills", b"a\n1\n", "bills.csv")

    file = await place.reader().file(NamedDataset(name="bills"))

    assert (file.path, file.format, file.checksum) == (facts.path, "csv", facts.checksum)


@pytest.mark.parametrize(
    "source",
    [
        NamedDataset(name="bills"),
        FileSource(path="bills.csv.gz"),
        FileSource(path="bills.csv"),
    ],
)
async def test_a_file_handed_out_is_unzipped_and_has_its_own_checksum(
    place: Place, source: DataSource
) -> None:
    place.register("bills", gzip.compress(b"a\n1\n"), "bills.csv.gz")
    (place.folder / "bills.csv.gz").write_bytes(gzip.compress(b"a\n1\n"))
    (place.folder / "bills.csv").write_bytes(b"a\n1\n")

    file = await place.reader().file(source)

    assert file.path.read_bytes() == b"a\n1\n"
    assert file.format == "csv"
    assert file.checksum == "sha256:" + hashlib.sha256(b"a\n1\n").hexdigest()
    assert file.path.parent == place.scratch


async def test_a_tenants_file_is_handed_out_as_a_copy_that_no_longer_changes(place: Place) -> None:
    (place.folder / "x.csv").write_text("a\n1\n")
    file = await place.reader().file(FileSource(path="x.csv"))

    (place.folder / "x.csv").write_text("a\n2\n")

    assert file.path.read_text() == "a\n1\n"


async def test_inline_rows_as_a_file_are_ndjson(place: Place) -> None:
    source = InlineRows(rows=({"a": 0.1}, {"a": "é"}))

    file = await place.reader().file(source)

    assert file.format == "ndjson"
    assert file.path.read_text(encoding="utf-8") == '{"a": 0.1}\n{"a": "é"}\n'


async def test_the_limits_hold_for_every_way_in(place: Place) -> None:
    place.register("bills", b"a\n1\n2\n", "bills.csv")
    (place.folder / "x.csv").write_text("a\n1\n2\n")
    reader = place.reader(ReadLimits(max_rows=1, max_file_bytes=5))

    for source in (NamedDataset(name="bills"), FileSource(path="x.csv")):
        with pytest.raises(SourceMalformed, match="more than 1 rows"):
            await reader.rows(source)
    with pytest.raises(SourceMalformed, match="more than 5 bytes"):
        await reader.file(FileSource(path="x.csv"))
