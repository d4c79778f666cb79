-- name: known_keys
-- Those of the keys that earlier jobs used. Each is looked up by itself: a join reads all the
-- tenant ever used.
SELECT known.job_type, known.key, known.job_id, known.payload_digest
FROM unnest($2::text[], $3::text[]) AS asked (job_type, key)
    CROSS JOIN LATERAL (
        SELECT taken.job_type, taken.key, taken.job_id, taken.payload_digest
        FROM jobforge.idempotency_keys AS taken
        WHERE taken.tenant_id = $1 AND taken.job_type = asked.job_type AND taken.key = asked.key
        LIMIT 1
    ) AS known;

-- name: insert_keys
-- Take idempotency keys; those that were free come back.
INSERT INTO jobforge.idempotency_keys (tenant_id, job_type, key, job_id, payload_digest)
SELECT $1, job_type, key, job_id, payload_digest
FROM unnest($2::text[], $3::text[], $4::uuid[], $5::text[])
    AS taken (job_type, key, job_id, payload_digest)
ORDER BY job_type, key
ON CONFLICT DO NOTHING
RETURNING job_id;

-- name: insert_jobs
-- Insert jobs, to wait for their release.
WITH inserted AS (
    INSERT INTO jobforge.jobs
        (tenant_id, project_id, run_id, trace_id, actor, grant_jti, created_at, available_at,
         job_id, request_id, job_type, lane, payload, effects, priority, max_attempts)
    SELECT $1, $2, $3, $4, $5, grant_jti, $6, $6,
        job_id, request_id, job_type, lane, payload::json, effects::json, priority, max_attempts
    FROM unnest($7::uuid[], $8::text[], $9::text[], $10::text[], $11::text[], $12::integer[],
            $13::integer[], $14::text[], $15::text[])
        AS job (job_id, request_id, job_type, payload, effects, priority, max_attempts, grant_jti,
                lane)
)
INSERT INTO jobforge.waiting_jobs (tenant_id, priority, created_at, job_id, lane)
SELECT $1, priority, $6, job_id, lane
FROM unnest($7::uuid[], $12::integer[], $15::text[]) AS job (job_id, priority, lane);

-- name: find_job
-- The job of an id.
SELECT job.job_id, job.project_id, job.run_id, job.request_id, job.job_type, job.status,
    job.priority, job.attempt, job.max_attempts, job.trace_id, job.actor, job.created_at,
    job.available_at, job.started_at, job.finished_at, job.progress, job.progress_message,
    ended.artifact_ref, job.payload, job.effects, ended.result, ended.manifest, ended.error,
    job.attempt_errors::text AS attempt_errors
FROM jobforge.jobs AS job
    LEFT JOIN jobforge.job_results AS ended
        ON ended.tenant_id = job.tenant_id AND ended.job_id = job.job_id
WHERE job.tenant_id = $1 AND job.job_id = $2;

-- name: jobs_of_run
-- The jobs of a run, in the order they were asked for.
SELECT job.job_id, job.project_id, job.run_id, job.request_id, job.job_type, job.status,
    job.priority, job.attempt, job.max_attempts, job.trace_id, job.actor, job.created_at,
    job.available_at, job.started_at, job.finished_at, job.progress, job.progress_message,
    ended.artifact_ref, job.payload, job.effects, ended.result, ended.manifest, ended.error,
    job.attempt_errors::text AS attempt_errors
FROM jobforge.jobs AS job
    LEFT JOIN jobforge.job_results AS ended
        ON ended.tenant_id = job.tenant_id AND ended.job_id = job.job_id
WHERE job.tenant_id = $1 AND job.run_id = $2
ORDER BY job.created_at, job.job_id;

-- name: newest_jobs
-- The newest jobs first, of one status and type where given.
SELECT job.job_id, job.project_id, job.run_id, job.request_id, job.job_type, job.status,
    job.priority, job.attempt, job.max_attempts, job.trace_id, job.actor, job.created_at,
    job.available_at, job.started_at, job.finished_at, job.progress, job.progress_message,
    ended.artifact_ref, job.payload, job.effects, ended.result, ended.manifest, ended.error,
    job.attempt_errors::text AS attempt_errors
FROM jobforge.jobs AS job
    LEFT JOIN jobforge.job_results AS ended
        ON ended.tenant_id = job.tenant_id AND ended.job_id = job.job_id
WHERE job.tenant_id = $1
    AND ($2::text IS NULL OR job.status = $2) AND ($3::text IS NULL OR job.job_type = $3)
ORDER BY job.created_at DESC, job.job_id
LIMIT $4;

-- name: progress_of_run
-- How far each job of a run is, without payloads and results.
SELECT request_id, status, progress, progress_message
FROM jobforge.jobs
WHERE tenant_id = $1 AND run_id = $2
ORDER BY request_id;

-- name: page_jobs
-- One page of the jobs, the newest first, without payloads and results.
SELECT job.job_id, job.project_id, job.run_id, job.request_id, job.job_type, job.status,
    job.attempt, job.max_attempts, job.actor, job.created_at, job.started_at, job.finished_at,
    job.progress, ended.error
FROM jobforge.jobs AS job
    LEFT JOIN jobforge.job_results AS ended
        ON ended.tenant_id = job.tenant_id AND ended.job_id = job.job_id
