"""The only place that wires concrete adapters and the job catalogue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from jobforge import config
from jobforge.adapters.connections import OpenConnection, ProbeConnection
from jobforge.adapters.datasets.store import FileDatasetStore
from jobforge.adapters.datasets.uploads import FileUploadStore
from jobforge.adapters.embedded.opening import open_database
from jobforge.adapters.embedded.server import default_home
from jobforge.adapters.engine.engine import PostgresEngine
from jobforge.adapters.engine.overview import PostgresOverview
from jobforge.adapters.engine.presence import is_anyone_present
from jobforge.adapters.engine.run_feed import RunFeed
from jobforge.adapters.engine.starter import Starter
from jobforge.adapters.engine.waiter import RunWaiter
from jobforge.adapters.engine.worker import DEFAULT_CONCURRENCY, Worker
from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.adapters.http.client import GuardedHttpClient
from jobforge.adapters.http.connected import ConnectedHttpClient
from jobforge.adapters.http.oidc import find_provider
from jobforge.adapters.logging import configure_logging
from jobforge.adapters.modules.runner import CommandRunner, is_program
from jobforge.adapters.postgres.checkpoints import CheckpointFiles
from jobforge.adapters.postgres.database import Database
from jobforge.adapters.postgres.storage import PostgresStorage
from jobforge.adapters.probes.live import LiveProbes
from jobforge.adapters.runtime.contexts import LiveContexts, Surroundings
from jobforge.adapters.runtime.fingerprint import fingerprint
from jobforge.adapters.runtime.hardening import hide_from_own_children
from jobforge.adapters.runtime.process_runner import ProcessRunner
from jobforge.adapters.runtime.scratch import ScratchFolders
from jobforge.adapters.runtime.starting import LiveStarts
from jobforge.adapters.secrets_box import AesSecretsBox, load_master_key
from jobforge.adapters.system import RandomIds, RandomSecrets, SystemClock
from jobforge.adapters.targets.assembly import make_targets
from jobforge.adapters.telemetry.metrics import Metrics
from jobforge.adapters.telemetry.observed import LiveTelemetry, ObservedRun
from jobforge.adapters.telemetry.tracing import Tracing, open_tracing
from jobforge.autopilots.catalog import load_catalog
from jobforge.config import (
    Settings,
    forget_secrets,
    read_flags,
    secret_variables,
    take_variables,
)
from jobforge.core.admission import Switches
from jobforge.core.catalog import AnyJobType, JobCatalog
from jobforge.core.context import HttpClient, Probes
from jobforge.core.egress import EgressPolicy
from jobforge.core.errors import Unavailable
from jobforge.core.signing import Keyring
from jobforge.core.starting import Starts
from jobforge.ports.engine import Attempt
from jobforge.ports.runtime import Reach
from jobforge.ports.system import Clock
from jobforge.steps.admit_bundle import AdmitBundle
from jobforge.steps.claim_targets import ClaimTargets
from jobforge.steps.intake import TakeIn
from jobforge.steps.judge_token import JudgeToken
from jobforge.steps.keep_checkpoints import KeepCheckpoints
from jobforge.steps.prepare_work import PrepareWork
from jobforge.steps.put_grant_aside import PutGrantAside
from jobforge.steps.register_dataset import RegisterDataset
from jobforge.steps.resolve_names import ResolveNames
from jobforge.steps.submit_translated import SubmitTranslated
from jobforge.use_cases.answer_once import AnswerOnce
from jobforge.use_cases.approve_plan import ApprovePlan
from jobforge.use_cases.authenticate import Authenticate
from jobforge.use_cases.break_glass import BreakGlass
from jobforge.use_cases.cancel_job import CancelJob
from jobforge.use_cases.change_jobs import ChangeJobs
from jobforge.use_cases.change_tenant import ChangeTenant
from jobforge.use_cases.create_project import CreateProject
from jobforge.use_cases.create_tenant import CreateTenant
from jobforge.use_cases.evaluate_events import EvaluateEvents
from jobforge.use_cases.examine import Check, Examine
from jobforge.use_cases.execute_plan import ExecutePlan
from jobforge.use_cases.explain_waiting import ExplainWaiting
from jobforge.use_cases.fire_schedules import FireSchedules
from jobforge.use_cases.issue_token import IssueToken
from jobforge.use_cases.keep_connections import Connections
from jobforge.use_cases.keep_datasets import Datasets
from jobforge.use_cases.keep_keys import Keys
from jobforge.use_cases.keep_limits import KeepLimits
from jobforge.use_cases.keep_modules import Modules
from jobforge.use_cases.keep_retention import Retention
from jobforge.use_cases.keep_schedules import Schedules
from jobforge.use_cases.keep_switches import KeepSwitches
from jobforge.use_cases.keep_triggers import Triggers
from jobforge.use_cases.keep_windows import KeepWindows
from jobforge.use_cases.list_projects import ListProjects
from jobforge.use_cases.measure_backlog import MeasureBacklog
from jobforge.use_cases.prune_tenant import PruneTenant
from jobforge.use_cases.queue_bundle import QueueBundle
from jobforge.use_cases.read_artifact import ReadArtifact
from jobforge.use_cases.read_audit import ReadAudit
from jobforge.use_cases.resolve_ref import ResolveRef
from jobforge.use_cases.retry_job import RetryJob
from jobforge.use_cases.revoke_token import RevokeToken
from jobforge.use_cases.run_job import RunJob
from jobforge.use_cases.send_event import SendEvent
from jobforge.use_cases.show_events import ShowEvents
from jobforge.use_cases.show_impact import ShowImpact
from jobforge.use_cases.show_job import ShowJob
from jobforge.use_cases.show_plan import ShowPlan
from jobforge.use_cases.show_run import ShowRun
from jobforge.use_cases.simulate_event import SimulateEvent
from jobforge.use_cases.start_bundle import StartBundle
from jobforge.use_cases.start_module import StartModule
from jobforge.use_cases.submit_bundle import SubmitBundle
from jobforge.use_cases.upload_dataset import Uploads
from jobforge.use_cases.verify_audit import VerifyAudit
from jobforge.use_cases.withdraw_approval import WithdrawApproval

if TYPE_CHECKING:
    from pydantic import SecretStr

CATALOG = "jobforge.autopilots.catalog:load_catalog"
"""Where a handler's own process finds the job types."""


