-- name: find_grant
-- What is known of a token.
SELECT jti, consumed_at, consumed_by, revoked_at
FROM jobforge.policy_grants
WHERE tenant_id = $1 AND jti = $2;

-- name: consume_grant
-- Write the one use of a token; no row where it was used or revoked before.
INSERT INTO jobforge.policy_grants
    (tenant_id, jti, token_hash, actor, plan_digest, effects_digest, scopes, job_types,
     expires_at, consumed_at, consumed_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT DO NOTHING
RETURNING jti;

-- name: revoke_grant
-- Revoke a token, used or not; no row where it was revoked before.
INSERT INTO jobforge.policy_grants AS known (tenant_id, jti, revoked_at, revoked_by)
VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, jti) DO UPDATE SET revoked_at = $3, revoked_by = $4
    WHERE known.revoked_at IS NULL
RETURNING jti;
