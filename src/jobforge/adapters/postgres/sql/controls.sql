-- name: turn_switch_on
-- Turn a switch on, unless it is.
INSERT INTO jobforge.switches (tenant_id, kind, job_type, reason, actor, since)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
RETURNING job_type;

-- name: turn_switch_off
-- Turn a switch off.
DELETE FROM jobforge.switches
WHERE tenant_id = $1 AND kind = $2 AND job_type = $3
RETURNING job_type;

-- name: list_switches
-- Every switch that is on, whoever's it is.
SELECT tenant_id, tenant_slug, kind, job_type, reason, actor, since
FROM jobforge.list_switches();

-- name: insert_window
-- Add a window.
INSERT INTO jobforge.windows
    (tenant_id, name, kind, job_type, only_actions, weekdays, starts, minutes, zone, starts_at,
     ends_at, actor, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: check_zone
-- Fail where the server knows no such zone.
SELECT now() AT TIME ZONE $1::text;

-- name: windows
-- Every window, by name.
SELECT name, kind, job_type, only_actions, weekdays, starts, minutes, zone, starts_at, ends_at,
    actor, created_at
FROM jobforge.windows
WHERE tenant_id = $1
ORDER BY name;

-- name: remove_window
-- Forget a window.
DELETE FROM jobforge.windows WHERE tenant_id = $1 AND name = $2 RETURNING name;

-- name: note_controls
-- Note with the tenant whether it has any switch or window.
UPDATE jobforge.tenants
SET has_controls = EXISTS (SELECT FROM jobforge.switches WHERE tenant_id = $1)
    OR EXISTS (SELECT FROM jobforge.windows WHERE tenant_id = $1)
WHERE tenant_id = $1;

-- name: limits
-- What the tenant may have at most.
SELECT tenant.release_cap AS running_cap, slot.rate_per_minute, slot.daily_jobs,
    slot.targets_per_action, slot.targets_per_day
FROM jobforge.tenants AS tenant JOIN jobforge.tenant_slots AS slot USING (tenant_id)
WHERE tenant.tenant_id = $1;

-- name: set_running_cap
-- Change how many jobs of the tenant may be in the queue and running.
UPDATE jobforge.tenants SET release_cap = $2 WHERE tenant_id = $1;

-- name: set_limits
-- Change the other limits; a new rate counts from its own start.
UPDATE jobforge.tenant_slots
SET rate_free_at = CASE WHEN rate_per_minute IS DISTINCT FROM $2 THEN '-infinity'
        ELSE rate_free_at END,
    rate_per_minute = $2, daily_jobs = $3, targets_per_action = $4, targets_per_day = $5
WHERE tenant_id = $1;

-- name: holds
-- What holds the tenant's work back at a moment.
SELECT kind, job_type, only_actions, name FROM jobforge.find_holds($1, $2);

-- name: usage
-- Where a queued job stands, and what its tenant used of its limits.
SELECT job.grant_jti IS NOT NULL AS is_action,
    EXISTS (
        SELECT FROM jobforge.released_jobs AS one
        WHERE one.tenant_id = $1 AND one.job_id = job.job_id
    ) AS is_released,
    (
        SELECT count(*) FROM (
            SELECT FROM jobforge.waiting_jobs AS before
            WHERE before.tenant_id = $1
                AND (before.priority > job.priority
                    OR before.priority = job.priority
                        AND (before.created_at, before.job_id) < (job.created_at, job.job_id))
            LIMIT 10000
        ) AS counted
    ) AS ahead,
    (SELECT count(*) FROM jobforge.released_jobs AS each WHERE each.tenant_id = $1) AS released,
    CASE WHEN slot.day = ($3::timestamptz AT TIME ZONE 'UTC')::date THEN slot.day_jobs ELSE 0 END
        AS jobs_today,
    greatest(slot.rate_free_at, 'epoch') AS rate_free_at
FROM jobforge.jobs AS job JOIN jobforge.tenant_slots AS slot USING (tenant_id)
WHERE job.tenant_id = $1 AND job.job_id = $2;

-- name: lock_slots
-- Lock the row that has the tenant's limits.
SELECT tenant_id FROM jobforge.tenant_slots WHERE tenant_id = $1 FOR UPDATE;

-- name: touch_targets
-- Note what a job's action may change today; how much that is of today then.
WITH noted AS (
    INSERT INTO jobforge.touched_targets (tenant_id, day, target, job_id)
    SELECT $1, $2, target, $4 FROM unnest($3::text[]) AS target
    ON CONFLICT DO NOTHING
    RETURNING target
)
SELECT (SELECT count(*) FROM noted) + (
    SELECT count(*) FROM jobforge.touched_targets WHERE tenant_id = $1 AND day = $2
);

-- name: find_stops
-- The attempts that must stop, and why.
SELECT ordinal, kind, name FROM jobforge.find_stops($1, $2, $3, $4);

-- name: find_kill_switches
-- The kill switches that are on for the tenant, its own and those of all.
SELECT job_type, reason FROM jobforge.find_kill_switches($1);