def home_of(settings: Settings | None = None) -> Path:
    """Where the embedded database and the keys live."""
    return (settings or Settings()).home or default_home()


def read_switches() -> Switches:
    """The switches as admission takes them."""
    flags = read_flags()
    return Switches(
        autopilot_jobs=flags.autopilot_jobs_enabled, action_jobs=flags.action_jobs_enabled
    )


@dataclass(frozen=True)
class Application:
    """Every use case, wired."""

    settings: Settings
    home: Path
    data_root: Path
    database: Database
    catalog: JobCatalog
    clock: Clock
    ids: RandomIds
    storage: PostgresStorage
    checkpoints: CheckpointFiles
    keep_checkpoints: KeepCheckpoints
    names: ResolveNames
    token_keyring: Keyring
    submit_bundle: SubmitBundle
    queue_bundle: QueueBundle
    schedules: Schedules
    fire_schedules: FireSchedules
    send_event: SendEvent
    show_events: ShowEvents
    evaluate_events: EvaluateEvents
    simulate_event: SimulateEvent
    triggers: Triggers
    modules: Modules
    issue_token: IssueToken
    revoke_token: RevokeToken
    create_tenant: CreateTenant
    create_project: CreateProject
    list_projects: ListProjects
    show_run: ShowRun
    show_job: ShowJob
    cancel_job: CancelJob
    retry_job: RetryJob
    change_jobs: ChangeJobs
    explain_waiting: ExplainWaiting
    switches: KeepSwitches
    windows: KeepWindows
    limits: KeepLimits
    datasets: Datasets
    uploads: Uploads
    read_artifact: ReadArtifact
    connections: Connections
    keys: Keys
    change_tenant: ChangeTenant
    show_plan: ShowPlan
    approve_plan: ApprovePlan
    withdraw_approval: WithdrawApproval
    break_glass: BreakGlass
    execute_plan: ExecutePlan
    feed: RunFeed
    authenticate: Authenticate
    answer_once: AnswerOnce
    resolve_ref: ResolveRef
    verify_audit: VerifyAudit
    read_audit: ReadAudit
    examine: Examine
    metrics: Metrics
    measure_backlog: MeasureBacklog
    retention: Retention
    show_impact: ShowImpact
    prune_tenant: PruneTenant
    waiter: RunWaiter
    make_worker: Callable[[int], Worker]

    @property
    def token_lifetime(self) -> timedelta:
        """How long a policy token lives unless somebody says otherwise."""
        return timedelta(hours=self.settings.policy_token_expiry_hours)


