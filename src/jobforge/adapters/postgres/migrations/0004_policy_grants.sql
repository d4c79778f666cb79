-- Grants: one row per policy token that was used or revoked. The token itself is never here.

CREATE TABLE jobforge.policy_grants (
    tenant_id       uuid NOT NULL REFERENCES jobforge.tenants,
    jti             text NOT NULL,
    token_hash      text,
    actor           text,
    plan_digest     text,
    effects_digest  text,
    scopes          text[] NOT NULL DEFAULT '{}',
    job_types       text[] NOT NULL DEFAULT '{}',
    expires_at      timestamptz,
    consumed_at     timestamptz,
    consumed_by     uuid,
    revoked_at      timestamptz,
    revoked_by      text,
    PRIMARY KEY (tenant_id, jti),
    CHECK (consumed_at IS NOT NULL OR revoked_at IS NOT NULL)
);

ALTER TABLE jobforge.policy_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.policy_grants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.policy_grants TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

GRANT SELECT, INSERT ON jobforge.policy_grants TO jobforge_app;
GRANT UPDATE (revoked_at, revoked_by) ON jobforge.policy_grants TO jobforge_app;
