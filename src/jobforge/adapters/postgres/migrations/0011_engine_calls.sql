-- The engine's calls over the tables of live jobs: each is one statement, so one round trip and one
-- transaction. They run with the caller's rights, tenant after tenant in sorted order; each of their
-- statements sees exactly the one tenant it is set to. Plans are kept, and may have been made while a
-- table was empty, so the functions leave the planner nothing but the indexes.

DROP FUNCTION jobforge.begin_jobs, jobforge.settle_jobs, jobforge.release_jobs,
    jobforge.find_stranded_jobs, jobforge.find_waiting_tenants;

-- Puts rows into PgQueuer's queue as its own enqueue does, to be handed out after `delays`. A row
-- names one tenant and some of its jobs: 16 bytes for each id.
CREATE FUNCTION jobforge.enqueue(lanes text[], payloads bytea[], delays interval[])
    RETURNS void
    LANGUAGE sql
    SET search_path = pg_catalog
    AS $$
        WITH queued AS (
            INSERT INTO pgqueuer.pgqueuer (priority, entrypoint, payload, execute_after, status, headers)
            SELECT 0, 'jobforge.' || lane, payload, now() + delay, 'queued', 'null'
            FROM unnest(lanes, payloads, delays) AS job (lane, payload, delay)
            RETURNING id, entrypoint, priority
        )
        INSERT INTO pgqueuer.pgqueuer_log (job_id, status, entrypoint, priority)
        SELECT id, 'queued', entrypoint, priority FROM queued
    $$;

-- Releases waiting jobs into the queue, up to each tenant's cap; how many. The slots row is locked
-- before counting: without it two releases strand a job. Jobs that wait for others more than they
-- compute go ten to a queue row, since handing out a row costs more than running such a job.
CREATE FUNCTION jobforge.release_jobs(tenants uuid[], moment timestamptz)
    RETURNS integer
    LANGUAGE plpgsql
    SET search_path = pg_catalog
    SET enable_seqscan = off SET enable_bitmapscan = off
    SET enable_hashjoin = off SET enable_mergejoin = off
    AS $$
DECLARE
    current uuid;
    room integer;
    rows_queued integer;
    lanes text[];
    payloads bytea[];
    total integer := 0;
BEGIN
    FOR current IN SELECT DISTINCT t FROM unnest(tenants) AS t ORDER BY t LOOP
        PERFORM set_config('jobforge.tenant_id', current::text, true);
        CONTINUE WHEN NOT EXISTS (
            SELECT FROM jobforge.waiting_jobs AS waiting WHERE waiting.tenant_id = current
        );
        PERFORM FROM jobforge.tenant_slots AS slot WHERE slot.tenant_id = current FOR UPDATE;
        SELECT tenant.release_cap - (
                SELECT count(*) FROM jobforge.released_jobs AS released
                WHERE released.tenant_id = current
            ) INTO room
            FROM jobforge.tenants AS tenant WHERE tenant.tenant_id = current;
        CONTINUE WHEN room <= 0;
        WITH chosen AS MATERIALIZED (
            -- What another transaction cancels just now is left to it.
            SELECT next.ctid FROM jobforge.waiting_jobs AS next
            WHERE next.tenant_id = current
            ORDER BY next.priority DESC, next.created_at, next.job_id
            LIMIT room
            FOR UPDATE SKIP LOCKED
        ), taken AS (
            -- By their places in the table: a join by their keys reads all that wait.
            DELETE FROM jobforge.waiting_jobs AS waiting USING chosen
            WHERE waiting.ctid = chosen.ctid
            RETURNING waiting.priority, waiting.created_at, waiting.job_id, waiting.lane
        ), released AS (
            INSERT INTO jobforge.released_jobs (tenant_id, job_id, lane, released_at)
            SELECT current, taken.job_id, taken.lane, moment FROM taken
        ), placed AS (
            SELECT taken.lane, taken.job_id, row_number() OVER (PARTITION BY taken.lane
                ORDER BY taken.priority DESC, taken.created_at, taken.job_id) - 1 AS place
            FROM taken
        ), grouped AS (
            SELECT placed.lane, min(placed.place) AS first, count(*) AS jobs,
                uuid_send(current)
                    || string_agg(uuid_send(placed.job_id), ''::bytea ORDER BY placed.place) AS payload
            FROM placed
            GROUP BY placed.lane, placed.place / CASE placed.lane WHEN 'inline' THEN 10 ELSE 1 END
        )
        SELECT array_agg(g.lane ORDER BY g.first), array_agg(g.payload ORDER BY g.first),
            coalesce(sum(g.jobs), 0)
            INTO lanes, payloads, rows_queued FROM grouped AS g;
        PERFORM jobforge.enqueue(
            lanes, payloads, array_fill(interval '0', ARRAY[coalesce(cardinality(lanes), 0)]));
        total := total + rows_queued;
    END LOOP;
    RETURN total;
