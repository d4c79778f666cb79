-- name: insert_module_command
-- Register a module command.
INSERT INTO jobforge.module_commands
    (tenant_id, name, words, variables, timeout_seconds, max_output_bytes, created_by, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: find_module_command
-- The command of a name.
SELECT name, words, variables, timeout_seconds, max_output_bytes, created_by, created_at
FROM jobforge.module_commands
WHERE tenant_id = $1 AND name = $2;

-- name: list_module_commands
-- Every command, by name.
SELECT name, words, variables, timeout_seconds, max_output_bytes, created_by, created_at
FROM jobforge.module_commands
WHERE tenant_id = $1
ORDER BY name;

-- name: remove_module_command
-- Forget a command.
DELETE FROM jobforge.module_commands WHERE tenant_id = $1 AND name = $2 RETURNING name;
