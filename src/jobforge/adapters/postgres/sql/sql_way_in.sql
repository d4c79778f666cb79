-- name: insert_sql_grant
-- Bind a database role to the tenant.
INSERT INTO jobforge.sql_grants (tenant_id, role_name, project_id, created_by, created_at)
VALUES ($1, $2, $3, $4, $5);

-- name: list_sql_grants
-- The roles that are bound to the tenant, by name.
SELECT role_name, project_id, created_by, created_at
FROM jobforge.sql_grants
WHERE tenant_id = $1
ORDER BY role_name;

-- name: remove_sql_grant
-- Bind a role no more; no row where it was not.
DELETE FROM jobforge.sql_grants WHERE tenant_id = $1 AND role_name = $2
RETURNING role_name;

-- name: let_role_in
-- Let a role call the two functions.
SELECT jobforge.let_role_in($1);

-- name: keep_role_out
-- Let it call them no more.
SELECT jobforge.keep_role_out($1);

-- name: find_intake
-- A bundle that came by SQL and waits.
SELECT intake_id, role_name, project_id, mode, bundle, submitted_at
FROM jobforge.sql_intake
WHERE tenant_id = $1 AND intake_id = $2;

-- name: claim_intake
-- Take it off the queue; no row where somebody did that before.
DELETE FROM jobforge.sql_intake_queue WHERE tenant_id = $1 AND intake_id = $2
RETURNING intake_id;

-- name: remove_intake
-- Forget what came: its run has all that is kept.
DELETE FROM jobforge.sql_intake WHERE tenant_id = $1 AND intake_id = $2;

-- name: find_new_intakes
-- Bundles of any tenant that wait to be admitted.
SELECT tenant_id, intake_id FROM jobforge.find_new_intakes($1);
