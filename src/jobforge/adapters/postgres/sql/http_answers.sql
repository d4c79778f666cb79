-- name: begin_answer
-- Note that a request is being worked on; no row where its key was used before.
INSERT INTO jobforge.http_answers (tenant_id, person, key, request, started_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
RETURNING key;

-- name: take_over_answer
-- Work anew on a request whose first worker is gone; no row where it was answered meanwhile.
UPDATE jobforge.http_answers SET started_at = $5
WHERE tenant_id = $1 AND person = $2 AND key = $3 AND request = $4 AND answer IS NULL
    AND started_at = $6
RETURNING key;

-- name: find_answer
-- What is known of a key.
SELECT request, started_at, answer
FROM jobforge.http_answers
WHERE tenant_id = $1 AND person = $2 AND key = $3;

-- name: keep_answer
-- Keep the answer.
UPDATE jobforge.http_answers SET answer = $4 WHERE tenant_id = $1 AND person = $2 AND key = $3;

-- name: forget_answer
-- The request failed without effect: its key is free again.
DELETE FROM jobforge.http_answers WHERE tenant_id = $1 AND person = $2 AND key = $3;

-- name: prune_answers
-- Forget some of what is older than this moment.
DELETE FROM jobforge.http_answers
WHERE tenant_id = $1 AND (person, key) IN (
    SELECT person, key FROM jobforge.http_answers
    WHERE tenant_id = $1 AND started_at < $2 ORDER BY started_at LIMIT 100
);
