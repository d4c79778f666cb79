-- name: open_review
-- Open a plan's review, or anew where it was closed; no row where it is open already.
INSERT INTO jobforge.plan_reviews AS known
    (tenant_id, digest, effects_digest, project_id, targets, is_irreversible, approvals_needed,
     opened_by, opened_at)
SELECT $1, $2, $3, $4, $5, $6,
    CASE WHEN $6 THEN tenant.approvals_needed_irreversible ELSE tenant.approvals_needed END, $7, $8
FROM jobforge.tenants AS tenant
WHERE tenant.tenant_id = $1
ON CONFLICT (tenant_id, digest, effects_digest) DO UPDATE
    SET opened_by = excluded.opened_by, opened_at = excluded.opened_at,
        approvals_needed = excluded.approvals_needed, grant_jti = NULL, closed_at = NULL,
        closed_because = NULL
    WHERE known.closed_at IS NOT NULL
RETURNING digest;

-- name: supersede_reviews
-- Close the open reviews of other plans that share a target with this one.
UPDATE jobforge.plan_reviews SET closed_at = $6, closed_because = 'superseded by ' || $2
WHERE tenant_id = $1 AND (digest, effects_digest) <> ($2, $3)
    AND project_id IS NOT DISTINCT FROM $4::uuid
    AND closed_at IS NULL AND (targets && $5::text[] OR digest = $2)
RETURNING digest, effects_digest, grant_jti;

-- name: find_review
-- The newest review of a plan's digest.
SELECT digest, effects_digest, project_id, targets, is_irreversible, approvals_needed, opened_by,
    opened_at, grant_jti, closed_at, closed_because
FROM jobforge.plan_reviews
WHERE tenant_id = $1 AND digest = $2
ORDER BY closed_at IS NULL DESC, opened_at DESC
LIMIT 1;

-- name: lock_review
-- The same, locked until the transaction ends.
SELECT digest, effects_digest, project_id, targets, is_irreversible, approvals_needed, opened_by,
    opened_at, grant_jti, closed_at, closed_because
FROM jobforge.plan_reviews
WHERE tenant_id = $1 AND digest = $2
ORDER BY closed_at IS NULL DESC, opened_at DESC
LIMIT 1
FOR UPDATE;

-- name: open_reviews
-- The reviews that wait, the newest first, of one project where given.
SELECT digest, effects_digest, project_id, targets, is_irreversible, approvals_needed, opened_by,
    opened_at, grant_jti, closed_at, closed_because
FROM jobforge.plan_reviews
WHERE tenant_id = $1 AND closed_at IS NULL AND ($2::uuid IS NULL OR project_id = $2)
ORDER BY opened_at DESC, digest
LIMIT $3;

-- name: note_grant
-- Note which grant a review led to, or that it has none any more.
UPDATE jobforge.plan_reviews SET grant_jti = $4
WHERE tenant_id = $1 AND digest = $2 AND effects_digest = $3;

-- name: close_review
-- Close a review that is open.
UPDATE jobforge.plan_reviews SET closed_at = $5, closed_because = $4
WHERE tenant_id = $1 AND digest = $2 AND effects_digest = $3 AND closed_at IS NULL;

-- name: insert_approval
-- Store an approval.
INSERT INTO jobforge.plan_approvals
    (tenant_id, approval_id, digest, effects_digest, actor, vouched_by, reason, approved_at,
     expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: list_approvals
-- The approvals of a plan, the oldest first.
SELECT approval_id, actor, vouched_by, reason, approved_at, expires_at, withdrawn_at
FROM jobforge.plan_approvals
WHERE tenant_id = $1 AND digest = $2 AND effects_digest = $3
ORDER BY approved_at, approval_id;

-- name: withdraw_approval
-- Take an approval back.
UPDATE jobforge.plan_approvals SET withdrawn_at = $3
WHERE tenant_id = $1 AND approval_id = $2 AND withdrawn_at IS NULL;

-- name: note_issuers
-- Note who stands behind a permission.
INSERT INTO jobforge.grant_issuers (tenant_id, jti, actor, issued_at)
SELECT $1, $2, unnest($3::text[]), $4
ON CONFLICT DO NOTHING;

-- name: list_issuers
-- Who stands behind a permission.
SELECT actor FROM jobforge.grant_issuers WHERE tenant_id = $1 AND jti = $2 ORDER BY actor;
