-- name: insert_dataset
-- Register a dataset.
INSERT INTO jobforge.datasets
    (tenant_id, project_id, name, path, format, size, checksum, row_count, columns, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: find_dataset
-- The project's dataset of a name, else the tenant's.
SELECT project_id, name, path, format, size, checksum, row_count, columns, created_at
FROM jobforge.datasets
WHERE tenant_id = $1 AND name = $2 AND (project_id = $3 OR project_id IS NULL)
ORDER BY project_id NULLS LAST
LIMIT 1;

-- name: list_datasets
-- Every dataset, by name.
SELECT project_id, name, path, format, size, checksum, row_count, columns, created_at
FROM jobforge.datasets
WHERE tenant_id = $1
ORDER BY name, project_id NULLS FIRST;

-- name: remove_dataset
-- Forget a dataset.
DELETE FROM jobforge.datasets
WHERE tenant_id = $1 AND name = $2 AND project_id IS NOT DISTINCT FROM $3
RETURNING name;
