-- name: put_grant_aside
-- Keep a permission for later; no row where that was done before.
INSERT INTO jobforge.pending_grants
    (tenant_id, jti, token_hash, actor, project_id, plan_digest, effects_digest, scopes,
     job_types, expires_at, granted_at, granted_for)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT DO NOTHING
RETURNING jti;

-- name: find_pending_grant
-- The permission that was put aside under a number.
SELECT jti, token_hash, actor, project_id, plan_digest, effects_digest, scopes, job_types,
    expires_at, granted_at, granted_for
FROM jobforge.pending_grants
WHERE tenant_id = $1 AND jti = $2;
