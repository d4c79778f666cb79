"""What is opened once, and everything else is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from jobforge import config
from jobforge.adapters.connections import OpenConnection
from jobforge.adapters.embedded.opening import Opened
from jobforge.adapters.engine.engine import PostgresEngine
from jobforge.adapters.engine.overview import PostgresOverview
from jobforge.adapters.engine.run_feed import RunFeed
from jobforge.adapters.engine.starter import Starter
from jobforge.adapters.engine.worker import Worker
from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.adapters.http.client import GuardedHttpClient
from jobforge.adapters.http.connected import ConnectedHttpClient
from jobforge.adapters.modules.runner import CommandRunner
from jobforge.adapters.postgres.checkpoints import CheckpointFiles
from jobforge.adapters.postgres.database import Database
from jobforge.adapters.postgres.storage import PostgresStorage
from jobforge.adapters.probes.live import LiveProbes
from jobforge.adapters.runtime.contexts import LiveContexts, Surroundings
from jobforge.adapters.runtime.fingerprint import fingerprint
from jobforge.adapters.runtime.process_runner import ProcessRunner
from jobforge.adapters.runtime.scratch import ScratchFolders
from jobforge.adapters.runtime.starting import LiveStarts
from jobforge.adapters.secrets_box import AesSecretsBox, load_master_key
from jobforge.adapters.system import RandomIds, RandomSecrets
from jobforge.adapters.targets.assembly import make_targets
from jobforge.adapters.telemetry.metrics import Metrics
from jobforge.adapters.telemetry.observed import LiveTelemetry, ObservedRun
from jobforge.adapters.telemetry.tracing import Tracing
from jobforge.adapters.webhook_signer import sign
from jobforge.config import (
    Settings,
    secret_variables,
    take_variables,
)
from jobforge.core.admission import Switches
from jobforge.core.catalog import JobCatalog
from jobforge.core.context import HttpClient, Probes
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
from jobforge.steps.submit_translated import SubmitTranslated
from jobforge.use_cases.admit_intakes import AdmitIntakes
from jobforge.use_cases.deliver_webhooks import DeliverWebhooks
from jobforge.use_cases.evaluate_events import EvaluateEvents
from jobforge.use_cases.fire_schedules import FireSchedules
from jobforge.use_cases.run_job import RunJob
from jobforge.use_cases.start_bundle import StartBundle
from jobforge.use_cases.start_module import StartModule
from jobforge.use_cases.verify_audit import VerifyAudit

if TYPE_CHECKING:
    from pydantic import SecretStr

CATALOG = "jobforge.autopilots.catalog:load_catalog"
"""Where a handler's own process finds the job types."""


@dataclass(frozen=True)
class Parts:
    """What was opened, and everything else is made of."""

    settings: Settings
    home: Path
    opened: Opened
    guard: AddressGuard
    http: GuardedHttpClient
    catalog: JobCatalog
    switches: Callable[[], Switches]
    clock: Clock
    tracing: Tracing
    ids: RandomIds = field(default_factory=RandomIds)

    @property
    def database(self) -> Database:
        """The database as the application sees it."""
        return self.opened.database

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
        return load_master_key(text_of(self.settings.master_key), self.home)

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

    @cached_property
    def admit_intakes(self) -> AdmitIntakes:
        """Admits what came by SQL."""
        return AdmitIntakes(self.storage, self.submit)

    @cached_property
    def deliver_webhooks(self) -> DeliverWebhooks:
        """Tells endpoints."""
        chance = RandomSecrets().chance
        return DeliverWebhooks(self.storage, self.box, self.http, sign, self.clock, chance)

    @property
    def starter(self) -> Starter:
        """Looks for what is due."""
        looks = (
            self.fire_schedules,
            self.evaluate_events,
            self.admit_intakes,
            self.deliver_webhooks,
        )
        return Starter(self.database, looks)

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


def text_of(secret: SecretStr | None) -> str | None:
    """The secret itself, where there is one."""
    return None if secret is None else secret.get_secret_value()
