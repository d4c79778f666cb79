-- The engine's set operations: one call per batch, tenant after tenant in sorted order. They run
-- with the caller's rights; each statement sees exactly the one tenant it is set to.

-- Starts jobs, or says why not. `outcome` is 'started', 'not_due' (try again at available_at) or
-- 'gone' (finished, canceled or never there: nothing to do).
CREATE FUNCTION jobforge.begin_jobs(tenants uuid[], jobs uuid[], moment timestamptz)
    RETURNS TABLE (
        ordinal bigint, outcome text, available_at timestamptz, attempt integer,
        max_attempts integer, job_type text, payload json, effects json, project_id uuid,
        run_id uuid, request_id text, trace_id text, actor text, grant_jti text,
        tenant_slug text, is_host_allowed boolean
    )
    LANGUAGE plpgsql
    SET search_path = pg_catalog
    AS $$
#variable_conflict use_column
DECLARE
    current uuid;
    slug text;
    host_allowed boolean;
BEGIN
    FOR current IN SELECT DISTINCT t FROM unnest(tenants) AS t ORDER BY t LOOP
        PERFORM set_config('jobforge.tenant_id', current::text, true);
        SELECT t.slug, t.is_host_allowed INTO slug, host_allowed
            FROM jobforge.tenants AS t WHERE t.tenant_id = current;
        RETURN QUERY
            WITH asked AS (
                SELECT a.job_id, a.n FROM unnest(tenants, jobs) WITH ORDINALITY AS a (tenant, job_id, n)
                WHERE a.tenant = current
            ), started AS (
                UPDATE jobforge.jobs AS job
                SET status = 'running', attempt = job.attempt + 1, started_at = moment,
                    progress = 0, progress_message = NULL
                FROM asked
                WHERE job.tenant_id = current AND job.job_id = asked.job_id
                    AND job.status IN ('queued', 'running') AND job.available_at <= moment
                RETURNING asked.n, job.*
            )
            SELECT asked.n,
                CASE WHEN s.job_id IS NOT NULL THEN 'started'
                     WHEN w.status IN ('queued', 'running') AND w.available_at > moment
                        THEN 'not_due' ELSE 'gone' END,
                w.available_at, s.attempt, s.max_attempts, s.job_type, s.payload, s.effects,
                s.project_id, s.run_id, s.request_id, s.trace_id, s.actor, s.grant_jti,
                slug, host_allowed
            FROM asked
                LEFT JOIN started AS s ON s.n = asked.n
                LEFT JOIN jobforge.jobs AS w ON w.tenant_id = current AND w.job_id = asked.job_id;
    END LOOP;
END $$;

-- Writes how attempts ended, each only if it still holds its job, and closes runs that are done.
-- Returns the ordinals that were accepted and the runs that closed with them.
CREATE FUNCTION jobforge.settle_jobs(
    tenants uuid[], jobs uuid[], attempts integer[], statuses text[], available_ats timestamptz[],
    results text[], manifests text[], artifact_refs text[], errors text[], moment timestamptz
)
    RETURNS TABLE (ordinal bigint, run_id uuid, is_run_closed boolean)
    LANGUAGE plpgsql
    SET search_path = pg_catalog
    AS $$
#variable_conflict use_column
DECLARE
    current uuid;
