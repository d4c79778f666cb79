"""Running git on a repository that a tenant laid down, without letting it decide what runs.

Git reads a repository's own configuration, and some of its keys name programs. So the keys are
looked at before any other command runs, hooks are switched off, links and borrowed objects are
refused, and nothing of the machine's or the user's configuration is read.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from jobforge.adapters.targets.confined import parse_path
from jobforge.core.errors import DatasetMissing, PathDenied, TargetUnavailable
from jobforge.core.redaction import mask_text

_KNOWN_KEYS = re.compile(
    r"core\.(repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode"
    r"|symlinks|autocrlf|eol|compression|loosecompression|sharedrepository|abbrev|quotepath)"
    r"|extensions\.objectformat|(user|author|committer)\.(name|email)|init\.defaultbranch"
    r"|branch\..*|pull\.(ff|rebase)|push\.(default|followtags|autosetupremote)|color\..*"
    r"|remote\..*\.(url|pushurl|fetch|push|tagopt|prune)|gc\..*|receive\.deny.*"
    r"|receive\.advertisepushoptions"
)
_REFUSED_PARTS = ("commondir", "objects/info/alternates", "objects/info/http-alternates")
_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.fsync": "committed,reference",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.version": "2",
    "http.followRedirects": "false",
    "http.proxy": "",
    "credential.helper": "",
}


@dataclass(frozen=True, slots=True)
class GitFailed(Exception):
    """Git ended with an error; `said` is what it wrote, without secrets."""

    code: int
    said: str


@dataclass(frozen=True, slots=True)
class GitRepository:
    """A repository that was looked at; `place` is the folder git keeps its own files in."""

    place: Path
    is_bare: bool
    timeout: timedelta
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict)

    async def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run one git command and give what it writes.

        Raises:
            GitFailed: it ended with an error.
            TargetUnavailable: git is not installed, or it did not end in time.
        """
        program = shutil.which("git", path=os.defpath) or shutil.which("git")
        if program is None:
            raise TargetUnavailable("git is not installed on this machine")
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment(),
            cwd=self.place,
        )
        seconds = self.timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                written, said = await process.communicate(stdin)
        except TimeoutError:
            raise TargetUnavailable(f"git did not end within {seconds:g} seconds") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
        if process.returncode:
            raise GitFailed(process.returncode, mask_text(said.decode("utf-8", "replace").strip()))
        return written

    async def text(self, *arguments: str, stdin: bytes = b"") -> str:
        """The same as text, without the last line's end."""
        return (await self.run(*arguments, stdin=stdin)).decode("utf-8", "replace").strip()

    @contextmanager
    def scratch(self, *, keeps_objects: bool) -> Iterator[GitRepository]:
        """The repository with an index of its own; without `keeps_objects` nothing is written."""
        with tempfile.TemporaryDirectory(prefix="jobforge-git-") as folder:
            environment = {"GIT_INDEX_FILE": f"{folder}/index"}
            if not keeps_objects:
                environment["GIT_OBJECT_DIRECTORY"] = folder
                environment["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = str(self.place / "objects")
            yield GitRepository(self.place, self.is_bare, self.timeout, self.settings, environment)

    def with_settings(self, settings: Mapping[str, str]) -> GitRepository:
        """The repository under further configuration."""
        return GitRepository(self.place, self.is_bare, self.timeout, settings, self.environment)

    def _environment(self) -> dict[str, str]:
        settings = {**_SETTINGS, **self.settings}
        named = {
            f"GIT_CONFIG_{what}_{number}": text
            for number, pair in enumerate(settings.items())
            for what, text in zip(("KEY", "VALUE"), pair, strict=True)
        }
        return {
            "PATH": os.defpath,
            "LC_ALL": "C.UTF-8",
            "HOME": os.devnull,
            "GIT_DIR": str(self.place),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_ALLOW_PROTOCOL": "http:https",
            "GIT_CONFIG_COUNT": str(len(settings)),
            **named,
            **self.environment,
        }


async def open_repository(root: Path, repository: str, timeout: timedelta) -> GitRepository:
    """Find the repository below the tenant's folder and look whether it is safe to use.

    Raises:
        DatasetMissing: there is none.
        PathDenied: it leaves the folder, borrows from elsewhere, or is set up to run programs.
    """
    place = await asyncio.to_thread(_find, root, repository)
    opened = GitRepository(place, is_bare=place.name != ".git", timeout=timeout)
    names = ("config", "--file", str(place / "config"), "--no-includes", "--name-only", "--list")
    try:
        keys = (await opened.text(*names)).lower().splitlines()
    except GitFailed as failure:
        raise PathDenied(f"{repository} has no readable config: {failure.said}") from None
    if strange := sorted(key for key in keys if not _KNOWN_KEYS.fullmatch(key)):
        raise PathDenied(
            f"{repository}'s own config sets {strange[0]}, which may run a program",
            hint=f"git -C {repository} config --unset {strange[0]}",
        )
    return opened


def _find(root: Path, repository: str) -> Path:
    top = root.joinpath(*parse_path(repository))
    for place in (top / ".git", top):
        if (place / "HEAD").is_file() and (place / "objects").is_dir():
            _refuse_what_leads_out(root, place, repository)
            return place
    raise DatasetMissing(
        f"there is no git repository {repository} in the tenant's folder",
        hint=f"git clone URL JOBFORGE_DATA_ROOT/<tenant slug>/{repository}",
    )


def _refuse_what_leads_out(root: Path, place: Path, repository: str) -> None:
    if place.resolve() != root.resolve() / place.relative_to(root):
        raise PathDenied(f"{repository} is reached through a link")
    for part in _REFUSED_PARTS:
        if (place / part).exists():
            raise PathDenied(f"{repository} borrows from another repository ({part})")
    links = (
        entry
        for top in (place, place / "objects", place / "objects/pack", place / "objects/info")
        if top.is_dir()
        for entry in top.iterdir()
        if entry.is_symlink()
    )
    refs = (entry for entry in (place / "refs").rglob("*") if entry.is_symlink())
    for entry in (*links, *refs):
        raise PathDenied(f"{repository} holds the link {entry.relative_to(place)}")