END $$;

-- Starts jobs. One that is not due comes back with `available_at` and nothing else; one that has
-- ended, was canceled or never was does not come back.
CREATE FUNCTION jobforge.begin_jobs(tenants uuid[], jobs uuid[], moment timestamptz)
    RETURNS TABLE (
        ordinal bigint, available_at timestamptz, attempt integer,
        max_attempts integer, job_type text, payload json, effects json, project_id uuid,
        run_id uuid, request_id text, trace_id text, actor text, grant_jti text,
        tenant_slug text, is_host_allowed boolean
    )
    LANGUAGE plpgsql
    SET search_path = pg_catalog
    SET enable_seqscan = off SET enable_bitmapscan = off
    AS $$
#variable_conflict use_column
DECLARE
    current uuid;
    asked uuid[];
    ordinals bigint[];
    started integer;
    slug text;
    host_allowed boolean;
BEGIN
    FOR current, asked, ordinals IN
        SELECT a.tenant, array_agg(a.job), array_agg(a.n)
        FROM unnest(tenants, jobs) WITH ORDINALITY AS a (tenant, job, n)
        GROUP BY a.tenant ORDER BY a.tenant
    LOOP
        PERFORM set_config('jobforge.tenant_id', current::text, true);
        SELECT t.slug, t.is_host_allowed INTO slug, host_allowed
            FROM jobforge.tenants AS t WHERE t.tenant_id = current;
        RETURN QUERY
            UPDATE jobforge.jobs AS job
            SET status = 'running', attempt = job.attempt + 1, started_at = moment,
                progress = 0, progress_message = NULL
            WHERE job.tenant_id = current AND job.job_id = ANY (asked)
                AND job.status IN ('queued', 'running') AND job.available_at <= moment
            RETURNING ordinals[array_position(asked, job.job_id)], NULL::timestamptz, job.attempt, job.max_attempts, job.job_type,
                job.payload, job.effects, job.project_id, job.run_id, job.request_id,
                job.trace_id, job.actor, job.grant_jti, slug, host_allowed;
        GET DIAGNOSTICS started = ROW_COUNT;
        CONTINUE WHEN started = cardinality(asked);
        RETURN QUERY
            SELECT ordinals[array_position(asked, job.job_id)], job.available_at, NULL::integer, NULL::integer, NULL, NULL::json,
                NULL::json, NULL::uuid, NULL::uuid, NULL, NULL, NULL, NULL, NULL, NULL::boolean
            FROM jobforge.jobs AS job
            WHERE job.tenant_id = current AND job.job_id = ANY (asked)
                AND job.status IN ('queued', 'running') AND job.available_at > moment;
        -- Whatever has ended holds no place of the tenant's cap.
        DELETE FROM jobforge.released_jobs AS released
            WHERE released.tenant_id = current AND released.job_id = ANY (asked)
                AND NOT EXISTS (
                    SELECT FROM jobforge.jobs AS job
                    WHERE job.tenant_id = current AND job.job_id = released.job_id
                        AND job.status IN ('queued', 'running')
                );
    END LOOP;
END $$;

