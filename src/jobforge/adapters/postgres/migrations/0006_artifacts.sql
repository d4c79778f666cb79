-- Artifacts: what jobs produced, by tenant and content.

CREATE TABLE jobforge.artifacts (
    tenant_id   uuid NOT NULL REFERENCES jobforge.tenants,
    checksum    text NOT NULL CHECK (checksum ~ '^sha256:[0-9a-f]{64}$'),
    size        bigint NOT NULL CHECK (size >= 0),
    mime_type   text NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, checksum)
);

CREATE TABLE jobforge.artifact_chunks (
    tenant_id  uuid NOT NULL,
    checksum   text NOT NULL,
    position   integer NOT NULL CHECK (position >= 0),
    content    bytea NOT NULL CHECK (octet_length(content) <= 1048576),
    PRIMARY KEY (tenant_id, checksum, position),
    FOREIGN KEY (tenant_id, checksum) REFERENCES jobforge.artifacts
);

ALTER TABLE jobforge.artifacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.artifacts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.artifacts TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.artifact_chunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.artifact_chunks FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.artifact_chunks TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

GRANT SELECT, INSERT ON jobforge.artifacts, jobforge.artifact_chunks TO jobforge_app;
