"""The demo's story: each step is a command, run as anybody would run it."""

from __future__ import annotations

import io
import json
import secrets
import shlex
import shutil
import sys
from collections.abc import Container
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from jobforge.bootstrap import home_of
from jobforge.config import set_for_this_process
from jobforge.entrypoints.cli.demo import sample_bundles as bundles
from jobforge.entrypoints.cli.demo.sample_files import write_files
from jobforge.entrypoints.cli.demo.sample_site import sample_site
from jobforge.entrypoints.cli.session import Session, errors, out


class Command(Protocol):
    """The whole command line."""

    def main(self, args: list[str], *, standalone_mode: bool) -> Any:  # noqa: ANN401 (its exit code)
        """Run one command."""
        ...


_MARK = ".made-by-jobforge-demo"
_EACH_BY_ITSELF = "each request is decided by itself"


def run_demo(app: Command) -> int:
    """Tell the whole story; 0 if every step ended as it should."""
    folder = home_of() / "demo"
    _make_fresh(folder)
    with sample_site() as port:
        _switch_on(folder, port)
        with Session():
            story = _Story(app, folder, port)
            story.tell()
            return story.end()


def _make_fresh(folder: Path) -> None:
    """Each demo starts from nothing; only a folder of an earlier demo is removed."""
    if (folder / _MARK).exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).touch()


def _switch_on(folder: Path, port: int) -> None:
    switched = {
        "JOBFORGE_HOME": str(folder / "home"),
        "JOBFORGE_DATA_ROOT": str(folder / "workspaces"),
        "JOBFORGE_AUTOPILOT_JOBS_ENABLED": "1",
        "JOBFORGE_ACTION_JOBS_ENABLED": "1",
        "JOBFORGE_EGRESS_ALLOW": f"127.0.0.1:{port}",
        "JOBFORGE_POLICY_TOKEN_SECRET": secrets.token_hex(32),
    }
    set_for_this_process(**switched)
    table = Table.grid(padding=(0, 2))
    for name, value in switched.items():
        table.add_row(name, "(random, 32 bytes)" if "SECRET" in name else value)
    out.print(Panel(table, title="Switched on, for this process only", expand=False))


