-- Tenants take turns in the queue by how much they had lately, and a job that is begun says since when
-- it could have been.

-- Up to when a tenant's turns are given away.
ALTER TABLE jobforge.tenant_slots ADD COLUMN turn_at timestamptz;
GRANT UPDATE (turn_at) ON jobforge.tenant_slots TO jobforge_app;

DROP FUNCTION jobforge.enqueue;

-- Puts rows into PgQueuer's queue as its own enqueue does, to be handed out after `delays`. A row
-- names one tenant and some of its jobs: 16 bytes for each id. Its priority is its turn, counted down
-- from 2026 in tenths of a second; without a turn it is when it can be handed out.
CREATE FUNCTION jobforge.enqueue(
    lanes text[], payloads bytea[], delays interval[], turns timestamptz[] DEFAULT NULL
)
    RETURNS void
    LANGUAGE sql
    SET search_path = pg_catalog
    AS $$
        WITH queued AS (
            INSERT INTO pgqueuer.pgqueuer (priority, entrypoint, payload, execute_after, status, headers)
            SELECT 2147483647 - least(2147483647, greatest(0, floor(10 * extract(epoch FROM
                    coalesce(turn, now() + delay) - timestamptz '2026-01-01 00:00:00Z'))))::integer,
                'jobforge.' || lane, payload, now() + delay, 'queued', 'null'
            FROM unnest(lanes, payloads, delays, coalesce(turns, '{}'))
                AS job (lane, payload, delay, turn)
            RETURNING id, entrypoint, priority
        )
        INSERT INTO pgqueuer.pgqueuer_log (job_id, status, entrypoint, priority)
        SELECT id, 'queued', entrypoint, priority FROM queued
    $$;

-- What is there already comes first.
UPDATE pgqueuer.pgqueuer SET priority = 2147483647;

-- Releases waiting jobs into the queue, up to each tenant's limits; how many. The slots row is locked
-- before counting: without it two releases strand a job. Jobs that wait for others more than they
-- compute go ten to a queue row, since handing out a row costs more than running such a job. Under a
-- rate each job has a row of its own, which is handed out at the job's turn; only those whose turn
-- comes before the next sweep are released.
-- In the queue each job is given a turn 20 ms after its tenant's last one, so that who has few jobs does
-- not wait for all of those that others have there. No turn is farther away than four seconds: so long
-- the others can overtake a job at most. Turns are the server's time, since a worker's may be wrong.
CREATE OR REPLACE FUNCTION jobforge.release_jobs(tenants uuid[], moment timestamptz)
    RETURNS integer
    LANGUAGE plpgsql
    SET search_path = pg_catalog
    SET enable_seqscan = off SET enable_bitmapscan = off
    SET enable_hashjoin = off SET enable_mergejoin = off
    AS $$
DECLARE
    horizon CONSTANT interval := '45 seconds';
    apart CONSTANT interval := '20 milliseconds';
    farthest CONSTANT interval := '4 seconds';
    reading timestamptz;
    current uuid;
    slot record;
    tenant record;
    of_all jsonb;
    has_looked boolean := false;
    held jsonb;
    today date := (moment AT TIME ZONE 'UTC')::date;
    used integer;
    turn interval;
    free_at timestamptz;
    room integer;
    rows_queued integer;
    lanes text[];
    payloads bytea[];
    delays interval[];
    turn_times timestamptz[];
    last_turn timestamptz;
    total integer := 0;
