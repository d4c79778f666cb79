from __future__ import annotations

import asyncio
import fcntl
import os
import resource
import socket
import stat
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from jobforge.adapters.targets.confined import TEMPORARY_PREFIX, Walk, open_no_link
from jobforge.adapters.targets.workspace import MAX_DEPTH, TenantWorkspace
from jobforge.contract.canonical import checksum_of
from jobforge.core.errors import (
    DatasetMissing,
    PathDenied,
    PayloadInvalid,
    PlanStale,
    SourceMalformed,
    TargetUnavailable,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "acme"
    (folder / "fixtures").mkdir(parents=True)
    (folder / "fixtures" / "x.json").write_bytes(b"{}")
    (tmp_path / "data" / "other").mkdir()
    (tmp_path / "data" / "other" / "secret.txt").write_bytes(b"theirs")
    return folder


@pytest.fixture
def workspace(root: Path) -> TenantWorkspace:
    return TenantWorkspace(root)


@pytest.mark.parametrize("path", ["fixtures/x.json", "./fixtures/x.json", "fixtures//./x.json"])
async def test_a_file_is_read_by_any_plain_spelling(workspace: TenantWorkspace, path: str) -> None:
    assert await workspace.read(path) == b"{}"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "//etc/passwd",
        "..",
        "../other/secret.txt",
        "fixtures/../../other/secret.txt",
        "fixtures/../fixtures/x.json",
        "fixtures/x.json\0.png",
        "\ud800",
        "x" * 300,
        f"fixtures/{TEMPORARY_PREFIX}abc",
    ],
)
async def test_a_path_that_leaves_the_folder_is_denied_in_every_verb(
    workspace: TenantWorkspace, root: Path, path: str
) -> None:
    with pytest.raises(PathDenied):
        await workspace.read(path)
    with pytest.raises(PathDenied):
        await workspace.list(path)
    with pytest.raises(PathDenied):
        await workspace.replace(path, b"", expected_checksum=None)
    with pytest.raises(PathDenied):
        await workspace.remove(path, expected_checksum=checksum_of(b"theirs"))

    assert (root.parent / "other" / "secret.txt").read_bytes() == b"theirs"


@pytest.mark.parametrize(
    ("link", "target", "path"),
    [
        ("out", "../other/secret.txt", "out"),
        ("out", "../other", "out/secret.txt"),
        ("fixtures/out", "../../other", "fixtures/out/secret.txt"),
        ("out", "/etc", "out/passwd"),
        ("out", "fixtures/../../other", "out/secret.txt"),
        ("out", "..", "out/other/secret.txt"),
    ],
)
async def test_a_link_that_leaves_the_folder_is_denied_in_every_verb(
    workspace: TenantWorkspace, root: Path, link: str, target: str, path: str
) -> None:
    (root / link).symlink_to(target)

    with pytest.raises(PathDenied):
        await workspace.read(path)
    with pytest.raises(PathDenied):
        await workspace.replace(path, b"ours", expected_checksum=checksum_of(b"theirs"))
    with pytest.raises(PathDenied):
        await workspace.remove(path, expected_checksum=checksum_of(b"theirs"))

    assert (root.parent / "other" / "secret.txt").read_bytes() == b"theirs"


async def test_a_link_to_a_name_outside_creates_nothing_there(
    workspace: TenantWorkspace, root: Path
) -> None:
    (root / "out").symlink_to("../other")

    with pytest.raises(PathDenied):
        await workspace.replace("out/new.txt", b"", expected_checksum=None)
    with pytest.raises(PathDenied):
        await workspace.replace("out/deep/new.txt", b"", expected_checksum=None)

    assert sorted(p.name for p in (root.parent / "other").iterdir()) == ["secret.txt"]


async def test_links_that_stay_inside_are_followed(workspace: TenantWorkspace, root: Path) -> None:
    (root / "current").symlink_to("fixtures")
    (root / "absolute").symlink_to(root / "fixtures" / "x.json")
    (root / "fixtures" / "back").symlink_to("../fixtures/x.json")

    assert await workspace.read("current/x.json") == b"{}"
    assert await workspace.read("absolute") == b"{}"
    assert await workspace.read("fixtures/back") == b"{}"


async def test_writing_through_a_link_replaces_the_file_and_keeps_the_link(
    workspace: TenantWorkspace, root: Path
) -> None:
    (root / "latest.json").symlink_to("fixtures/x.json")

    await workspace.replace("latest.json", b"[]", expected_checksum=checksum_of(b"{}"))

    assert (root / "latest.json").is_symlink()
    assert (root / "fixtures" / "x.json").read_bytes() == b"[]"


