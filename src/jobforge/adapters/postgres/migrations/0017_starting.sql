-- What work that starts by itself is made of: stored bundles, and commands that run modules.

CREATE TABLE jobforge.stored_bundles (
    tenant_id   uuid NOT NULL REFERENCES jobforge.tenants,
    digest      text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
    content     json NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, digest)
);

CREATE TABLE jobforge.module_commands (
    tenant_id         uuid NOT NULL REFERENCES jobforge.tenants,
    name              text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 256),
    words             text[] NOT NULL CHECK (cardinality(words) >= 1),
    variables         text[] NOT NULL,
    timeout_seconds   integer NOT NULL CHECK (timeout_seconds BETWEEN 1 AND 3600),
    max_output_bytes  bigint NOT NULL CHECK (max_output_bytes BETWEEN 1 AND 104857600),
    created_by        text NOT NULL,
    created_at        timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

ALTER TABLE jobforge.stored_bundles ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.stored_bundles FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.stored_bundles TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.module_commands ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.module_commands FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.module_commands TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

GRANT SELECT, INSERT ON jobforge.stored_bundles, jobforge.module_commands TO jobforge_app;
GRANT DELETE ON jobforge.module_commands TO jobforge_app;
