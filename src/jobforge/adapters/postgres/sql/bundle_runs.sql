-- name: insert_run
-- Store a bundle run.
INSERT INTO jobforge.bundle_runs
    (tenant_id, run_id, project_id, mode, status, dialect, bundle_id, trace_id, producer_hash,
     plan_digest, effects_digest, actor, decisions, action_jobs_blocked, open_children, artifact_ref,
     error, created_at, closed_at, traceparent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
        $20);

-- name: find_run
-- The run of an id.
SELECT run_id, project_id, mode, status, dialect, bundle_id, trace_id, producer_hash, plan_digest,
    effects_digest, actor, decisions, action_jobs_blocked, open_children, artifact_ref, error,
    created_at, closed_at, traceparent
FROM jobforge.bundle_runs
WHERE tenant_id = $1 AND run_id = $2;

-- name: newest_runs
-- The newest runs first.
SELECT run_id, project_id, mode, status, dialect, bundle_id, trace_id, producer_hash, plan_digest,
    effects_digest, actor, decisions, action_jobs_blocked, open_children, artifact_ref, error,
    created_at, closed_at, traceparent
FROM jobforge.bundle_runs
WHERE tenant_id = $1
ORDER BY created_at DESC, run_id
LIMIT $2;

-- name: run_status
-- How a run stands.
SELECT status FROM jobforge.bundle_runs WHERE tenant_id = $1 AND run_id = $2;

-- name: page_runs
-- One page of the runs, the newest first, without what was decided.
SELECT run_id, project_id, mode, status, dialect, bundle_id, trace_id, plan_digest, actor,
    open_children, created_at, closed_at
FROM jobforge.bundle_runs
WHERE tenant_id = $1
    AND ($2::timestamptz IS NULL
        OR created_at <= $2 AND (created_at < $2 OR run_id > $3::uuid))
    AND ($4::uuid IS NULL OR project_id = $4) AND ($5::text IS NULL OR status = $5)
    AND ($6::text IS NULL OR mode = $6)
ORDER BY created_at DESC, run_id
LIMIT $7;

-- name: close_child
-- One child ended without the worker: count it, and close the run with its last one.
UPDATE jobforge.bundle_runs
SET open_children = open_children - 1,
    status = CASE WHEN open_children = 1 THEN 'closed' ELSE status END,
    closed_at = CASE WHEN open_children = 1 THEN $3::timestamptz END
WHERE tenant_id = $1 AND run_id = $2;

-- name: reopen_child
-- One ended child is queued anew: the run is open again.
UPDATE jobforge.bundle_runs
SET open_children = open_children + 1, status = 'open', closed_at = NULL
WHERE tenant_id = $1 AND run_id = $2;