class _Story:
    """Runs commands, shows them and their output, and remembers what went wrong."""

    def __init__(self, app: Command, folder: Path, port: int) -> None:
        self._app = app
        self._folder = folder
        self._port = port
        self._screen = Console(file=sys.stdout, highlight=False)
        self._owner = bundles.Owner("", "")
        self._surprises: list[str] = []
        self._runs: list[tuple[str, Any]] = []
        self._keys: dict[str, str] = {}

    def tell(self) -> None:
        """From an empty database to a proven one."""
        self._set_up()
        self._take_module_bundles()
        self._run_four_domains()
        self._act()
        self._prove()
        self._leave_one_waiting()

    def _set_up(self) -> None:
        self._chapter("1", "A tenant, a project, some data")
        files, workspace = self._folder / "files", self._folder / "workspaces" / "kettle-works"
        write_files(files, workspace)
        tenant = self._json("tenant", "create", "Kettle Works")
        project = self._json("project", "create", "Shop", "--tenant", "kettle-works")
        self._owner = bundles.Owner(tenant["id"], project["id"])
        for made in (tenant, project):
            out.print(f"  {made['slug']}  {made['id']}", markup=False)
        for name in ("invoices.csv", "payments.csv", "tickets.ndjson"):
            path = str(files / name)
            self._run("data", "add", name.partition(".")[0], path, "--tenant", "kettle-works")

    def _take_module_bundles(self) -> None:
        self._chapter("2", f"Bundles as the four modules write them: {_EACH_BY_ITSELF}")
        made = {
            "ops": bundles.ops_bundle(),
            "support": bundles.support_bundle(),
            "growth": bundles.growth_bundle(),
            "finops": bundles.finops_bundle(),
        }
        for name, bundle in made.items():
            path = self._write(f"{name}.json", bundle)
            planned = self._bundle("plan", path, f"{name}, planned", expected={0, 3})
            if planned["summary"]["accepted"]:
                self._bundle("execute", path, f"{name}, executed", "--wait", expected={0, 3})

    def _run_four_domains(self) -> None:
        self._chapter("3", "One canonical bundle, one job in each domain")
        path = self._write("four-domains.json", bundles.own_bundle(self._owner, self._port))
        self._bundle("execute", path, "four domains", "--wait")

    def _act(self) -> None:
        self._chapter("4", "An action: blocked, permitted once, and taken back")
        target = self._folder / "workspaces" / "kettle-works" / "config" / "worker.yaml"
        path = self._write("action.json", bundles.action_bundle(self._owner, "demo-action"))
        self._bundle("execute", path, "action, no token", expected={3})
        token = self._issue(path)
        done = self._bundle("execute", path, "action, with token", "--wait", token=token)
        self._show_file(target, "after the action")
        again = self._write(
            "action-again.json", bundles.action_bundle(self._owner, "demo-action-again")
        )
        self._bundle("execute", again, "action, token used twice", token=token, expected={3})
        job_id = done["child_runs"][0]["job_id"]
        undo = self._write("undo.json", bundles.undo_bundle(self._owner, job_id))
        self._bundle("execute", undo, "undo", "--wait", token=self._issue(undo))
        self._show_file(target, "after the undo")

    def _prove(self) -> None:
        self._chapter("5", "What happened, and why it was allowed")
        self._run("audit", "list", "--tenant", "kettle-works", "--limit", "8")
        self._run("audit", "verify")

    def _leave_one_waiting(self) -> None:
        self._chapter("6", "An action that waits for your yes")
        bundle = bundles.action_bundle(self._owner, "demo-for-you")
        path = self._write("action-for-you.json", bundle)
        self._bundle("plan", path, "action, waits for a yes", expected={3})
        for owner, role in (("you", "approver"), ("colleague", "operator")):
            words = ("--tenant", "kettle-works", "--owner", owner, "--role", role)
            self._keys[role] = self._json("key", "create", *words)["key"]

    def _offer_the_console(self) -> None:
        variables = {
            "JOBFORGE_HOME": self._folder / "home",
            "JOBFORGE_DATA_ROOT": self._folder / "workspaces",
            "JOBFORGE_AUTOPILOT_JOBS_ENABLED": 1,
            "JOBFORGE_ACTION_JOBS_ENABLED": 1,
        }
        out.print("\nOne action waits for your yes, in the console:", style="bold")
        for name, value in variables.items():
            out.print(f"  export {name}={value}", markup=False, soft_wrap=True)
        out.print("  jobforge serve --work 2", markup=False)
        out.print("Open http://127.0.0.1:8000/ and sign in with a key:", markup=False)
        out.print(f"  to approve it   {self._keys['approver']}", markup=False, soft_wrap=True)
        out.print(f"  to execute it   {self._keys['operator']}", markup=False, soft_wrap=True)

    def end(self) -> int:
        """Sum up; the exit code."""
        table = Table(
            "what", "wanted", "ran", "skipped", "denied", "failed", title="The demo's runs"
        )
        for what, result in self._runs:
            summary = result["summary"]
            ran = summary["executed"] + summary["accepted"]
            counts = (summary["total"], ran, summary["skipped"], summary["denied"])
            table.add_row(what, *(str(count) for count in (*counts, summary["errors"])))
        out.print(table)
        out.print("\nEverything lies in", str(self._folder), markup=False)
        out.print("To look around:", style="bold")
        if shutil.which("jobforge") is None:
            programs = Path(sys.executable).parent
            out.print(
                f"  export PATH={shlex.quote(str(programs))}:$PATH", markup=False, soft_wrap=True
            )
        out.print(f"  export JOBFORGE_HOME={self._folder / 'home'}", markup=False)
        for command in ("run list", "job list", "data list"):
            out.print(f"  jobforge {command} --tenant kettle-works", markup=False)
        self._offer_the_console()
        out.print("Next: docs/tutorial/first-bundle.md", markup=False)
        for surprise in self._surprises:
            errors.print("[bold red]not as it should be[/]:", surprise)
        return 1 if self._surprises else 0

    def _chapter(self, number: str, title: str) -> None:
        out.print()
        out.rule(f"[bold]{number}. {title}[/]", align="left")

    def _issue(self, path: Path) -> str:
        words = ["--bundle", str(path), "--tenant", "kettle-works", "--actor", "demo"]
        issued = self._json("token", "issue", *words)
        out.print(f"  token {issued['jti']} for {', '.join(issued['job_types'])}", markup=False)
        return str(issued["token"])

    def _bundle(
        self,
        verb: str,
        path: Path,
        what: str,
        *words: str,
        token: str | None = None,
        expected: Container[int] = (0,),
    ) -> Any:  # noqa: ANN401 (a bundle result as JSON)
        given = ["--policy-token", token] if token else []
        words = (str(path), "--tenant", "kettle-works", *words, *given)
        result = self._json("bundle", verb, *words, expected=expected)
        for child in result["child_runs"]:
            code = f" ({child['code']})" if child["code"] else ""
            out.print(f"  {child['status']:9} {child['job_type']}{code}", markup=False)
        self._runs.append((what, result))
        return result

    def _show_file(self, path: Path, when: str) -> None:
        out.print(Panel(path.read_text().rstrip(), title=f"{path.name} {when}", expand=False))

    def _write(self, name: str, bundle: dict[str, Any]) -> Path:
        path = self._folder / "bundles" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(bundle, indent=2))
        return path

    def _json(self, *words: str, expected: Container[int] = (0,)) -> Any:  # noqa: ANN401 (any JSON document)
        """Run a command with --json and read what it prints."""
        printed = io.StringIO()
        with redirect_stdout(printed):
            self._invoke(words, (*words, "--json"), expected)
        return json.loads(printed.getvalue())

    def _run(self, *words: str) -> None:
        self._invoke(words, words, (0,))

    def _invoke(
        self, shown: tuple[str, ...], words: tuple[str, ...], expected: Container[int]
    ) -> None:
        hidden = ["…" if len(word) > 200 else word for word in shown]  # noqa: PLR2004 (a token)
        self._screen.print(
            f"$ jobforge {shlex.join(hidden)}", style="bold cyan", markup=False, soft_wrap=True
        )
        code = self._app.main(list(words), standalone_mode=False)
        if code not in expected:
            self._surprises.append(f"{shlex.join(hidden)} ended with {code}")
