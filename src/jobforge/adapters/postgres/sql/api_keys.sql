-- name: insert_key
-- Store a key's hash and what it may do.
INSERT INTO jobforge.api_keys
    (tenant_id, key_id, key_hash, owner, roles, project_id, created_by, created_at, expires_at,
     replaces)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: find_key
-- The key of a public id.
SELECT key_id, owner, roles, project_id, created_by, created_at, expires_at, last_used_at,
    revoked_at, replaces
FROM jobforge.api_keys
WHERE tenant_id = $1 AND key_id = $2;

-- name: list_keys
-- Every key, the newest first.
SELECT key_id, owner, roles, project_id, created_by, created_at, expires_at, last_used_at,
    revoked_at, replaces
FROM jobforge.api_keys
WHERE tenant_id = $1
ORDER BY created_at DESC, key_id;

-- name: note_key_use
-- Note that the key was used.
UPDATE jobforge.api_keys SET last_used_at = $3 WHERE tenant_id = $1 AND key_id = $2;

-- name: revoke_key
-- Revoke the key; no row where it was revoked before.
UPDATE jobforge.api_keys SET revoked_at = $3
WHERE tenant_id = $1 AND key_id = $2 AND revoked_at IS NULL
RETURNING key_id;

-- name: shorten_key
-- Let the key end at this moment, if it would live longer.
UPDATE jobforge.api_keys SET expires_at = least(expires_at, $3)
WHERE tenant_id = $1 AND key_id = $2;

-- name: find_by_hash
-- The key of a hash, whoever's it is.
SELECT tenant_id, slug, key_id, owner, roles, project_id, created_by, expires_at, last_used_at,
    revoked_at
FROM jobforge.find_api_key($1);
