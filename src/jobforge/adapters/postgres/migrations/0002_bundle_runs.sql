-- Plans and bundle runs: what was asked, what was decided, and how it went.

CREATE TABLE jobforge.plans (
    tenant_id       uuid NOT NULL REFERENCES jobforge.tenants,
    digest          text NOT NULL,
    effects_digest  text NOT NULL,
    project_id      uuid,
    requests        json NOT NULL,
    effects         json NOT NULL,
    created_by      text NOT NULL,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, digest, effects_digest)
);

CREATE TABLE jobforge.bundle_runs (
    tenant_id            uuid NOT NULL REFERENCES jobforge.tenants,
    run_id               uuid NOT NULL,
    project_id           uuid,
    mode                 text NOT NULL CHECK (mode IN ('dry_run', 'execute')),
    status               text NOT NULL CHECK (status IN ('open', 'closed', 'refused')),
    dialect              text,
    bundle_id            text,
    trace_id             text,
    producer_hash        text,
    plan_digest          text,
    effects_digest       text,
    actor                text NOT NULL,
    decisions            json NOT NULL,
    action_jobs_blocked  integer NOT NULL,
    open_children        integer NOT NULL CHECK (open_children >= 0),
    artifact_ref         text,
    error                json,
    created_at           timestamptz NOT NULL,
    closed_at            timestamptz,
    PRIMARY KEY (tenant_id, run_id)
);
CREATE INDEX bundle_runs_newest ON jobforge.bundle_runs (tenant_id, created_at DESC, run_id);

-- See the jobs table for why.
ALTER TABLE jobforge.bundle_runs ALTER COLUMN tenant_id SET STATISTICS 0;

ALTER TABLE jobforge.plans ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.plans FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.plans TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.bundle_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.bundle_runs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.bundle_runs TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

GRANT SELECT, INSERT ON jobforge.plans, jobforge.bundle_runs TO jobforge_app;
GRANT UPDATE (status, open_children, closed_at) ON jobforge.bundle_runs TO jobforge_app;