async def test_links_in_a_circle_are_denied(workspace: TenantWorkspace, root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")

    with pytest.raises(PathDenied, match="circle"):
        await workspace.read("a")


def test_a_link_put_in_after_the_look_is_not_opened(root: Path) -> None:
    (root / "out").symlink_to("../other")
    (root / "link").symlink_to("../other/secret.txt")
    walk = Walk(root)

    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        walk.enter("out")
    with pytest.raises(OSError, match="symbolic links"):
        open_no_link(walk.folder, "link")

    walk.close()


SWAP_FOLDER = """
while True:
    os.rename("fixtures", "aside"); os.rename("out", "fixtures")
    os.rename("fixtures", "out"); os.rename("aside", "fixtures")
"""
SWAP_FILE = """
while True:
    os.rename("fixtures/x.json", "aside"); os.rename("link", "fixtures/x.json")
    os.rename("fixtures/x.json", "link"); os.rename("aside", "fixtures/x.json")
"""


@pytest.mark.parametrize("swap", [SWAP_FOLDER, SWAP_FILE])
def test_what_is_swapped_for_a_link_while_walking_is_never_followed_out(
    root: Path, swap: str
) -> None:
    other = root.parent / "other"
    (other / "x.json").write_bytes(b"theirs")
    (root / "out").symlink_to(other)
    (root / "link").symlink_to(other / "x.json")
    script = f"import os\nos.chdir({str(root)!r})\n{swap}"
    swapper = subprocess.Popen([sys.executable, "-c", script])  # noqa: S603 (our own script)
    seen: Counter[bytes] = Counter()
    try:
        # Until both states were met often; a walk that follows links meets the wrong one by then.
        while min(seen[b"{}"], seen[b"refused"]) < 300:
            try:
                with TenantWorkspace(root).open("fixtures/x.json") as stream:
                    seen[stream.read()] += 1
            except PathDenied:
                seen[b"refused"] += 1
            except DatasetMissing:
                seen[b"missing"] += 1
            assert seen.total() < 50_000
    finally:
        swapper.kill()
        swapper.wait()

    assert set(seen) <= {b"{}", b"refused", b"missing"}


async def test_pipes_sockets_and_folders_are_denied_without_waiting(
    workspace: TenantWorkspace, root: Path
) -> None:
    os.mkfifo(root / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(root / "sock"))

    async with asyncio.timeout(2):
        for name in ("pipe", "sock", "fixtures", "."):
            with pytest.raises(PathDenied):
                await workspace.read(name)
            with pytest.raises(PathDenied):
                await workspace.replace(name, b"", expected_checksum=None)

    listener.close()
    assert stat.S_ISFIFO((root / "pipe").stat().st_mode)


async def test_a_device_is_denied(workspace: TenantWorkspace, root: Path) -> None:
    try:
        os.mknod(root / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("making a device needs root")

    with pytest.raises(PathDenied):
        await workspace.read("zero")


@pytest.mark.parametrize("path", ["absent.json", "absent/x.json", "fixtures/x.json/deeper"])
async def test_a_missing_file_is_named(workspace: TenantWorkspace, path: str) -> None:
    with pytest.raises(DatasetMissing, match=path):
        await workspace.read(path)


async def test_a_folder_that_was_never_made_has_no_files(tmp_path: Path) -> None:
    workspace = TenantWorkspace(tmp_path / "never")

    with pytest.raises(DatasetMissing):
        await workspace.read("x.json")
    with pytest.raises(DatasetMissing):
        await workspace.list(".")


async def test_a_file_above_the_limit_is_neither_read_nor_written(root: Path) -> None:
    workspace = TenantWorkspace(root, max_bytes=4)
    (root / "four").write_bytes(b"1234")
    (root / "five").write_bytes(b"12345")

    assert await workspace.read("four") == b"1234"
    with pytest.raises(SourceMalformed, match="more than 4 bytes"):
        await workspace.read("five")
    with pytest.raises(PayloadInvalid):
        await workspace.replace("new", b"12345", expected_checksum=None)
    assert not (root / "new").exists()


async def test_the_list_has_regular_files_only_sorted_and_by_suffix(
    workspace: TenantWorkspace, root: Path
) -> None:
    (root / "b.html").write_text("b")
    (root / "sub").mkdir()
    (root / "sub" / "a.html").write_text("a")
    (root / "link.html").symlink_to("b.html")
    (root / "out").symlink_to("../other")
    (root / f"{TEMPORARY_PREFIX}1.html").write_text("half written")
    os.mkfifo(root / "pipe.html")

    assert await workspace.list(".") == ("b.html", "fixtures/x.json", "sub/a.html")
    assert await workspace.list(".", suffixes=(".html", ".htm")) == ("b.html", "sub/a.html")
    assert await workspace.list("./sub/") == ("sub/a.html",)


async def test_what_was_listed_can_be_read(workspace: TenantWorkspace) -> None:
    (name,) = await workspace.list(".")

    assert await workspace.read(name) == b"{}"


async def test_a_list_of_a_missing_folder_or_of_a_file_is_an_error(
    workspace: TenantWorkspace,
) -> None:
    for path in ("absent", "fixtures/x.json"):
        with pytest.raises(DatasetMissing):
            await workspace.list(path)


async def test_a_bottomless_folder_is_refused(workspace: TenantWorkspace, root: Path) -> None:
    folder = root
    for _ in range(MAX_DEPTH + 2):
        folder = folder / "d"
    folder.mkdir(parents=True)

    with pytest.raises(SourceMalformed, match="nested deeper"):
        await workspace.list(".")


async def test_a_name_that_is_not_text_is_named(workspace: TenantWorkspace, root: Path) -> None:
    try:
        (root / os.fsdecode(b"caf\xe9.csv")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")

    with pytest.raises(SourceMalformed, match="not UTF-8"):
        await workspace.list(".")


async def test_a_replacement_keeps_the_mode(workspace: TenantWorkspace, root: Path) -> None:
    target = root / "fixtures" / "x.json"
    target.chmod(0o604)

    await workspace.replace("fixtures/x.json", b"[1]", expected_checksum=checksum_of(b"{}"))

    assert target.read_bytes() == b"[1]"
    assert stat.S_IMODE(target.stat().st_mode) == 0o604


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
async def test_a_replacement_keeps_the_owner(workspace: TenantWorkspace, root: Path) -> None:
    target = root / "fixtures" / "x.json"
    os.chown(target, 12345, 12346)

    await workspace.replace("fixtures/x.json", b"[1]", expected_checksum=checksum_of(b"{}"))

    assert (target.stat().st_uid, target.stat().st_gid) == (12345, 12346)


async def test_a_changed_file_is_not_replaced_and_the_error_says_from_what_to_what(
    workspace: TenantWorkspace, root: Path
) -> None:
    planned, current = checksum_of(b"planned"), checksum_of(b"{}")

    with pytest.raises(PlanStale, match=f"{planned} -> {current}"):
        await workspace.replace("fixtures/x.json", b"[]", expected_checksum=planned)
    with pytest.raises(PlanStale, match=f"{planned} -> {current}"):
        await workspace.remove("fixtures/x.json", expected_checksum=planned)

    assert (root / "fixtures" / "x.json").read_bytes() == b"{}"


async def test_a_file_that_should_not_exist_yet_is_stale_if_it_does(
    workspace: TenantWorkspace,
) -> None:
    with pytest.raises(PlanStale, match="None -> sha256"):
        await workspace.replace("fixtures/x.json", b"[]", expected_checksum=None)


@pytest.mark.parametrize("path", ["gone.json", "gone/deep.json"])
async def test_a_file_that_is_gone_is_stale(workspace: TenantWorkspace, path: str) -> None:
    with pytest.raises(PlanStale, match="-> None"):
        await workspace.replace(path, b"", expected_checksum=checksum_of(b""))
    with pytest.raises(PlanStale, match="-> None"):
        await workspace.remove(path, expected_checksum=checksum_of(b""))


async def test_a_new_file_makes_its_folders(tmp_path: Path) -> None:
    workspace = TenantWorkspace(tmp_path / "new-tenant")

    await workspace.replace("a/b/c.json", b"{}", expected_checksum=None)

    assert await workspace.read("a/b/c.json") == b"{}"


async def test_a_removed_file_is_gone(workspace: TenantWorkspace, root: Path) -> None:
    await workspace.remove("fixtures/x.json", expected_checksum=checksum_of(b"{}"))

    assert not (root / "fixtures" / "x.json").exists()


async def test_of_many_writers_with_one_expectation_exactly_one_wins(
    workspace: TenantWorkspace, root: Path
) -> None:
    # Large, so that the comparisons of writers without a lock would overlap.
    (root / "fixtures" / "x.json").write_bytes(b" " * 5_000_000)
    contents = [f"writer {n}".encode() for n in range(16)]
    expected = checksum_of(b" " * 5_000_000)

    outcomes = await asyncio.gather(
        *(
            TenantWorkspace(root).replace("fixtures/x.json", content, expected_checksum=expected)
            for content in contents
        ),
        return_exceptions=True,
    )

    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, PlanStale) for outcome in outcomes) == 15
    assert await workspace.read("fixtures/x.json") in contents


async def test_a_writer_does_not_wait_for_ever_for_another(root: Path) -> None:
    workspace = TenantWorkspace(root, lock_patience=timedelta(milliseconds=50))
    holder = os.open(root, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)

    with pytest.raises(TargetUnavailable, match="another writer"):
        await workspace.remove("fixtures/x.json", expected_checksum=checksum_of(b"{}"))
    os.close(holder)
    await workspace.remove("fixtures/x.json", expected_checksum=checksum_of(b"{}"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_without_write_permission_is_denied(
    workspace: TenantWorkspace, root: Path
) -> None:
    (root / "fixtures").chmod(0o500)

    with pytest.raises(PathDenied, match="Permission denied"):
        await workspace.replace("fixtures/new", b"", expected_checksum=None)


async def test_a_write_that_fails_leaves_the_old_file_and_no_rubbish(
    workspace: TenantWorkspace, root: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(TargetUnavailable, match="File too large"):
            await workspace.replace(
                "fixtures/x.json", b"x" * 2000, expected_checksum=checksum_of(b"{}")
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert [path.name for path in (root / "fixtures").iterdir()] == ["x.json"]
    assert await workspace.read("fixtures/x.json") == b"{}"
