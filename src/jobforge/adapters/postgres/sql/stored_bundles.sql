-- name: insert_stored_bundle
-- Store a bundle, unless it is there already.
INSERT INTO jobforge.stored_bundles (tenant_id, digest, content, created_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING;

-- name: find_stored_bundle
-- The bundle of a digest.
SELECT digest, content, created_at
FROM jobforge.stored_bundles
WHERE tenant_id = $1 AND digest = $2;
