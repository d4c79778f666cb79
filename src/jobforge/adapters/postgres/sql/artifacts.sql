-- name: insert_artifact
-- Store an artifact and its content in pieces of at most 1 MiB; one that is there becomes young.
WITH described AS (
    INSERT INTO jobforge.artifacts (tenant_id, checksum, size, mime_type, created_at)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (tenant_id, checksum) DO UPDATE
        SET created_at = greatest(jobforge.artifacts.created_at, excluded.created_at)
    RETURNING tenant_id, checksum, xmax = 0 AS is_new
)
INSERT INTO jobforge.artifact_chunks (tenant_id, checksum, position, content)
SELECT described.tenant_id, described.checksum, chunk.position - 1, chunk.content
FROM described, unnest($6::bytea[]) WITH ORDINALITY AS chunk (content, position)
WHERE described.is_new;

-- name: find_artifact
-- An artifact's description.
SELECT checksum, size, mime_type, created_at
FROM jobforge.artifacts
WHERE tenant_id = $1 AND checksum = $2;

-- name: artifact_chunks
-- An artifact's content, piece by piece.
SELECT content FROM jobforge.artifact_chunks
WHERE tenant_id = $1 AND checksum = $2
ORDER BY position;

-- name: artifact_part
-- Some of an artifact's pieces, by their positions.
SELECT content FROM jobforge.artifact_chunks
WHERE tenant_id = $1 AND checksum = $2 AND position BETWEEN $3 AND $4
ORDER BY position;
