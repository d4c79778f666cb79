-- name: append
-- Append a block of entries to the current tenant's chain.
SELECT seq, hash FROM jobforge.append_audit($1, $2, $3, $4, $5, $6, $7);

-- name: head
-- Where the chain ends.
SELECT seq, hash FROM jobforge.audit_heads WHERE tenant_id = $1;

-- name: page
-- The next entries in order.
SELECT tenant_id, seq, at, actor, event, subject, details, prev_hash, hash
FROM jobforge.audit_events
WHERE tenant_id = $1 AND seq > $2
ORDER BY seq
LIMIT $3;

-- name: newest
-- The newest entries first.
SELECT tenant_id, seq, at, actor, event, subject, details, prev_hash, hash
FROM jobforge.audit_events
WHERE tenant_id = $1
ORDER BY seq DESC
LIMIT $2;

-- name: older
-- The entries before a number that a filter finds, the newest first.
SELECT tenant_id, seq, at, actor, event, subject, details, prev_hash, hash
FROM jobforge.audit_events
WHERE tenant_id = $1 AND seq < $2
    AND ($4::text IS NULL OR starts_with(event, $4))
    AND ($5::text IS NULL OR position($5 IN actor) > 0)
    AND ($6::text IS NULL OR position($6 IN subject) > 0)
ORDER BY seq DESC
LIMIT $3;

-- name: add_checkpoint
-- Keep a signed checkpoint of its kind.
INSERT INTO jobforge.audit_checkpoints (tenant_id, seq, signed, kind) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING;

-- name: add_head_checkpoints
-- Keep signed heads of many tenants.
SELECT jobforge.add_head_checkpoints($1, $2, $3);

-- name: list_checkpoints
-- The signed checkpoints, oldest first.
SELECT signed FROM jobforge.audit_checkpoints WHERE tenant_id = $1 ORDER BY seq, kind;