WHERE job.tenant_id = $1
    AND ($2::timestamptz IS NULL
        OR job.created_at <= $2 AND (job.created_at < $2 OR job.job_id > $3::uuid))
    AND ($4::uuid IS NULL OR job.project_id = $4) AND ($5::uuid IS NULL OR job.run_id = $5)
    AND ($6::text IS NULL OR job.status = $6) AND ($7::text IS NULL OR job.job_type = $7)
    AND ($8::text IS NULL OR job.trace_id = $8)
    AND ($9::timestamptz IS NULL OR job.created_at >= $9)
    AND ($10::timestamptz IS NULL OR job.created_at < $10)
    AND ($11::text IS NULL OR job.payload::jsonb @> $11::jsonb)
ORDER BY job.created_at DESC, job.job_id
LIMIT $12;

-- name: count_jobs
-- How many jobs of each type a filter finds.
SELECT job_type, count(*) AS jobs
FROM jobforge.jobs
WHERE tenant_id = $1 AND ($2::uuid IS NULL OR project_id = $2) AND ($3::uuid IS NULL OR run_id = $3)
    AND ($4::text IS NULL OR status = $4) AND ($5::text IS NULL OR job_type = $5)
    AND ($6::text IS NULL OR trace_id = $6)
    AND ($7::timestamptz IS NULL OR created_at >= $7)
    AND ($8::timestamptz IS NULL OR created_at < $8)
    AND ($9::text IS NULL OR payload::jsonb @> $9::jsonb)
GROUP BY job_type
ORDER BY job_type;

-- name: count_open_jobs
-- The tenant's jobs that have not ended; at most as many as its cap are looked at one by one.
SELECT 'waiting' AS state, count(*) AS jobs
FROM jobforge.waiting_jobs
WHERE tenant_id = $1
GROUP BY tenant_id
UNION ALL
SELECT CASE job.status WHEN 'running' THEN 'running' ELSE 'released' END, count(*)
FROM jobforge.released_jobs AS live
    JOIN jobforge.jobs AS job ON job.tenant_id = live.tenant_id AND job.job_id = live.job_id
WHERE live.tenant_id = $1
GROUP BY 1;

-- name: lock_job
-- The job's status and run, locked.
SELECT status, run_id FROM jobforge.jobs WHERE tenant_id = $1 AND job_id = $2 FOR UPDATE;

-- name: cancel_job
-- End a job that has not ended; it waits no more, and makes room where it was released.
WITH waited AS (
    DELETE FROM jobforge.waiting_jobs AS waiting USING jobforge.jobs AS job
    WHERE job.tenant_id = $1 AND job.job_id = $2
        AND waiting.tenant_id = $1 AND waiting.priority = job.priority
        AND waiting.created_at = job.created_at AND waiting.job_id = $2
), released AS (
    DELETE FROM jobforge.released_jobs WHERE tenant_id = $1 AND job_id = $2
)
UPDATE jobforge.jobs SET status = 'canceled', finished_at = $3 WHERE tenant_id = $1 AND job_id = $2;

-- name: retry_job
-- Queue an ended job anew for so many attempts more; errors of earlier ones are kept.
WITH forgotten AS (
    DELETE FROM jobforge.job_results WHERE tenant_id = $1 AND job_id = $2
), waiting AS (
    INSERT INTO jobforge.waiting_jobs (tenant_id, priority, created_at, job_id, lane)
    SELECT tenant_id, priority, created_at, job_id, lane FROM jobforge.jobs
    WHERE tenant_id = $1 AND job_id = $2
)
UPDATE jobforge.jobs
SET status = 'queued', max_attempts = least(attempt + $4, 100), available_at = $3,
    finished_at = NULL, progress = 0, progress_message = NULL
WHERE tenant_id = $1 AND job_id = $2;

-- name: report_progress
-- Note how far an attempt is, if it still holds the job.
UPDATE jobforge.jobs SET progress = $4, progress_message = $5
WHERE tenant_id = $1 AND job_id = $2 AND attempt = $3 AND status = 'running';

-- name: begin_jobs
-- Start a batch of jobs of any tenants.
SELECT ordinal, available_at, attempt, max_attempts, job_type, payload, effects, project_id, run_id,
    request_id, trace_id, actor, grant_jti, tenant_slug, is_host_allowed, stopped_by
FROM jobforge.begin_jobs($1, $2, $3);

-- name: settle_jobs
-- Write how a batch of attempts ended, with everything that follows from it.
SELECT ordinal, run_id, is_run_closed, seq, hash
FROM jobforge.settle_jobs($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17);

-- name: release_jobs
-- Put waiting jobs into the queue, up to each tenant's cap.
SELECT jobforge.release_jobs($1, $2);

-- name: enqueue
-- Put rows into the queue.
SELECT jobforge.enqueue($1, $2, $3);

-- name: find_stranded_jobs
-- Released jobs without a queue row.
SELECT tenant_id, job_id, lane FROM jobforge.find_stranded_jobs($1);

-- name: find_waiting_tenants
-- Tenants whose jobs wait for release.
SELECT tenant_id FROM jobforge.find_waiting_tenants();

-- name: notify
-- Tell who listens, once for each payload.
SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload;

-- name: prune_queue_log
-- Forget what PgQueuer logged long ago; what happened to a job is in its row and the audit log.
DELETE FROM pgqueuer.pgqueuer_log WHERE created < $1;
