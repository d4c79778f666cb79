-- name: insert_rule
-- Add a trigger rule.
INSERT INTO jobforge.trigger_rules
    (tenant_id, rule_id, name, project_id, event_types, source_modules, min_severity,
     min_priority, cooldown_seconds, max_runs_per_hour, dedupe_template, dedupe_seconds, mode,
     job_type, payload, is_enabled, created_by, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15::text::json, $16, $17,
    $18);

-- name: find_rule
-- The rule of a name.
SELECT rule_id, name, project_id, event_types, source_modules, min_severity, min_priority,
    cooldown_seconds, max_runs_per_hour, dedupe_template, dedupe_seconds, mode, job_type, payload,
    is_enabled, created_by, created_at
FROM jobforge.trigger_rules
WHERE tenant_id = $1 AND name = $2;

-- name: list_rules
-- Every rule, by name.
SELECT rule_id, name, project_id, event_types, source_modules, min_severity, min_priority,
    cooldown_seconds, max_runs_per_hour, dedupe_template, dedupe_seconds, mode, job_type, payload,
    is_enabled, created_by, created_at
FROM jobforge.trigger_rules
WHERE tenant_id = $1
ORDER BY name;

-- name: lock_rules
-- Every rule, locked in one order: what they remember is counted by one event at a time.
SELECT rule_id, name, project_id, event_types, source_modules, min_severity, min_priority,
    cooldown_seconds, max_runs_per_hour, dedupe_template, dedupe_seconds, mode, job_type, payload,
    is_enabled, created_by, created_at
FROM jobforge.trigger_rules
WHERE tenant_id = $1
ORDER BY rule_id
FOR UPDATE;

-- name: switch_rule
-- Turn a rule on or off.
UPDATE jobforge.trigger_rules SET is_enabled = $3
WHERE tenant_id = $1 AND name = $2
RETURNING rule_id;

-- name: remove_rule
-- Forget a rule; what it started stays.
DELETE FROM jobforge.trigger_rules WHERE tenant_id = $1 AND name = $2 RETURNING rule_id;

-- name: rule_history
-- What a rule fired for before: when last, how often since, and whether for this key.
SELECT
    (SELECT fired.decided_at FROM jobforge.trigger_evaluations AS fired
     WHERE fired.tenant_id = $1 AND fired.rule_id = $2 AND fired.outcome = 'fired'
     ORDER BY fired.decided_at DESC LIMIT 1) AS last_fired_at,
    (SELECT count(*)::integer FROM jobforge.trigger_evaluations AS fired
     WHERE fired.tenant_id = $1 AND fired.rule_id = $2 AND fired.outcome = 'fired'
         AND fired.decided_at > $3) AS fired_last_hour,
    EXISTS (SELECT FROM jobforge.trigger_evaluations AS fired
            WHERE fired.tenant_id = $1 AND fired.rule_id = $2 AND fired.outcome = 'fired'
                AND fired.dedupe_key = $4 AND fired.decided_at > $5) AS is_duplicate
FROM jobforge.trigger_rules AS rule
WHERE rule.tenant_id = $1 AND rule.rule_id = $2;

-- name: insert_evaluation
-- Note a rule's verdict on an event.
INSERT INTO jobforge.trigger_evaluations
    (tenant_id, event_id, rule_id, decided_at, outcome, reason, dedupe_key, run_id, job_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: evaluations_of_rule
-- A rule's newest verdicts.
SELECT event_id, rule_id, decided_at, outcome, reason, dedupe_key, run_id, job_id
FROM jobforge.trigger_evaluations
WHERE tenant_id = $1 AND rule_id = $2
ORDER BY decided_at DESC, event_id
LIMIT $3;

-- name: evaluations_of_event
-- Every rule's verdict on an event.
SELECT event_id, rule_id, decided_at, outcome, reason, dedupe_key, run_id, job_id
FROM jobforge.trigger_evaluations
WHERE tenant_id = $1 AND event_id = $2
ORDER BY rule_id;
