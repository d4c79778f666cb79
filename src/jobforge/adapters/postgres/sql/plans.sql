-- name: insert_plan
-- Store a plan, unless it is there already.
INSERT INTO jobforge.plans
    (tenant_id, digest, effects_digest, project_id, requests, effects, created_by, created_at,
     origin)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT DO NOTHING;

-- name: find_plan
-- The plan of two digests.
SELECT digest, effects_digest, project_id, requests, effects, created_by, created_at, origin
FROM jobforge.plans
WHERE tenant_id = $1 AND digest = $2 AND effects_digest = $3;

-- name: latest_plan
-- The newest plan of a digest, whatever its effects.
SELECT digest, effects_digest, project_id, requests, effects, created_by, created_at, origin
FROM jobforge.plans
WHERE tenant_id = $1 AND digest = $2
ORDER BY created_at DESC
LIMIT 1;
