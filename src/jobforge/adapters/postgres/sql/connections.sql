-- name: insert_connection
-- Add a connection.
INSERT INTO jobforge.connections (tenant_id, name, kind, sealed, created_at)
VALUES ($1, $2, $3, $4, $5);

-- name: find_connection
-- The connection of a name.
SELECT name, kind, sealed, created_at
FROM jobforge.connections
WHERE tenant_id = $1 AND name = $2;

-- name: list_connections
-- Every connection, by name.
SELECT name, kind, sealed, created_at
FROM jobforge.connections
WHERE tenant_id = $1
ORDER BY name;

-- name: remove_connection
-- Forget a connection.
DELETE FROM jobforge.connections WHERE tenant_id = $1 AND name = $2 RETURNING name;
