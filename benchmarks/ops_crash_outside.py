"""Targets that cannot be undone exactly, for `ops_apply_crash`: git and PostgreSQL are real."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
from typing_extensions import override

from benchmarks.ops_crash_worlds import BRANCH, Faults, Faulty, Json, LocalGit, run_alone, run_git
from jobforge.adapters.probes.postgres import PostgresProbe
from jobforge.adapters.targets.databases import PostgresDatabases
from jobforge.core.context import Row
from jobforge.core.effects import PlannedEffect
from jobforge.core.errors import TargetUnavailable
from jobforge.core.targets import EndpointAnswer, EndpointCall, JournalEntry
from jobforge.testing.context import MemoryContext, MemoryProbes

_IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{}')"
_COUNTS = (
    "SELECT greatest(vacuum_count, analyze_count) FROM pg_stat_all_tables WHERE relname = '{}'"
)


@dataclass
class FileEndpoint:
    """An endpoint with a switch whose every effect is a line of a file."""

    log: Path
    honours_keys: bool
    loses_answers: bool
    refuses: bool

    async def check(self, connection: str, method: str, path: str) -> bool:  # noqa: ARG002 (the port's signature)
        """Whether it answers a repeated key without doing it again."""
        return self.honours_keys

    @property
    def effects(self) -> list[str]:
        """Paths in the order they took effect."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line.split(" ")[0] for line in lines]

    async def call(self, connection: str, call: EndpointCall) -> EndpointAnswer:  # noqa: ARG002 (the port's signature)
        """Switch on or off, or tell."""
        if call.method == "GET":
            is_on = self.effects[-1:] == ["/on"]
            return EndpointAnswer(status=200, body=json.dumps({"on": is_on}).encode())
        if self.refuses and call.path == "/on":
            return EndpointAnswer(status=409, body=b"")
        known = self.log.read_text() if self.log.exists() else ""
        line = f"{call.path} {call.idempotency_key}\n"
        if not (self.honours_keys and line in known):
            descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(descriptor, line.encode())
            os.close(descriptor)
        if self.loses_answers and not known:
            raise TargetUnavailable("no answer")
        return EndpointAnswer(status=200, body=b"{}")


class OwnSessions:
    """Sessions on the benchmark's own server."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    @asynccontextmanager
    async def open(self, connection: str) -> AsyncIterator[Any]:
        """Open one."""
        session = await asyncpg.connect(self._dsn, server_settings={"application_name": connection})
        try:
            yield session
        finally:
            session.terminate()


@dataclass
class OwnProbes(MemoryProbes):
    """Questions to the benchmark's own server."""

    real: Any = None

    @override
    async def postgres(
        self, connection: str, queries: Mapping[str, str], *, timeout: timedelta
    ) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = await self.real.read(connection, queries, timeout=timeout)
        return found


