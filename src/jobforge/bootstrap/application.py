"""Every use case, made of the parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from jobforge import config
from jobforge.adapters.connections import ProbeConnection
from jobforge.adapters.datasets.store import FileDatasetStore
from jobforge.adapters.datasets.uploads import FileUploadStore
from jobforge.adapters.engine.presence import is_anyone_present
from jobforge.adapters.engine.run_feed import RunFeed
from jobforge.adapters.engine.waiter import RunWaiter
from jobforge.adapters.engine.worker import DEFAULT_CONCURRENCY, Worker
from jobforge.adapters.http.oidc import find_provider
from jobforge.adapters.modules.runner import is_program
from jobforge.adapters.postgres.checkpoints import CheckpointFiles
from jobforge.adapters.postgres.database import Database
from jobforge.adapters.postgres.logins import MakeLogin
from jobforge.adapters.postgres.storage import PostgresStorage
from jobforge.adapters.system import RandomIds, RandomSecrets
from jobforge.adapters.telemetry.metrics import Metrics
from jobforge.bootstrap.parts import Parts
from jobforge.config import (
    Settings,
)
from jobforge.core.admission import Switches
from jobforge.core.catalog import JobCatalog
from jobforge.core.session import forms_key
from jobforge.core.signing import Keyring, SigningKey
from jobforge.ports.system import Clock
from jobforge.steps.keep_checkpoints import KeepCheckpoints
from jobforge.steps.prepare_work import PrepareWork
from jobforge.steps.put_grant_aside import PutGrantAside
from jobforge.steps.register_dataset import RegisterDataset
from jobforge.steps.replan import Replan
from jobforge.steps.resolve_names import ResolveNames
from jobforge.use_cases.admit_intakes import AdmitIntakes
from jobforge.use_cases.answer_once import AnswerOnce
from jobforge.use_cases.approve_plan import ApprovePlan
from jobforge.use_cases.authenticate import Authenticate
from jobforge.use_cases.break_glass import BreakGlass
from jobforge.use_cases.cancel_job import CancelJob
from jobforge.use_cases.change_jobs import ChangeJobs
from jobforge.use_cases.change_tenant import ChangeTenant
from jobforge.use_cases.check_plan import CheckPlan
from jobforge.use_cases.correct_triage import CorrectTriage
from jobforge.use_cases.create_project import CreateProject
from jobforge.use_cases.create_tenant import CreateTenant
from jobforge.use_cases.deliver_webhooks import DeliverWebhooks
from jobforge.use_cases.evaluate_events import EvaluateEvents
from jobforge.use_cases.examine import Examine
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
from jobforge.use_cases.keep_sessions import KeepSessions
from jobforge.use_cases.keep_sql_grants import SqlGrants
from jobforge.use_cases.keep_switches import KeepSwitches
from jobforge.use_cases.keep_triggers import Triggers
from jobforge.use_cases.keep_webhooks import Webhooks
from jobforge.use_cases.keep_windows import KeepWindows
from jobforge.use_cases.list_projects import ListProjects
from jobforge.use_cases.measure_backlog import MeasureBacklog
from jobforge.use_cases.measure_tenant import MeasureTenant
from jobforge.use_cases.prune_tenant import PruneTenant
from jobforge.use_cases.queue_bundle import QueueBundle
from jobforge.use_cases.read_artifact import ReadArtifact
from jobforge.use_cases.read_audit import ReadAudit
from jobforge.use_cases.replay_run import ReplayRun
from jobforge.use_cases.resolve_ref import ResolveRef
from jobforge.use_cases.retry_job import RetryJob
from jobforge.use_cases.revoke_token import RevokeToken
from jobforge.use_cases.send_event import SendEvent
from jobforge.use_cases.show_activity import ShowActivity
from jobforge.use_cases.show_events import ShowEvents
from jobforge.use_cases.show_impact import ShowImpact
from jobforge.use_cases.show_job import ShowJob
from jobforge.use_cases.show_plan import ShowPlan
from jobforge.use_cases.show_run import ShowRun
from jobforge.use_cases.simulate_event import SimulateEvent
from jobforge.use_cases.submit_bundle import SubmitBundle
from jobforge.use_cases.upload_dataset import Uploads
from jobforge.use_cases.verify_audit import VerifyAudit
from jobforge.use_cases.withdraw_approval import WithdrawApproval


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
    show_activity: ShowActivity
    show_job: ShowJob
    cancel_job: CancelJob
    retry_job: RetryJob
    change_jobs: ChangeJobs
    explain_waiting: ExplainWaiting
    switches: KeepSwitches
    windows: KeepWindows
    limits: KeepLimits
    datasets: Datasets
    correct_triage: CorrectTriage
    uploads: Uploads
    read_artifact: ReadArtifact
    connections: Connections
    keys: Keys
    sql_grants: SqlGrants
    webhooks: Webhooks
    deliver_webhooks: DeliverWebhooks
    admit_intakes: AdmitIntakes
    change_tenant: ChangeTenant
    show_plan: ShowPlan
    check_plan: CheckPlan
    replay_run: ReplayRun
    approve_plan: ApprovePlan
    withdraw_approval: WithdrawApproval
    break_glass: BreakGlass
    execute_plan: ExecutePlan
    feed: RunFeed
    authenticate: Authenticate
    sessions: KeepSessions
    forms_key: SigningKey
    answer_once: AnswerOnce
    resolve_ref: ResolveRef
    verify_audit: VerifyAudit
    read_audit: ReadAudit
    examine: Examine
    metrics: Metrics
    measure_backlog: MeasureBacklog
    measure_tenant: MeasureTenant
    retention: Retention
    show_impact: ShowImpact
    prune_tenant: PruneTenant
    waiter: RunWaiter
    make_worker: Callable[[int], Worker]

    @property
    def token_lifetime(self) -> timedelta:
        """How long a policy token lives unless somebody says otherwise."""
        return timedelta(hours=self.settings.policy_token_expiry_hours)


def wire(parts: Parts) -> Application:
    """Make every use case of the parts."""
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
        show_activity=ShowActivity(storage, clock),
        show_job=ShowJob(storage),
        cancel_job=CancelJob(storage, clock),
        retry_job=RetryJob(storage, parts.catalog, clock),
        change_jobs=ChangeJobs(storage, parts.catalog, clock),
        explain_waiting=ExplainWaiting(storage, clock, lambda: is_anyone_present(parts.database)),
        switches=KeepSwitches(storage, parts.catalog, clock, parts.engine.sweep),
        windows=KeepWindows(storage, parts.catalog, clock, parts.engine.sweep),
        limits=KeepLimits(storage, clock),
        correct_triage=CorrectTriage(storage, datasets, clock),
        datasets=Datasets(storage, datasets, clock, register),
        uploads=Uploads(FileUploadStore(parts.home), register, clock, ids),
        read_artifact=ReadArtifact(storage),
        connections=Connections(
            storage,
            parts.box,
            clock,
            ProbeConnection(storage, parts.open_connection, parts.make_probes, parts.make_http),
        ),
        sql_grants=SqlGrants(storage, clock, MakeLogin(parts.opened.access)),
        webhooks=Webhooks(storage, parts.box, clock, ids, RandomSecrets()),
        deliver_webhooks=parts.deliver_webhooks,
        admit_intakes=parts.admit_intakes,
        keys=Keys(storage, clock, ids, RandomSecrets()),
        change_tenant=ChangeTenant(storage, clock),
        show_plan=ShowPlan(storage),
        replay_run=ReplayRun(storage, Replan(take_in)),
        check_plan=CheckPlan(storage, Replan(take_in)),
        approve_plan=ApprovePlan(storage, parts.catalog, clock, ids),
        withdraw_approval=WithdrawApproval(storage, clock),
        break_glass=BreakGlass(storage, parts.catalog, clock, ids),
        feed=parts.feed,
        execute_plan=ExecutePlan(storage, take_in, parts.submit, clock),
        authenticate=Authenticate(
            storage, clock, find_provider(config.oidc_rules(parts.settings), parts.http, clock)
        ),
        sessions=KeepSessions(storage, Keyring.of(parts.master_key), clock),
        forms_key=forms_key(Keyring.of(parts.master_key)),
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
        measure_tenant=MeasureTenant(storage),
        waiter=RunWaiter(
            parts.database, storage, lambda: parts.make_worker(DEFAULT_CONCURRENCY, starts=False)
        ),
        make_worker=parts.make_worker,
    )


def _all_on() -> Switches:
    """A token may be issued while the switches are off; they count when it is used."""
    return Switches(autopilot_jobs=True, action_jobs=True)