def harden_process() -> None:
    """For processes that live long and start others: nothing of them shows what they know."""
    forget_secrets()
    hide_from_own_children()


@asynccontextmanager
async def open_application(
    settings: Settings | None = None,
    *,
    extra_job_types: Iterable[AnyJobType] = (),
    switches: Callable[[], Switches] = read_switches,
    clock: Clock | None = None,
) -> AsyncIterator[Application]:
    """Start what is needed, migrate the database, wire everything; close it all at the end.

    Raises:
        Unavailable: the database does not start or answer.
        SettingInvalid: a setting cannot be used.
    """
    settings = settings or Settings()
    configure_logging()
    home = home_of(settings)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            open_database(_text(settings.database_url), home)
        )
        policy = EgressPolicy.parse(settings.egress_allow)
        guard = AddressGuard(policy)
        http = await stack.enter_async_context(GuardedHttpClient(guard))
        catalog = load_catalog(extra_job_types)
        tracing = stack.enter_context(open_tracing(settings.otlp_endpoint))
        clock = clock or SystemClock()
        parts = _Parts(settings, home, database, guard, http, catalog, switches, clock, tracing)
        stack.callback(parts.runner.close)
        stack.push_async_callback(parts.feed.close)
        stack.push_async_callback(_leave_checkpoints, parts)
        yield _wire(parts)


