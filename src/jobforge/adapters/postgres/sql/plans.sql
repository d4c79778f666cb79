-- name: insert_plan
-- Store a plan, unless it is there already.
INSERT INTO jobforge.plans
    (tenant_id, digest, effects_digest, project_id, requests, effects, created_by, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING;

-- name: find_plan
-- The plan of two digests.
SELECT digest, effects_digest, project_id, requests, effects, created_by, created_at
FROM jobforge.plans
WHERE tenant_id = $1 AND digest = $2 AND effects_digest = $3;