BEGIN
    FOR current IN SELECT DISTINCT t FROM unnest(tenants) AS t ORDER BY t LOOP
        PERFORM set_config('jobforge.tenant_id', current::text, true);
        RETURN QUERY
            WITH ended AS (
                SELECT e.* FROM unnest(tenants, jobs, attempts, statuses, available_ats, results,
                        manifests, artifact_refs, errors) WITH ORDINALITY
                    AS e (tenant, job_id, attempt, status, available_at, result, manifest,
                          artifact_ref, error, n)
                WHERE e.tenant = current
            ), settled AS (
                UPDATE jobforge.jobs AS job
                SET status = ended.status,
                    release_state = CASE WHEN ended.status = 'queued' THEN job.release_state
                        ELSE 'ended' END,
                    available_at = coalesce(ended.available_at, job.available_at),
                    finished_at = CASE WHEN ended.status <> 'queued' THEN moment END,
                    progress = CASE WHEN ended.status = 'executed' THEN 1 ELSE job.progress END,
                    result = ended.result::json,
                    manifest = ended.manifest::json,
                    artifact_ref = ended.artifact_ref,
                    error = CASE WHEN ended.status <> 'queued' THEN ended.error::json END,
                    attempt_errors = CASE WHEN ended.error IS NULL THEN job.attempt_errors
                        ELSE job.attempt_errors || jsonb_build_array(
                            ended.error::jsonb || jsonb_build_object('attempt', ended.attempt))
                        END
                FROM ended
                WHERE job.tenant_id = current AND job.job_id = ended.job_id
                    AND job.attempt = ended.attempt AND job.status = 'running'
                RETURNING ended.n, job.run_id, ended.status
            ), finished AS (
                -- In order, so that two batches never wait for each other's runs.
                SELECT s.run_id, count(*) AS jobs FROM settled AS s
                WHERE s.status <> 'queued' GROUP BY s.run_id ORDER BY s.run_id
            ), counted AS (
                UPDATE jobforge.bundle_runs AS run
                SET open_children = run.open_children - finished.jobs,
                    status = CASE WHEN run.open_children = finished.jobs THEN 'closed'
                        ELSE run.status END,
                    closed_at = CASE WHEN run.open_children = finished.jobs THEN moment END
                FROM finished
                WHERE run.tenant_id = current AND run.run_id = finished.run_id
                RETURNING run.run_id, run.status
            )
            SELECT s.n, s.run_id, coalesce(c.status = 'closed', false)
            FROM settled AS s LEFT JOIN counted AS c ON c.run_id = s.run_id;
    END LOOP;
END $$;

-- Releases waiting jobs up to each tenant's cap; the caller puts them into the queue in the same
-- transaction. The slots row is locked before counting: without it two releases strand a job.
CREATE FUNCTION jobforge.release_jobs(tenants uuid[], moment timestamptz)
    RETURNS TABLE (tenant_id uuid, job_id uuid, lane text)
    LANGUAGE plpgsql
    SET search_path = pg_catalog
    AS $$
#variable_conflict use_column
DECLARE
    current uuid;
    room integer;
    chosen uuid[];
BEGIN
    FOR current IN SELECT DISTINCT t FROM unnest(tenants) AS t ORDER BY t LOOP
        PERFORM set_config('jobforge.tenant_id', current::text, true);
        CONTINUE WHEN NOT EXISTS (
            SELECT FROM jobforge.jobs AS job
            WHERE job.tenant_id = current AND job.release_state = 'waiting'
        );
        PERFORM FROM jobforge.tenant_slots AS slot WHERE slot.tenant_id = current FOR UPDATE;
        SELECT tenant.release_cap - (
                SELECT count(*) FROM jobforge.jobs AS job
                WHERE job.tenant_id = current AND job.release_state = 'released'
            ) INTO room
            FROM jobforge.tenants AS tenant WHERE tenant.tenant_id = current;
        CONTINUE WHEN room <= 0;
        SELECT array_agg(next.job_id) INTO chosen FROM (
            SELECT waiting.job_id FROM jobforge.jobs AS waiting
            WHERE waiting.tenant_id = current AND waiting.release_state = 'waiting'
            ORDER BY waiting.priority DESC, waiting.created_at, waiting.job_id
            LIMIT room
        ) AS next;
        -- By their ids, and still waiting; a join, or that said by name, reads all that wait.
        RETURN QUERY
            UPDATE jobforge.jobs AS job SET release_state = 'released', released_at = moment
            WHERE job.tenant_id = current AND job.job_id = ANY (chosen)
                AND job.release_state NOT IN ('released', 'ended')
            RETURNING job.tenant_id, job.job_id, job.lane;
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION jobforge.begin_jobs, jobforge.settle_jobs, jobforge.release_jobs FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobforge.begin_jobs, jobforge.settle_jobs, jobforge.release_jobs
    TO jobforge_app;
