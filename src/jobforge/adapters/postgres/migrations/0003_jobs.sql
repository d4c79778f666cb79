-- Jobs: the truth about every piece of work; the queue beside it is only the wake-up.

CREATE TABLE jobforge.jobs (
    tenant_id         uuid NOT NULL,
    job_id            uuid NOT NULL,
    project_id        uuid,
    run_id            uuid NOT NULL,
    request_id        text NOT NULL,
    job_type          text NOT NULL,
    status            text NOT NULL DEFAULT 'queued'
        CHECK (status IN ('queued', 'running', 'executed', 'error', 'denied', 'canceled')),
    priority          integer NOT NULL DEFAULT 0,
    lane              text NOT NULL CHECK (lane IN ('inline', 'process')),
    payload           json NOT NULL,
    effects           json NOT NULL,
    trace_id          text NOT NULL,
    actor             text NOT NULL,
    grant_jti         text,
    max_attempts      integer NOT NULL CHECK (max_attempts BETWEEN 1 AND 100),
    attempt           integer NOT NULL DEFAULT 0,
    attempt_errors    jsonb NOT NULL DEFAULT '[]',
    release_state     text NOT NULL DEFAULT 'waiting'
        CHECK (release_state IN ('waiting', 'released', 'ended')),
    released_at       timestamptz,
    available_at      timestamptz NOT NULL,
    created_at        timestamptz NOT NULL,
    started_at        timestamptz,
    finished_at       timestamptz,
    progress          real NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
    progress_message  text,
    result            json,
    manifest          json,
    artifact_ref      text,
    error             json,
    PRIMARY KEY (tenant_id, job_id),
    FOREIGN KEY (tenant_id, run_id) REFERENCES jobforge.bundle_runs
) WITH (fillfactor = 70);

CREATE INDEX jobs_by_run ON jobforge.jobs (tenant_id, run_id);
CREATE INDEX jobs_newest ON jobforge.jobs (tenant_id, created_at DESC, job_id);
-- The next job to release is the first row here; a released one leaves it. The predicates are over
-- a column of their own, so that starting a job touches no index.
CREATE INDEX jobs_waiting ON jobforge.jobs (tenant_id, priority DESC, created_at, job_id)
    WHERE release_state = 'waiting';
CREATE INDEX jobs_released ON jobforge.jobs (tenant_id) WHERE release_state = 'released';

-- Without statistics on the tenant the planner assumes an average one. With them it takes a tenant
-- that came after the last ANALYZE for empty, and compares every job with every other.
ALTER TABLE jobforge.jobs ALTER COLUMN tenant_id SET STATISTICS 0;

CREATE TABLE jobforge.idempotency_keys (
    tenant_id       uuid NOT NULL,
    job_type        text NOT NULL,
    key             text NOT NULL,
    job_id          uuid NOT NULL,
    payload_digest  text NOT NULL,
    PRIMARY KEY (tenant_id, job_type, key)
);

ALTER TABLE jobforge.idempotency_keys ALTER COLUMN tenant_id SET STATISTICS 0;

ALTER TABLE jobforge.jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.jobs TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.idempotency_keys TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

GRANT SELECT, INSERT, UPDATE ON jobforge.jobs TO jobforge_app;
GRANT SELECT, INSERT ON jobforge.idempotency_keys TO jobforge_app;