-- Writes how attempts ended, each only if it still holds its job; closes runs that are done, releases
-- what there is room for now, tells who listens about the runs in `told` and those that closed, and
-- appends the audit entries. Returns the ordinals that were accepted, each with the head that its
-- tenant's chain has now. The chains are locked last, all in one go.
CREATE FUNCTION jobforge.settle_jobs(
    tenants uuid[], jobs uuid[], attempts integer[], statuses text[], available_ats timestamptz[],
    results text[], manifests text[], artifact_refs text[], errors text[],
    entry_ats timestamptz[], entry_actors text[], entry_events text[], entry_subjects text[],
    entry_details text[], entry_hashes bytea[], told uuid[], moment timestamptz
)
    RETURNS TABLE (ordinal bigint, run_id uuid, is_run_closed boolean, seq bigint, hash bytea)
    LANGUAGE plpgsql
    SET search_path = pg_catalog
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_nestloop = off
    AS $$
#variable_conflict use_column
DECLARE
    current uuid;
    own uuid[];
    ordinals bigint[];
    accepted bigint[] := '{}';
    accepted_runs uuid[] := '{}';
    runs uuid[];
    closed uuid[];
    all_closed uuid[] := '{}';
    lanes text[];
    payloads bytea[];
    delays interval[];
BEGIN
    FOR current, own IN
        SELECT e.tenant, array_agg(e.job) FROM unnest(tenants, jobs) AS e (tenant, job)
        GROUP BY e.tenant ORDER BY e.tenant
    LOOP
        PERFORM set_config('jobforge.tenant_id', current::text, true);
        -- Each table is asked for the batch's own rows before anything is joined: where the planner
        -- takes a tenant for small, it would look at all the tenant has.
        WITH ended AS (
            SELECT e.* FROM unnest(tenants, jobs, attempts, statuses, available_ats, results,
                    manifests, artifact_refs, errors) WITH ORDINALITY
                AS e (tenant, job_id, attempt, status, available_at, result, manifest,
                      artifact_ref, error, n)
            WHERE e.tenant = current
        ), settled AS (
            UPDATE jobforge.jobs AS job
            SET status = ended.status,
                available_at = coalesce(ended.available_at, job.available_at),
                finished_at = CASE WHEN ended.status <> 'queued' THEN moment END,
                progress = CASE WHEN ended.status = 'executed' THEN 1 ELSE job.progress END,
                attempt_errors = CASE WHEN ended.error IS NULL THEN job.attempt_errors
                    ELSE job.attempt_errors || jsonb_build_array(
                        ended.error::jsonb || jsonb_build_object('attempt', ended.attempt))
                    END
            FROM ended
            WHERE job.tenant_id = current AND job.job_id = ANY (own)
                AND job.job_id = ended.job_id AND job.attempt = ended.attempt AND job.status = 'running'
            RETURNING ended.n, job.job_id, job.run_id, job.lane, ended.status, ended.available_at,
                ended.result, ended.manifest, ended.artifact_ref, ended.error
        ), kept AS (
            INSERT INTO jobforge.job_results
                (tenant_id, job_id, result, manifest, artifact_ref, error)
            SELECT current, s.job_id, s.result::json, s.manifest::json, s.artifact_ref,
                s.error::json
            FROM settled AS s WHERE s.status <> 'queued'
        ), unreleased AS (
            DELETE FROM jobforge.released_jobs AS released USING settled AS s
            WHERE released.tenant_id = current AND released.job_id = ANY (own)
                AND released.job_id = s.job_id AND s.status <> 'queued'
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
                AND run.run_id = ANY (ARRAY(SELECT f.run_id FROM finished AS f))
            RETURNING run.run_id, run.status
        )
        SELECT array_agg(s.n ORDER BY s.n), array_agg(s.run_id ORDER BY s.n),
            array_agg(DISTINCT c.run_id) FILTER (WHERE c.status = 'closed'),
            array_agg(s.lane) FILTER (WHERE s.status = 'queued'),
            array_agg(uuid_send(current) || uuid_send(s.job_id)) FILTER (WHERE s.status = 'queued'),
            array_agg(s.available_at - moment) FILTER (WHERE s.status = 'queued')
            INTO ordinals, runs, closed, lanes, payloads, delays
            FROM settled AS s LEFT JOIN counted AS c ON c.run_id = s.run_id;
        accepted := accepted || ordinals;
        accepted_runs := accepted_runs || runs;
        all_closed := all_closed || closed;
        -- Tried again later: by a row of its own, whatever else was in the one that woke it.
        PERFORM jobforge.enqueue(lanes, payloads, delays);
    END LOOP;
    PERFORM jobforge.release_jobs(
        ARRAY(SELECT DISTINCT tenants[n] FROM unnest(accepted) AS n), moment);
    PERFORM pg_notify('jobforge_runs', run::text)
        FROM (SELECT unnest(told) AS run UNION SELECT unnest(all_closed)) AS news;
    FOR current IN SELECT DISTINCT tenants[n] FROM unnest(accepted) AS n ORDER BY 1 LOOP
        PERFORM set_config('jobforge.tenant_id', current::text, true);
        RETURN QUERY
            WITH mine AS (
                SELECT e.* FROM unnest(tenants, entry_ats, entry_actors, entry_events,
                        entry_subjects, entry_details, entry_hashes) WITH ORDINALITY
                    AS e (tenant, at, actor, event, subject, details, body_hash, n)
                WHERE e.tenant = current AND e.n = ANY (accepted)
            ), block AS (
                SELECT array_agg(at ORDER BY n) AS ats, array_agg(actor ORDER BY n) AS actors,
                    array_agg(event ORDER BY n) AS events,
                    array_agg(subject ORDER BY n) AS subjects,
                    array_agg(details ORDER BY n) AS details,
                    array_agg(body_hash ORDER BY n) AS hashes
                FROM mine
            ), head AS (
                SELECT appended.seq, appended.hash FROM block, jobforge.append_audit(
                    current, ats, actors, events, subjects, details, hashes) AS appended
            )
            SELECT mine.n, a.run_id, a.run_id = ANY (all_closed), head.seq, head.hash
            FROM mine JOIN unnest(accepted, accepted_runs) AS a (n, run_id) ON a.n = mine.n, head;
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION jobforge.enqueue, jobforge.begin_jobs, jobforge.settle_jobs,
    jobforge.release_jobs FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobforge.enqueue, jobforge.begin_jobs, jobforge.settle_jobs,
    jobforge.release_jobs TO jobforge_app;