@dataclass(frozen=True)
class _Parts:
    """What was opened, and everything else is made of."""

    settings: Settings
    home: Path
    database: Database
    guard: AddressGuard
    http: GuardedHttpClient
    catalog: JobCatalog
    switches: Callable[[], Switches]
    clock: Clock
    tracing: Tracing
    ids: RandomIds = field(default_factory=RandomIds)

    @cached_property
    def telemetry(self) -> LiveTelemetry:
        """Tells whoever watches."""
        return LiveTelemetry(Metrics([t.name for t in self.catalog]), self.tracing)

    @cached_property
    def overview(self) -> PostgresOverview:
        """Looks across tenants."""
        return PostgresOverview(self.database)

    @cached_property
    def verify_audit(self) -> VerifyAudit:
        """Verifies chains."""
        ring = Keyring.of(self.master_key)
        return VerifyAudit(self.storage, self.checkpoints, self.keep_checkpoints, ring)

    @cached_property
    def master_key(self) -> bytes:
        """Seals credentials and signs checkpoints."""
        return load_master_key(_text(self.settings.master_key), self.home)

    @cached_property
    def box(self) -> AesSecretsBox:
        """Seals credentials."""
        return AesSecretsBox(self.master_key)

    @cached_property
    def checkpoints(self) -> CheckpointFiles:
        """Remembers the chains outside the database."""
        ring = Keyring.of(self.master_key)
        return CheckpointFiles(self.home / "checkpoints", ring, self.clock)

    @cached_property
    def keep_checkpoints(self) -> KeepCheckpoints:
        """Signs where the chains end."""
        ring = Keyring.of(self.master_key)
        return KeepCheckpoints(self.storage, self.checkpoints, ring, self.clock)

    @cached_property
    def storage(self) -> PostgresStorage:
        """The database's rows."""
        return PostgresStorage(self.database, self.checkpoints)

    @cached_property
    def engine(self) -> PostgresEngine:
        """Begins and settles jobs."""
        return PostgresEngine(self.database, self.clock, self.checkpoints)

    @cached_property
    def feed(self) -> RunFeed:
        """Tells watchers how runs go."""
        return RunFeed(self.database, self.storage)

    @cached_property
    def contexts(self) -> LiveContexts:
        """What handlers may reach."""
        around = Surroundings(
            storage=self.storage,
            make_http=self.make_http,
            make_probes=self.make_probes,
            make_starts=self.make_starts,
            make_targets=partial(make_targets, self.guard, self.make_http, self.open_connection),
            data_root=self.data_root,
            scratch=ScratchFolders(self.home / "scratch"),
            clock=self.clock,
        )
        return LiveContexts(around, self.engine)

    @cached_property
    def take_in(self) -> TakeIn:
        """Takes bundles in."""
        return TakeIn(self.storage, self.catalog, self.contexts, self.switches)

    @cached_property
    def judge_token(self) -> JudgeToken:
        """Judges tokens and grants."""
        return JudgeToken(config.token_keyring(self.settings), self.clock)

    @cached_property
    def admit(self) -> AdmitBundle:
        """Decides bundles."""
        return AdmitBundle(self.judge_token, self.clock, self.ids)

    @cached_property
    def submit(self) -> SubmitTranslated:
        """Submits bundles."""
        return SubmitTranslated(
            self.storage, self.take_in, self.admit, self.clock, self.ids, self.telemetry
        )

    @cached_property
    def fire_schedules(self) -> FireSchedules:
        """Starts what is due."""
        return FireSchedules(self.storage, self.take_in, self.admit, self.clock)

    @cached_property
    def evaluate_events(self) -> EvaluateEvents:
        """Judges events."""
        return EvaluateEvents(self.storage, self.take_in, self.admit, self.clock)

    @property
    def starter(self) -> Starter:
        """Looks for what is due."""
        return Starter(self.database, (self.fire_schedules, self.evaluate_events))

    def make_starts(self, attempt: Attempt) -> Starts:
        """How a running job starts further work."""
        start_module = StartModule(self.storage, self.modules)
        return LiveStarts(attempt, StartBundle(self.storage, self.submit), start_module)

    @cached_property
    def modules(self) -> CommandRunner:
        """Runs module commands."""
        return CommandRunner(take_variables)

    @cached_property
    def runner(self) -> ProcessRunner:
        """Calls handlers; processes start when the first job wants one."""
        return ProcessRunner(CATALOG, secret_variables=secret_variables())

    @property
    def data_root(self) -> Path:
        """Holds one folder per tenant."""
        return self.settings.data_root or self.home / "data"

    def make_probes(self, tenant_id: UUID, reach: Reach) -> Probes:
        """Probes that open this tenant's connections."""
        find = partial(self.open_connection, tenant_id, "postgres")
        allowed = reach.is_host_allowed
        return LiveProbes(self.guard, find_connection=find, is_host_allowed=allowed)

    def make_http(self, tenant_id: UUID) -> HttpClient:
        """The way out, with this tenant's http connections."""
        return ConnectedHttpClient(self.http, partial(self.open_connection, tenant_id, "http"))

    @cached_property
    def open_connection(self) -> OpenConnection:
        """Opens sealed connections."""
        return OpenConnection(self.storage, self.box)

    def make_worker(self, concurrency: int, *, starts: bool = True) -> Worker:
        """A worker in this process; with `starts` it also starts what is due by itself."""
        run_job = RunJob(
            self.catalog,
            self.switches,
            ClaimTargets(self.storage, self.clock),
            self.contexts,
            self.runner,
            self.clock,
            fingerprint(),
        )
        return Worker(
            self.database,
            self.engine,
            ObservedRun(run_job, self.telemetry, self.storage),
            self.clock,
            self.keep_checkpoints,
            concurrency=concurrency,
            starter=self.starter if starts else None,
        )


async def _leave_checkpoints(parts: _Parts) -> None:
    """Sign what the process appended last; what is missing in the database stands in the files."""
    with suppress(Unavailable):
        await parts.keep_checkpoints()


