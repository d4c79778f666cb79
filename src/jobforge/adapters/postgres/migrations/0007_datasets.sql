-- Datasets and connections: what payloads may name, and never contain.

CREATE TABLE jobforge.datasets (
    tenant_id   uuid NOT NULL REFERENCES jobforge.tenants,
    project_id  uuid,
    name        text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 256),
    path        text NOT NULL,
    format      text NOT NULL CHECK (format IN ('csv', 'json', 'ndjson', 'parquet')),
    size        bigint NOT NULL,
    checksum    text NOT NULL,
    row_count   bigint NOT NULL,
    columns     text[] NOT NULL,
    created_at  timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, project_id) REFERENCES jobforge.projects
);
-- One name per project, and one for the tenant as a whole.
CREATE UNIQUE INDEX datasets_name ON jobforge.datasets
    (tenant_id, coalesce(project_id, '00000000-0000-0000-0000-000000000000'), name);

CREATE TABLE jobforge.connections (
    tenant_id   uuid NOT NULL REFERENCES jobforge.tenants,
    name        text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 256),
    kind        text NOT NULL,
    sealed      bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

ALTER TABLE jobforge.datasets ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.datasets FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.datasets TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.connections ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.connections FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.connections TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

GRANT SELECT, INSERT, DELETE ON jobforge.datasets, jobforge.connections TO jobforge_app;
