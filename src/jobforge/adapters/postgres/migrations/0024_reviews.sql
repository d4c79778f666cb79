-- Reviews: stored plans that people must permit before they are executed, and who permitted what.

-- What the stored plan came from, so that it can be executed by its digest.
ALTER TABLE jobforge.plans ADD COLUMN origin json;
CREATE INDEX plans_by_digest ON jobforge.plans (tenant_id, digest, created_at DESC);

ALTER TABLE jobforge.tenants
    ADD COLUMN approvals_needed smallint NOT NULL DEFAULT 1
        CHECK (approvals_needed BETWEEN 1 AND 10),
    ADD COLUMN approvals_needed_irreversible smallint NOT NULL DEFAULT 2
        CHECK (approvals_needed_irreversible BETWEEN 1 AND 10);
GRANT UPDATE (approvals_needed, approvals_needed_irreversible) ON jobforge.tenants TO jobforge_app;

-- One row a plan (both digests). `opened_at` begins a round: approvals from before it don't count.
CREATE TABLE jobforge.plan_reviews (
    tenant_id         uuid NOT NULL REFERENCES jobforge.tenants,
    digest            text NOT NULL,
    effects_digest    text NOT NULL,
    project_id        uuid,
    targets           text[] NOT NULL,
    is_irreversible   boolean NOT NULL,
    approvals_needed  smallint NOT NULL,
    opened_by         text NOT NULL,
    opened_at         timestamptz NOT NULL,
    grant_jti         text,
    closed_at         timestamptz,
    closed_because    text,
    PRIMARY KEY (tenant_id, digest, effects_digest),
    FOREIGN KEY (tenant_id, digest, effects_digest) REFERENCES jobforge.plans
);
CREATE INDEX plan_reviews_open ON jobforge.plan_reviews (tenant_id, opened_at DESC)
    WHERE closed_at IS NULL;

CREATE TABLE jobforge.plan_approvals (
    tenant_id       uuid NOT NULL REFERENCES jobforge.tenants,
    approval_id     uuid NOT NULL,
    digest          text NOT NULL,
    effects_digest  text NOT NULL,
    actor           text NOT NULL,
    vouched_by      text,
    reason          text NOT NULL,
    approved_at     timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    withdrawn_at    timestamptz,
    PRIMARY KEY (tenant_id, approval_id),
    FOREIGN KEY (tenant_id, digest, effects_digest) REFERENCES jobforge.plan_reviews
);
CREATE INDEX plan_approvals_of ON jobforge.plan_approvals (tenant_id, digest, effects_digest);

-- Who stands behind a permission: whoever issued the token, or each of those who approved.
CREATE TABLE jobforge.grant_issuers (
    tenant_id  uuid NOT NULL REFERENCES jobforge.tenants,
    jti        text NOT NULL,
    actor      text NOT NULL,
    issued_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, jti, actor)
);

ALTER TABLE jobforge.plan_reviews ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.plan_reviews FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.plan_reviews TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.plan_approvals ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.plan_approvals FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.plan_approvals TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.grant_issuers ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.grant_issuers FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.grant_issuers TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

GRANT SELECT, INSERT ON jobforge.plan_reviews, jobforge.plan_approvals, jobforge.grant_issuers
    TO jobforge_app;
GRANT UPDATE (opened_by, opened_at, approvals_needed, grant_jti, closed_at, closed_because)
    ON jobforge.plan_reviews TO jobforge_app;
GRANT UPDATE (withdrawn_at) ON jobforge.plan_approvals TO jobforge_app;
