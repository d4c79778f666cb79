-- What whoever watches asks for: which trace a run belongs to, and how much is left to do.

ALTER TABLE jobforge.bundle_runs ADD COLUMN traceparent text;

GRANT SELECT (created_at) ON jobforge.waiting_jobs TO jobforge_dispatch;
GRANT SELECT (status, heartbeat, created, execute_after) ON pgqueuer.pgqueuer TO jobforge_dispatch;

-- Counts of all tenants' open jobs. A queue row holds a tenant's id and some jobs'. One that was
-- taken, and not heard of since `unheard`, no worker has any more: its jobs are stuck.
CREATE FUNCTION jobforge.measure_backlog(moment timestamptz, unheard timestamptz)
    RETURNS TABLE (waiting bigint, released bigint, running bigint, stuck bigint, oldest timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
        WITH queue AS (
            SELECT
                coalesce(sum(octet_length(q.payload) / 16 - 1)
                    FILTER (WHERE q.status = 'picked'), 0)::bigint AS running,
                coalesce(sum(octet_length(q.payload) / 16 - 1)
                    FILTER (WHERE q.status = 'picked' AND q.heartbeat < unheard), 0)::bigint AS stuck,
                min(q.created) FILTER (WHERE q.status = 'queued' AND q.execute_after <= moment)
                    AS oldest
            FROM pgqueuer.pgqueuer AS q
        ), waiting AS (
            SELECT count(*) AS jobs, min(w.created_at) AS oldest FROM jobforge.waiting_jobs AS w
        ), released AS (
            SELECT count(*) AS jobs FROM jobforge.released_jobs
        )
        SELECT waiting.jobs, greatest(released.jobs - queue.running, 0), queue.running, queue.stuck,
            least(waiting.oldest, queue.oldest)
        FROM queue, waiting, released
    $$;

ALTER FUNCTION jobforge.measure_backlog(timestamptz, timestamptz) OWNER TO jobforge_dispatch;
REVOKE ALL ON FUNCTION jobforge.measure_backlog FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobforge.measure_backlog TO jobforge_app;