BEGIN
    FOR current IN SELECT DISTINCT t FROM unnest(tenants) AS t ORDER BY t LOOP
        PERFORM set_config('jobforge.tenant_id', current::text, true);
        CONTINUE WHEN NOT EXISTS (
            SELECT FROM jobforge.waiting_jobs AS waiting WHERE waiting.tenant_id = current
        );
        IF NOT has_looked THEN
            of_all := jobforge.holds_of_all(moment);
            has_looked := true;
            PERFORM set_config('jobforge.tenant_id', current::text, true);
        END IF;
        SELECT s.rate_per_minute, s.rate_free_at, s.daily_jobs, s.day, s.day_jobs, s.turn_at
            INTO slot FROM jobforge.tenant_slots AS s WHERE s.tenant_id = current FOR UPDATE;
        SELECT t.has_controls, t.release_cap - (
                SELECT count(*) FROM jobforge.released_jobs AS released
                WHERE released.tenant_id = current
            ) AS room INTO tenant
            FROM jobforge.tenants AS t WHERE t.tenant_id = current;
        room := tenant.room;
        used := CASE WHEN slot.day = today THEN slot.day_jobs ELSE 0 END;
        IF slot.daily_jobs IS NOT NULL THEN
            room := least(room, slot.daily_jobs - used);
        END IF;
        turn := interval '0';
        IF slot.rate_per_minute IS NOT NULL THEN
            turn := interval '1 minute' / slot.rate_per_minute;
            -- Farther ahead than any release goes: it was written by a clock that was wrong.
            free_at := CASE WHEN slot.rate_free_at > moment + 2 * horizon + turn THEN moment
                ELSE greatest(slot.rate_free_at, moment) END;
            room := least(room, 1 + floor(
                extract(epoch FROM moment + horizon - free_at) / extract(epoch FROM turn))::integer);
        END IF;
        CONTINUE WHEN room <= 0;
        held := NULL;
        IF tenant.has_controls OR of_all IS NOT NULL THEN
            held := jobforge.holds_of(current, moment, of_all);
            CONTINUE WHEN jobforge.is_held(held, '{pause,window}', '*', false);
        END IF;
        reading := clock_timestamp();
        last_turn := greatest(slot.turn_at, reading);
        WITH chosen AS MATERIALIZED (
            -- What another transaction cancels just now is left to it.
            SELECT next.ctid FROM jobforge.waiting_jobs AS next
            WHERE next.tenant_id = current
                AND (held IS NULL OR NOT EXISTS (
                    SELECT FROM jobforge.jobs AS job
                    WHERE job.tenant_id = current AND job.job_id = next.job_id
                        AND jobforge.is_held(
                            held, '{pause,window}', job.job_type, job.grant_jti IS NOT NULL)))
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
            SELECT taken.lane, taken.job_id,
                row_number() OVER (ORDER BY taken.priority DESC, taken.created_at, taken.job_id)
                    - 1 AS turns,
                row_number() OVER (PARTITION BY taken.lane
                    ORDER BY taken.priority DESC, taken.created_at, taken.job_id) - 1 AS place
            FROM taken
        ), grouped AS (
            SELECT placed.lane, min(placed.turns) AS turns, count(*) AS jobs,
                uuid_send(current)
                    || string_agg(uuid_send(placed.job_id), ''::bytea ORDER BY placed.place) AS payload
            FROM placed
            GROUP BY placed.lane, placed.place / CASE WHEN placed.lane = 'inline'
                AND slot.rate_per_minute IS NULL THEN 10 ELSE 1 END
        )
        SELECT array_agg(g.lane ORDER BY g.turns), array_agg(g.payload ORDER BY g.turns),
            array_agg(CASE WHEN slot.rate_per_minute IS NULL THEN interval '0'
                ELSE free_at + g.turns * turn - moment END ORDER BY g.turns),
            array_agg(least(last_turn + g.turns * apart, reading + farthest) ORDER BY g.turns),
            coalesce(sum(g.jobs), 0)
            INTO lanes, payloads, delays, turn_times, rows_queued FROM grouped AS g;
        PERFORM jobforge.enqueue(lanes, payloads, delays, turn_times);
        IF rows_queued > 0 THEN
            UPDATE jobforge.tenant_slots AS s
            SET turn_at = least(last_turn + rows_queued * apart, reading + farthest),
                rate_free_at = coalesce(free_at + rows_queued * turn, s.rate_free_at),
                day = CASE WHEN s.daily_jobs IS NULL AND s.rate_per_minute IS NULL THEN s.day
                    ELSE today END,
                day_jobs = CASE WHEN s.daily_jobs IS NULL AND s.rate_per_minute IS NULL THEN s.day_jobs
                    ELSE used + rows_queued END
            WHERE s.tenant_id = current;
        END IF;
        total := total + rows_queued;
    END LOOP;
    RETURN total;
END $$;

