-- name: insert_schedule
-- Add a schedule.
INSERT INTO jobforge.schedules
    (tenant_id, schedule_id, name, project_id, cron, at, timezone, jitter_seconds, on_missed,
     job_type, payload, created_by, created_at, is_enabled, next_due_at, fires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::json, $12, $13, $14, $15, $16);

-- name: find_schedule
-- The schedule of a name.
SELECT schedule_id, name, project_id, cron, at, timezone, jitter_seconds, on_missed, job_type,
    payload, created_by, created_at, is_enabled, next_due_at, fires_at
FROM jobforge.schedules
WHERE tenant_id = $1 AND name = $2;

-- name: get_schedule
-- The schedule of an id.
SELECT schedule_id, name, project_id, cron, at, timezone, jitter_seconds, on_missed, job_type,
    payload, created_by, created_at, is_enabled, next_due_at, fires_at
FROM jobforge.schedules
WHERE tenant_id = $1 AND schedule_id = $2;

-- name: list_schedules
-- Every schedule, by name.
SELECT schedule_id, name, project_id, cron, at, timezone, jitter_seconds, on_missed, job_type,
    payload, created_by, created_at, is_enabled, next_due_at, fires_at
FROM jobforge.schedules
WHERE tenant_id = $1
ORDER BY name;

-- name: advance_schedule
-- Move a schedule on from an occurrence; no row where somebody did that before, or disabled it.
UPDATE jobforge.schedules SET next_due_at = $4, fires_at = $5
WHERE tenant_id = $1 AND schedule_id = $2 AND next_due_at = $3 AND is_enabled
RETURNING schedule_id;

-- name: switch_schedule
-- Enable a schedule from its next occurrence on, or disable it.
UPDATE jobforge.schedules SET is_enabled = $3, next_due_at = $4, fires_at = $5
WHERE tenant_id = $1 AND schedule_id = $2
RETURNING schedule_id;

-- name: remove_schedule
-- Forget a schedule; what it started stays.
DELETE FROM jobforge.schedules WHERE tenant_id = $1 AND name = $2 RETURNING schedule_id;

-- name: insert_firing
-- Note what became of an occurrence.
INSERT INTO jobforge.schedule_firings
    (tenant_id, schedule_id, due_at, decided_at, outcome, reason, run_id, job_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: newest_firings
-- What became of the newest occurrences of a schedule.
SELECT schedule_id, due_at, decided_at, outcome, reason, run_id, job_id
FROM jobforge.schedule_firings
WHERE tenant_id = $1 AND schedule_id = $2
ORDER BY due_at DESC
LIMIT $3;

-- name: find_due_schedules
-- Schedules of any tenant whose time has come.
SELECT tenant_id, schedule_id FROM jobforge.find_due_schedules($1, $2);
