-- Pending grants: permissions that were verified and wait for their one use. Queued and scheduled
-- work carries the number of one, never a token. Its use is a row of policy_grants, like any other.

CREATE TABLE jobforge.pending_grants (
    tenant_id       uuid NOT NULL REFERENCES jobforge.tenants,
    jti             text NOT NULL,
    token_hash      text,
    actor           text NOT NULL,
    project_id      uuid,
    plan_digest     text NOT NULL,
    effects_digest  text NOT NULL,
    scopes          text[] NOT NULL,
    job_types       text[] NOT NULL,
    expires_at      timestamptz NOT NULL,
    granted_at      timestamptz NOT NULL,
    granted_for     text NOT NULL,
    PRIMARY KEY (tenant_id, jti)
);

ALTER TABLE jobforge.pending_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.pending_grants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.pending_grants TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

GRANT SELECT, INSERT ON jobforge.pending_grants TO jobforge_app;
