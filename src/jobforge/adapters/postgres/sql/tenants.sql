-- name: insert_tenant
-- Create the current tenant.
INSERT INTO jobforge.tenants (tenant_id, slug, name, created_at) VALUES ($1, $2, $3, $4);

-- name: insert_aliases
-- Give the current tenant its aliases.
INSERT INTO jobforge.tenant_aliases (tenant_id, alias) SELECT $1, unnest($2::text[]);

-- name: insert_slots
-- Give the current tenant the row that releases lock.
INSERT INTO jobforge.tenant_slots (tenant_id) VALUES ($1);

-- name: insert_audit_head
-- Start the current tenant's audit chain.
INSERT INTO jobforge.audit_heads (tenant_id, seq, hash) VALUES ($1, 0, $2);

-- name: list_aliases
-- Every alias of the current tenant.
SELECT alias FROM jobforge.tenant_aliases WHERE tenant_id = $1 ORDER BY alias;

-- name: allow_host
-- Let the tenant's scans look at this host, or forbid it.
UPDATE jobforge.tenants SET is_host_allowed = $2 WHERE tenant_id = $1;

-- name: find_four_eyes
-- Whether who submits a plan needs somebody else to permit it.
SELECT is_four_eyes_required FROM jobforge.tenants WHERE tenant_id = $1;

-- name: find_wishes
-- What the tenant wants of its people.
SELECT is_four_eyes_required, approvals_needed, approvals_needed_irreversible
FROM jobforge.tenants
WHERE tenant_id = $1;

-- name: set_wishes
-- Change what the tenant wants of its people.
UPDATE jobforge.tenants
SET is_four_eyes_required = $2, approvals_needed = $3, approvals_needed_irreversible = $4
WHERE tenant_id = $1;

-- name: find_tenant
-- The tenant of a UUID, slug or alias, whoever asks.
SELECT tenant_id, slug FROM jobforge.find_tenant($1);

-- name: list_tenants
-- Every tenant, for the local operator.
SELECT tenant_id, slug, name, created_at FROM jobforge.list_tenants();
