-- API keys, the answers kept for repeated requests, and whether a tenant wants four eyes.

ALTER TABLE jobforge.tenants ADD COLUMN is_four_eyes_required boolean NOT NULL DEFAULT true;
GRANT UPDATE (is_four_eyes_required) ON jobforge.tenants TO jobforge_app;

-- The key itself is never here: `key_hash` is its SHA-256.
CREATE TABLE jobforge.api_keys (
    tenant_id     uuid NOT NULL REFERENCES jobforge.tenants,
    key_id        text NOT NULL CHECK (key_id ~ '^[0-9a-f]{12}$'),
    key_hash      bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
    owner         text NOT NULL CHECK (char_length(owner) BETWEEN 1 AND 256),
    roles         text[] NOT NULL
        CHECK (cardinality(roles) > 0
               AND roles <@ ARRAY['viewer', 'operator', 'approver', 'admin']),
    project_id    uuid,
    created_by    text NOT NULL,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    last_used_at  timestamptz,
    revoked_at    timestamptz,
    replaces      text,
    PRIMARY KEY (tenant_id, key_id),
    FOREIGN KEY (tenant_id, project_id) REFERENCES jobforge.projects
);

-- A write that came with an Idempotency-Key: what it asked, and what was answered (sealed, for an
-- answer may hold a key). No answer yet means that it is being worked on.
CREATE TABLE jobforge.http_answers (
    tenant_id   uuid NOT NULL REFERENCES jobforge.tenants,
    person      text NOT NULL,
    key         text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
    request     bytea NOT NULL,
    started_at  timestamptz NOT NULL,
    answer      bytea,
    PRIMARY KEY (tenant_id, person, key)
);
CREATE INDEX http_answers_oldest ON jobforge.http_answers (tenant_id, started_at);

ALTER TABLE jobforge.api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.api_keys TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.http_answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.http_answers FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.http_answers TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

GRANT SELECT, INSERT ON jobforge.api_keys TO jobforge_app;
GRANT UPDATE (expires_at, last_used_at, revoked_at) ON jobforge.api_keys TO jobforge_app;
GRANT SELECT, INSERT, DELETE ON jobforge.http_answers TO jobforge_app;
GRANT UPDATE (answer, started_at) ON jobforge.http_answers TO jobforge_app;

GRANT SELECT (tenant_id, key_id, key_hash, owner, roles, project_id, created_by, expires_at,
              last_used_at, revoked_at)
    ON jobforge.api_keys TO jobforge_dispatch;
CREATE POLICY routing ON jobforge.api_keys FOR SELECT TO jobforge_dispatch USING (true);

-- The one key of this hash, with its tenant. Whoever knows the hash knows the key.
CREATE FUNCTION jobforge.find_api_key(hash bytea)
    RETURNS TABLE (
        tenant_id uuid, slug text, key_id text, owner text, roles text[], project_id uuid,
        created_by text, expires_at timestamptz, last_used_at timestamptz, revoked_at timestamptz
    )
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
        SELECT k.tenant_id, t.slug, k.key_id, k.owner, k.roles, k.project_id, k.created_by,
            k.expires_at, k.last_used_at, k.revoked_at
        FROM jobforge.api_keys AS k JOIN jobforge.tenants AS t ON t.tenant_id = k.tenant_id
        WHERE k.key_hash = hash
    $$;

ALTER FUNCTION jobforge.find_api_key(bytea) OWNER TO jobforge_dispatch;
REVOKE ALL ON FUNCTION jobforge.find_api_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobforge.find_api_key TO jobforge_app;
