-- Schedules: work that starts at its time. One row says when the next occurrence is due; whoever
-- moves it on with a compare-and-set fires that occurrence, in the same transaction.

CREATE TABLE jobforge.schedules (
    tenant_id       uuid NOT NULL REFERENCES jobforge.tenants,
    schedule_id     uuid NOT NULL,
    name            text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 256),
    project_id      uuid,
    cron            text,
    at              timestamptz,
    timezone        text NOT NULL,
    jitter_seconds  integer NOT NULL CHECK (jitter_seconds BETWEEN 0 AND 86400),
    on_missed       text NOT NULL CHECK (on_missed IN ('skip', 'run_once', 'run_all')),
    job_type        text NOT NULL,
    payload         json NOT NULL,
    created_by      text NOT NULL,
    created_at      timestamptz NOT NULL,
    is_enabled      boolean NOT NULL,
    next_due_at     timestamptz,
    fires_at        timestamptz,
    PRIMARY KEY (tenant_id, schedule_id),
    UNIQUE (tenant_id, name),
    CHECK ((cron IS NULL) <> (at IS NULL)),
    CHECK ((next_due_at IS NULL) = (fires_at IS NULL)),
    CHECK (is_enabled OR fires_at IS NULL)
);
CREATE INDEX schedules_due ON jobforge.schedules (fires_at) WHERE fires_at IS NOT NULL;

-- What became of each occurrence. The key is the second guard: one occurrence, one row.
CREATE TABLE jobforge.schedule_firings (
    tenant_id    uuid NOT NULL REFERENCES jobforge.tenants,
    schedule_id  uuid NOT NULL,
    due_at       timestamptz NOT NULL,
    decided_at   timestamptz NOT NULL,
    outcome      text NOT NULL CHECK (outcome IN ('fired', 'skipped', 'denied', 'failed')),
    reason       text NOT NULL,
    run_id       uuid,
    job_id       uuid,
    PRIMARY KEY (tenant_id, schedule_id, due_at)
);

ALTER TABLE jobforge.schedules ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.schedules FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.schedules TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.schedule_firings ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.schedule_firings FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.schedule_firings TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

GRANT SELECT, INSERT, DELETE ON jobforge.schedules TO jobforge_app;
GRANT UPDATE (is_enabled, next_due_at, fires_at) ON jobforge.schedules TO jobforge_app;
GRANT SELECT, INSERT ON jobforge.schedule_firings TO jobforge_app;

-- Schedules of any tenant whose time has come: where to look, and nothing else.
GRANT SELECT (tenant_id, schedule_id, fires_at) ON jobforge.schedules TO jobforge_dispatch;
CREATE POLICY routing ON jobforge.schedules FOR SELECT TO jobforge_dispatch USING (true);

CREATE FUNCTION jobforge.find_due_schedules(moment timestamptz, most integer)
    RETURNS TABLE (tenant_id uuid, schedule_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
        SELECT s.tenant_id, s.schedule_id FROM jobforge.schedules AS s
        WHERE s.fires_at <= moment
        ORDER BY s.fires_at
        LIMIT most
    $$;

ALTER FUNCTION jobforge.find_due_schedules(timestamptz, integer) OWNER TO jobforge_dispatch;
REVOKE ALL ON FUNCTION jobforge.find_due_schedules FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobforge.find_due_schedules TO jobforge_app;