@dataclass
class OutsideWorld:
    """A push, an index, a vacuum and a runbook's call, some of them together."""

    folder: Path
    template: Path
    dsn: str
    number: int
    flags: dict[str, bool] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    is_edited: bool = False

    def __post_init__(self) -> None:
        self.root = self.folder / "files"
        self.remote = self.folder / "remote.git"
        shutil.copytree(self.template, self.root / "shop")
        self.table = f"t{self.number}"
        self.index = f"i{self.number}"

    def changes(self, random: Random) -> list[Json]:
        """Some of the four, of random kinds."""
        kinds = ["push", "create_index", "drop_index", "vacuum", "analyze", "http"]
        self.parts = random.sample(kinds, random.randint(1, 3))
        if {"create_index", "drop_index"} <= set(self.parts):
            self.parts.remove("drop_index")
        names = ("honours", "loses", "refuses", "has_check", "has_undo")
        chances = (0.5, 0.3, 0.1, 0.5, 0.5)
        pairs = zip(names, chances, strict=True)
        self.flags = {name: random.random() < chance for name, chance in pairs}
        if "push" in self.parts:
            run_git(self.folder, "init", "--quiet", "--bare", "remote.git")
        self._sql(
            f"CREATE TABLE {self.table} (id integer, n integer)",
            f"INSERT INTO {self.table} SELECT n, n % 7 FROM generate_series(1, 200) AS n",  # noqa: S608 (our own name)
            *([f"CREATE INDEX {self.index} ON {self.table} (n)"]
              if "drop_index" in self.parts else []),
        )  # fmt: skip
        return [self._change(part) for part in self.parts]

    def _change(self, part: str) -> Json:
        if part == "push":
            patch = [{"op": "replace", "path": "/n", "value": 2}]
            return {"adapter": "git", "repository": "shop", "branch": BRANCH, "message": "change",
                    "files": [{"path": "a.yaml", "patch": patch}], "push": "origin"}  # fmt: skip
        if part == "http":
            check = {"path": "/state", "pointer": "/on", "value": True}
            more: Json = {"check": check} if self.flags["has_check"] else {}
            more |= {"undo": {"path": "/off"}} if self.flags["has_undo"] else {}
            return {"adapter": "http", "connection": "pager", "path": "/on"} | more
        operation: Json = {"kind": part}
        operation |= {"name": self.index} if "index" in part else {"table": self.table}
        operation |= {"table": self.table, "columns": ["n"]} if part == "create_index" else {}
        return {"adapter": "postgres", "connection": "shop", "operation": operation}

    @property
    def endpoint(self) -> FileEndpoint:
        """The endpoint."""
        log = self.folder / "calls"
        return FileEndpoint(log, self.flags["honours"], self.flags["loses"], self.flags["refuses"])

    def context(self, faults: Faults) -> MemoryContext:
        """Real git, a real server, and the endpoint in a file."""
        sessions: Any = OwnSessions(self.dsn)
        probes = OwnProbes(real=Faulty(PostgresProbe(sessions), faults))
        return MemoryContext(
            repositories=Faulty(LocalGit(self.root, self.remote), faults),  # type: ignore[arg-type]  # duck-typed
            databases=Faulty(PostgresDatabases(sessions), faults),  # type: ignore[arg-type]  # duck-typed
            endpoints=Faulty(self.endpoint, faults),  # type: ignore[arg-type]  # duck-typed
            probes=probes,
        )

    def edit(self, random: Random) -> None:  # noqa: ARG002 (one kind of edit)
        """Somebody else pushes to the remote's branch."""
        if "push" in self.parts and not self.is_edited:
            self.is_edited = True
            tree = run_git(self.remote, "hash-object", "-w", "-t", "tree", os.devnull)
            commit = run_git(self.remote, "commit-tree", "-m", "theirs", tree)
            run_git(self.remote, "update-ref", f"refs/heads/{BRANCH}", commit)

    def _sql(self, *statements: str) -> Any:  # noqa: ANN401 (a value of the last statement)
        async def run() -> Any:  # noqa: ANN401 (a value of the last statement)
            session = await asyncpg.connect(self.dsn)
            try:
                for statement in statements[:-1]:
                    await session.execute(statement)
                return await session.fetchval(statements[-1])
            finally:
                await session.close()

        return run_alone(run())

    def _states(self) -> dict[str, bool]:
        """For each part whether it is done."""
        found: dict[str, bool] = {}
        if "push" in self.parts:
            heads = run_git(self.remote, "for-each-ref", "--format=%(subject)", "refs/heads")
            found["push"] = "change" in heads
            found["branch"] = "change" in run_git(self.root / "shop", "log", "--all", "--format=%s")
        for part in {"create_index", "drop_index"} & set(self.parts):
            query = (
                f"SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{self.index}')"  # noqa: S608 (our own name)
            )
            is_there = bool(self._sql(query))
            found[part] = is_there if part == "create_index" else not is_there
        if "http" in self.parts:
            found["http"] = self.endpoint.effects[-1:] == ["/on"]
        return found

    def judge(
        self, effects: tuple[PlannedEffect, ...], ended: str, journal: tuple[JournalEntry, ...]
    ) -> str | None:
        """Verified, undone, or a person is asked and the journal has all that was touched."""
        states = self._states()
        begun = {entry.step for entry in journal if entry.state == "begun"}
        touched = {name for name, is_done in states.items() if is_done}
        named = {self._part_of(effect): n for n, effect in enumerate(effects)}
        missing = [name for name in touched if named.get(name) not in begun]
        if missing:
            return f"done without a line in the journal: {missing}"
        if ended == "needs_person":
            is_told = any(entry.state == "needs_person" for entry in journal)
            return None if is_told else "a person is asked, and the journal does not say so"
        if ended == "applied":
            lost = [name for name, is_done in states.items() if not is_done]
            return f"applied, but not {lost}" if lost else None
        left = touched - ({"push", "branch"} if self.is_edited else set())
        return f"failed, and not taken back: {left}" if left else None

    def _part_of(self, effect: PlannedEffect) -> str:
        if effect.target.startswith("git:"):
            return "branch"
        if effect.target.startswith("push:"):
            return "push"
        if effect.target.startswith("http:"):
            return "http"
        kinds = {"create": "create_index", "delete": "drop_index"}
        return kinds[effect.change] if " index " in effect.target else "vacuum"

    @property
    def is_applied_twice(self) -> bool:
        """Whether the call took effect twice, or the table was vacuumed or analysed twice."""
        counts = self._sql(_COUNTS.format(self.table))
        return self.endpoint.effects.count("/on") > 1 or (counts or 0) > 1