-- Starts jobs; `available_at` is since when one could have been. One that is not due comes back with
-- `available_at` and nothing else; one that has ended, was canceled, waits again or never was does not
-- come back. What is held goes back to where it waited; `stopped_by` is the reason of a kill switch,
-- which whoever runs the job has to heed. Nothing is put off by more than minutes: what seems to be was
-- written by a clock that was wrong.
CREATE OR REPLACE FUNCTION jobforge.begin_jobs(tenants uuid[], jobs uuid[], moment timestamptz)
    RETURNS TABLE (
        ordinal bigint, available_at timestamptz, attempt integer,
        max_attempts integer, job_type text, payload json, effects json, project_id uuid,
        run_id uuid, request_id text, trace_id text, actor text, grant_jti text,
        tenant_slug text, is_host_allowed boolean, stopped_by text
    )
    LANGUAGE plpgsql
    SET search_path = pg_catalog
    SET enable_seqscan = off SET enable_bitmapscan = off
    AS $$
#variable_conflict use_column
DECLARE
    far CONSTANT interval := '10 minutes';
    current uuid;
    asked uuid[];
    ordinals bigint[];
    put_back uuid[];
    started integer;
    tenant record;
    of_all jsonb := jobforge.holds_of_all(moment);
    held jsonb;
BEGIN
    FOR current, asked, ordinals IN
        SELECT a.tenant, array_agg(a.job), array_agg(a.n)
        FROM unnest(tenants, jobs) WITH ORDINALITY AS a (tenant, job, n)
        GROUP BY a.tenant ORDER BY a.tenant
    LOOP
        PERFORM set_config('jobforge.tenant_id', current::text, true);
        SELECT t.slug, t.is_host_allowed, t.has_controls INTO tenant
            FROM jobforge.tenants AS t WHERE t.tenant_id = current;
        held := NULL;
        IF tenant.has_controls OR of_all IS NOT NULL THEN
            held := jobforge.holds_of(current, moment, of_all);
            put_back := jobforge.put_back_held(current, asked, held);
            IF put_back <> '{}' THEN
                SELECT array_agg(a.job_id), array_agg(a.n) INTO asked, ordinals
                    FROM unnest(asked, ordinals) AS a (job_id, n) WHERE a.job_id <> ALL (put_back);
                CONTINUE WHEN asked IS NULL;
            END IF;
        END IF;
        RETURN QUERY
            UPDATE jobforge.jobs AS job
            SET status = 'running', attempt = job.attempt + 1, started_at = moment,
                progress = 0, progress_message = NULL,
                attempt_errors = CASE WHEN job.status = 'queued' THEN job.attempt_errors
                    ELSE job.attempt_errors || jsonb_build_array(jsonb_build_object(
                        'code', 'HANDLER_FAILED', 'attempt', job.attempt,
                        'message', 'the worker that ran it was lost')) END
            WHERE job.tenant_id = current AND job.job_id = ANY (asked)
                AND job.status IN ('queued', 'running')
                AND (job.available_at <= moment OR job.available_at > moment + far)
            RETURNING ordinals[array_position(asked, job.job_id)],
                greatest(job.created_at, job.available_at),
                job.attempt, job.max_attempts, job.job_type, job.payload, job.effects, job.project_id, job.run_id, job.request_id,
                job.trace_id, job.actor, job.grant_jti, tenant.slug, tenant.is_host_allowed,
                CASE WHEN held IS NOT NULL THEN (
                    SELECT kill.name
                    FROM jobforge.first_hold(held, '{kill}', job.job_type, true) AS kill) END;
        GET DIAGNOSTICS started = ROW_COUNT;
        CONTINUE WHEN started = cardinality(asked);
        RETURN QUERY
            SELECT ordinals[array_position(asked, job.job_id)], job.available_at, NULL::integer,
                NULL::integer, NULL, NULL::json, NULL::json, NULL::uuid, NULL::uuid, NULL, NULL,
                NULL, NULL, NULL, NULL::boolean, NULL
            FROM jobforge.jobs AS job
            WHERE job.tenant_id = current AND job.job_id = ANY (asked)
                AND job.status IN ('queued', 'running')
                AND job.available_at > moment AND job.available_at <= moment + far;
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

REVOKE ALL ON FUNCTION jobforge.enqueue FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobforge.enqueue TO jobforge_app;
