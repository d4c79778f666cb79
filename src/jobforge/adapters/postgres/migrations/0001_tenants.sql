-- Tenants and projects: who there is, under which names, and the one rule that walls them off.

CREATE FUNCTION jobforge.current_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog
    AS $$ SELECT nullif(current_setting('jobforge.tenant_id', true), '')::uuid $$;
GRANT EXECUTE ON FUNCTION jobforge.current_tenant() TO jobforge_app, jobforge_dispatch;

CREATE TABLE jobforge.tenants (
    tenant_id        uuid PRIMARY KEY,
    slug             text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    name             text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 256),
    release_cap      integer NOT NULL DEFAULT 200 CHECK (release_cap BETWEEN 1 AND 10000),
    is_host_allowed  boolean NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL
);

CREATE TABLE jobforge.tenant_aliases (
    tenant_id  uuid NOT NULL REFERENCES jobforge.tenants,
    alias      text NOT NULL CHECK (char_length(alias) BETWEEN 1 AND 256),
    PRIMARY KEY (alias)
);
CREATE INDEX tenant_aliases_tenant ON jobforge.tenant_aliases (tenant_id);

CREATE TABLE jobforge.projects (
    tenant_id   uuid NOT NULL REFERENCES jobforge.tenants,
    project_id  uuid NOT NULL,
    slug        text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    name        text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 256),
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, project_id),
    UNIQUE (tenant_id, slug)
);

CREATE TABLE jobforge.project_aliases (
    tenant_id   uuid NOT NULL,
    project_id  uuid NOT NULL,
    alias       text NOT NULL CHECK (char_length(alias) BETWEEN 1 AND 256),
    PRIMARY KEY (tenant_id, alias),
    FOREIGN KEY (tenant_id, project_id) REFERENCES jobforge.projects
);

-- Locked while a tenant's jobs are released into the queue, so that two releases never count at once.
CREATE TABLE jobforge.tenant_slots (
    tenant_id  uuid PRIMARY KEY REFERENCES jobforge.tenants
);

ALTER TABLE jobforge.tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.tenants TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.tenant_aliases ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.tenant_aliases FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.tenant_aliases TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.projects FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.projects TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.project_aliases ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.project_aliases FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.project_aliases TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.tenant_slots ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.tenant_slots FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.tenant_slots TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

GRANT SELECT, INSERT ON jobforge.tenants, jobforge.tenant_aliases, jobforge.projects,
    jobforge.project_aliases, jobforge.tenant_slots TO jobforge_app;
GRANT UPDATE (name, release_cap, is_host_allowed) ON jobforge.tenants TO jobforge_app;
GRANT UPDATE (tenant_id) ON jobforge.tenant_slots TO jobforge_app;
