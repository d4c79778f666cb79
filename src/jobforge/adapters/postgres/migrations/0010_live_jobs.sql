-- What changes while a job lives goes into narrow tables of its own, and what it leaves behind into
-- one that is only appended to: the rows of jobs change in place, and touch no index when they do.

-- Jobs that wait for release, in the order they will be.
CREATE TABLE jobforge.waiting_jobs (
    tenant_id   uuid NOT NULL,
    priority    integer NOT NULL,
    created_at  timestamptz NOT NULL,
    job_id      uuid NOT NULL,
    lane        text NOT NULL
);
CREATE UNIQUE INDEX waiting_jobs_next
    ON jobforge.waiting_jobs (tenant_id, priority DESC, created_at, job_id);

-- Jobs in the queue, until they end: what a tenant's cap counts.
CREATE TABLE jobforge.released_jobs (
    tenant_id    uuid NOT NULL,
    job_id       uuid NOT NULL,
    lane         text NOT NULL,
    released_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, job_id)
);

-- How ended jobs ended. Written once; a retry takes it away again.
CREATE TABLE jobforge.job_results (
    tenant_id     uuid NOT NULL,
    job_id        uuid NOT NULL,
    result        json,
    manifest      json,
    artifact_ref  text,
    error         json,
    PRIMARY KEY (tenant_id, job_id)
);

-- The owner, too, is walled off; he moves the rows with the wall down.
ALTER TABLE jobforge.jobs NO FORCE ROW LEVEL SECURITY;
INSERT INTO jobforge.waiting_jobs (tenant_id, priority, created_at, job_id, lane)
    SELECT tenant_id, priority, created_at, job_id, lane FROM jobforge.jobs
    WHERE release_state = 'waiting';
INSERT INTO jobforge.released_jobs (tenant_id, job_id, lane, released_at)
    SELECT tenant_id, job_id, lane, coalesce(released_at, created_at) FROM jobforge.jobs
    WHERE release_state = 'released';
INSERT INTO jobforge.job_results (tenant_id, job_id, result, manifest, artifact_ref, error)
    SELECT tenant_id, job_id, result, manifest, artifact_ref, error FROM jobforge.jobs
    WHERE status NOT IN ('queued', 'running');

DROP POLICY routing ON jobforge.jobs;
REVOKE SELECT (tenant_id, job_id, lane, release_state, released_at)
    ON jobforge.jobs FROM jobforge_dispatch;
-- The run is inserted with its jobs, and the chain's head, which is locked first, knows its tenant:
-- to look both up once more for each row costs as much as the row.
ALTER TABLE jobforge.jobs
    DROP COLUMN release_state,
    DROP COLUMN released_at,
    DROP COLUMN result,
    DROP COLUMN manifest,
    DROP COLUMN artifact_ref,
    DROP COLUMN error,
    DROP CONSTRAINT jobs_tenant_id_run_id_fkey;
ALTER TABLE jobforge.audit_events DROP CONSTRAINT audit_events_tenant_id_fkey;
ALTER TABLE jobforge.jobs FORCE ROW LEVEL SECURITY;
-- No other index than the primary key's knows job ids: the planner would look for them in any.
DROP INDEX jobforge.jobs_newest;
CREATE INDEX jobs_newest ON jobforge.jobs (tenant_id, created_at DESC);
-- Room on each page for a second version of each of its rows.
ALTER TABLE jobforge.jobs SET (fillfactor = 50);

ALTER TABLE jobforge.waiting_jobs
    SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE jobforge.released_jobs
    SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE jobforge.waiting_jobs ALTER COLUMN tenant_id SET STATISTICS 0;
ALTER TABLE jobforge.released_jobs ALTER COLUMN tenant_id SET STATISTICS 0;
ALTER TABLE jobforge.job_results ALTER COLUMN tenant_id SET STATISTICS 0;

ALTER TABLE jobforge.waiting_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.waiting_jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.waiting_jobs TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));
CREATE POLICY routing ON jobforge.waiting_jobs FOR SELECT TO jobforge_dispatch USING (true);

ALTER TABLE jobforge.released_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.released_jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.released_jobs TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));
CREATE POLICY routing ON jobforge.released_jobs FOR SELECT TO jobforge_dispatch USING (true);

ALTER TABLE jobforge.job_results ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.job_results FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.job_results TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

GRANT SELECT, INSERT, DELETE ON jobforge.waiting_jobs, jobforge.released_jobs, jobforge.job_results
    TO jobforge_app;
-- To lock a row one must be allowed to change it.
GRANT UPDATE (priority) ON jobforge.waiting_jobs TO jobforge_app;
GRANT SELECT (tenant_id) ON jobforge.waiting_jobs TO jobforge_dispatch;
GRANT SELECT (tenant_id, job_id, lane, released_at) ON jobforge.released_jobs TO jobforge_dispatch;