-- Jobs that were released but are in no queue row any more: the sweeper enqueues them again.
CREATE FUNCTION jobforge.find_stranded_jobs(before timestamptz)
    RETURNS TABLE (tenant_id uuid, job_id uuid, lane text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
        WITH queued AS (
            SELECT substring(q.payload FROM 1 FOR 16) AS tenant,
                substring(q.payload FROM 1 + 16 * place FOR 16) AS job
            FROM pgqueuer.pgqueuer AS q,
                generate_series(1, octet_length(q.payload) / 16 - 1) AS place
        )
        SELECT r.tenant_id, r.job_id, r.lane FROM jobforge.released_jobs AS r
        WHERE r.released_at < before
            AND NOT EXISTS (
                SELECT FROM queued
                WHERE queued.tenant = uuid_send(r.tenant_id) AND queued.job = uuid_send(r.job_id)
            )
    $$;

-- Tenants that have jobs waiting for release, found tenant by tenant, however many wait.
CREATE FUNCTION jobforge.find_waiting_tenants()
    RETURNS TABLE (tenant_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog SET enable_seqscan = off
    SET enable_hashjoin = off SET enable_mergejoin = off
    AS $$
        SELECT t.tenant_id FROM jobforge.tenants AS t
        WHERE EXISTS (SELECT FROM jobforge.waiting_jobs AS w WHERE w.tenant_id = t.tenant_id)
    $$;

ALTER FUNCTION jobforge.find_stranded_jobs(timestamptz) OWNER TO jobforge_dispatch;
ALTER FUNCTION jobforge.find_waiting_tenants() OWNER TO jobforge_dispatch;
REVOKE ALL ON FUNCTION jobforge.find_stranded_jobs, jobforge.find_waiting_tenants FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobforge.find_stranded_jobs, jobforge.find_waiting_tenants
    TO jobforge_app;
