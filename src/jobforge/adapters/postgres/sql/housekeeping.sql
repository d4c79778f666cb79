-- name: list_rules
-- How long the current tenant's past is kept.
SELECT kind, days FROM jobforge.retention_rules WHERE tenant_id = $1 ORDER BY kind;

-- name: set_rule
-- Keep a kind so many days.
INSERT INTO jobforge.retention_rules (tenant_id, kind, days) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, kind) DO UPDATE SET days = excluded.days;

-- name: drop_rule
-- Keep a kind for ever.
DELETE FROM jobforge.retention_rules WHERE tenant_id = $1 AND kind = $2;

-- name: prune_runs
-- Remove the oldest runs that ended before, with their jobs.
SELECT runs, jobs FROM jobforge.prune_runs($1, $2);

-- name: prune_leftovers
-- Remove keys of removed jobs, and plans that no run has.
SELECT keys, plans FROM jobforge.prune_leftovers($1);

-- name: prune_artifacts
-- Remove artifacts that were last stored before.
SELECT jobforge.prune_artifacts($1, $2) AS removed;

-- name: last_entry
-- The newest audit entry from before.
SELECT seq FROM jobforge.audit_events
WHERE tenant_id = $1 AND at < $2
ORDER BY seq DESC
LIMIT 1;

-- name: prune_audit
-- Remove audit entries up to one, behind its signed pruning.
SELECT jobforge.prune_audit($1) AS removed;