def _wire(parts: _Parts) -> Application:
    storage, clock, ids = parts.storage, parts.clock, parts.ids
    take_in, tokens = parts.take_in, parts.judge_token.keyring
    put_aside = PutGrantAside(parts.judge_token, clock)
    prepare = PrepareWork(take_in, put_aside, clock)
    datasets = FileDatasetStore(parts.home)
    register = RegisterDataset(storage, datasets, clock)
    return Application(
        settings=parts.settings,
        home=parts.home,
        data_root=parts.data_root,
        database=parts.database,
        catalog=parts.catalog,
        clock=clock,
        ids=ids,
        storage=storage,
        checkpoints=parts.checkpoints,
        keep_checkpoints=parts.keep_checkpoints,
        names=ResolveNames(storage),
        token_keyring=tokens,
        submit_bundle=SubmitBundle(parts.submit),
        queue_bundle=QueueBundle(storage, take_in, parts.admit, put_aside, clock, ids),
        schedules=Schedules(storage, prepare, clock, ids),
        fire_schedules=parts.fire_schedules,
        send_event=SendEvent(storage, clock, ids),
        show_events=ShowEvents(storage),
        evaluate_events=parts.evaluate_events,
        simulate_event=SimulateEvent(storage, take_in, clock),
        triggers=Triggers(storage, prepare, clock, ids),
        modules=Modules(storage, clock, is_program),
        issue_token=IssueToken(storage, replace(take_in, switches=_all_on), tokens, clock),
        revoke_token=RevokeToken(storage, clock),
        create_tenant=CreateTenant(storage, clock, ids),
        create_project=CreateProject(storage, clock, ids),
        list_projects=ListProjects(storage),
        show_run=ShowRun(storage),
        show_job=ShowJob(storage),
        cancel_job=CancelJob(storage, clock),
        retry_job=RetryJob(storage, parts.catalog, clock),
        change_jobs=ChangeJobs(storage, parts.catalog, clock),
        explain_waiting=ExplainWaiting(storage, clock, lambda: is_anyone_present(parts.database)),
        switches=KeepSwitches(storage, parts.catalog, clock, parts.engine.sweep),
        windows=KeepWindows(storage, parts.catalog, clock, parts.engine.sweep),
        limits=KeepLimits(storage, clock),
        datasets=Datasets(storage, datasets, clock, register),
        uploads=Uploads(FileUploadStore(parts.home), register, clock, ids),
        read_artifact=ReadArtifact(storage),
        connections=Connections(
            storage,
            parts.box,
            clock,
            ProbeConnection(storage, parts.open_connection, parts.make_probes, parts.make_http),
        ),
        keys=Keys(storage, clock, ids, RandomSecrets()),
        change_tenant=ChangeTenant(storage, clock),
        show_plan=ShowPlan(storage),
        approve_plan=ApprovePlan(storage, parts.catalog, clock, ids),
        withdraw_approval=WithdrawApproval(storage, clock),
        break_glass=BreakGlass(storage, parts.catalog, clock, ids),
        feed=parts.feed,
        execute_plan=ExecutePlan(storage, take_in, parts.submit, clock),
        authenticate=Authenticate(
            storage, clock, find_provider(config.oidc_rules(parts.settings), parts.http, clock)
        ),
        answer_once=AnswerOnce(storage, parts.box, clock),
        resolve_ref=ResolveRef(storage),
        verify_audit=parts.verify_audit,
        read_audit=ReadAudit(storage),
        examine=Examine(
            storage,
            parts.engine,
            parts.overview,
            parts.verify_audit,
            clock,
            parts.settings,
            parts.switches,
        ),
        metrics=parts.telemetry.metrics,
        retention=Retention(storage, clock),
        show_impact=ShowImpact(storage),
        prune_tenant=PruneTenant(
            storage, parts.checkpoints, parts.keep_checkpoints, parts.verify_audit.keyring, clock
        ),
        measure_backlog=MeasureBacklog(parts.overview, parts.telemetry, clock),
        waiter=RunWaiter(
            parts.database, storage, lambda: parts.make_worker(DEFAULT_CONCURRENCY, starts=False)
        ),
        make_worker=parts.make_worker,
    )


def _all_on() -> Switches:
    """A token may be issued while the switches are off; they count when it is used."""
    return Switches(autopilot_jobs=True, action_jobs=True)


def _text(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


__all__ = ["Application", "Check", "load_catalog", "open_application", "read_flags"]
