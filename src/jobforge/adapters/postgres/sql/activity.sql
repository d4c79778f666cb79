-- name: activity_minutes
-- What ended minute by minute, of the newest jobs.
WITH recent AS (
    SELECT status, finished_at FROM jobforge.jobs
    WHERE tenant_id = $1
    ORDER BY created_at DESC
    LIMIT $3
)
SELECT date_trunc('minute', finished_at) AS minute,
    count(*) FILTER (WHERE status = 'executed') AS executed,
    count(*) FILTER (WHERE status IN ('error', 'denied')) AS failed
FROM recent
WHERE finished_at >= $2
GROUP BY 1
ORDER BY 1;

-- name: activity_types
-- How the newest jobs went, by type.
WITH recent AS (
    SELECT job_type, status, created_at, finished_at FROM jobforge.jobs
    WHERE tenant_id = $1
    ORDER BY created_at DESC
    LIMIT $3
), ended AS (
    SELECT job_type, status, extract(epoch FROM finished_at - created_at)::float8 AS seconds
    FROM recent
    WHERE finished_at >= $2
)
SELECT job_type, count(*) AS ended,
    count(*) FILTER (WHERE status IN ('error', 'denied')) AS failed,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS median_seconds,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) AS p95_seconds
FROM ended
GROUP BY job_type
ORDER BY ended DESC, job_type
LIMIT 20;

-- name: tenant_backlog
-- What has not ended, counted up to a bound; what there is none of has no row.
SELECT place, count(*) AS jobs
FROM (
    (SELECT 'waiting' AS place FROM jobforge.waiting_jobs WHERE tenant_id = $1 LIMIT $2)
    UNION ALL
    (SELECT 'in_queue' AS place FROM jobforge.released_jobs WHERE tenant_id = $1 LIMIT $2)
) AS counted
GROUP BY place;
