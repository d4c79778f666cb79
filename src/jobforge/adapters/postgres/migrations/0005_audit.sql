-- The audit log: one hash chain per tenant. Rows are only ever appended, by one function.

CREATE TABLE jobforge.audit_events (
    tenant_id  uuid NOT NULL REFERENCES jobforge.tenants,
    seq        bigint NOT NULL CHECK (seq >= 1),
    at         timestamptz NOT NULL,
    actor      text NOT NULL,
    event      text NOT NULL,
    subject    text NOT NULL,
    details    text NOT NULL,
    prev_hash  bytea NOT NULL,
    hash       bytea NOT NULL,
    PRIMARY KEY (tenant_id, seq)
);

-- Created with its tenant: locking a row that does not exist locks nothing.
CREATE TABLE jobforge.audit_heads (
    tenant_id  uuid PRIMARY KEY REFERENCES jobforge.tenants,
    seq        bigint NOT NULL,
    hash       bytea NOT NULL
);

CREATE TABLE jobforge.audit_checkpoints (
    tenant_id  uuid NOT NULL REFERENCES jobforge.tenants,
    seq        bigint NOT NULL,
    signed     text NOT NULL,
    PRIMARY KEY (tenant_id, seq)
);

ALTER TABLE jobforge.audit_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.audit_events FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.audit_events TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.audit_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.audit_heads FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.audit_heads TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.audit_checkpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.audit_checkpoints FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.audit_checkpoints TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

-- Appends one block of entries and returns the new head. The head is locked here, so callers
-- call this last. Each hash covers the one before it:
-- SHA-256(0x00 || prev_hash || seq as 8 bytes || SHA-256 of the entry's canonical body).
CREATE FUNCTION jobforge.append_audit(
    tenant uuid, ats timestamptz[], actors text[], events text[], subjects text[],
    details text[], body_hashes bytea[], OUT seq bigint, OUT hash bytea
)
    LANGUAGE plpgsql
    SET search_path = pg_catalog
    AS $$
DECLARE
    prev_hashes bytea[] := '{}';
    hashes bytea[] := '{}';
    first_seq bigint;
BEGIN
    SELECT head.seq, head.hash INTO seq, hash
        FROM jobforge.audit_heads AS head WHERE head.tenant_id = tenant FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'tenant % has no audit chain', tenant;
    END IF;
    first_seq := seq;
    FOR i IN 1 .. coalesce(array_length(events, 1), 0) LOOP
        seq := seq + 1;
        prev_hashes[i] := hash;
        hash := sha256('\x00'::bytea || hash || int8send(seq) || body_hashes[i]);
        hashes[i] := hash;
    END LOOP;
    INSERT INTO jobforge.audit_events
        (tenant_id, seq, at, actor, event, subject, details, prev_hash, hash)
        SELECT tenant, first_seq + entry.n, entry.at, entry.actor, entry.event, entry.subject,
               entry.detail, entry.prev_hash, entry.hash
        FROM unnest(ats, actors, events, subjects, details, prev_hashes, hashes)
            WITH ORDINALITY AS entry (at, actor, event, subject, detail, prev_hash, hash, n);
    UPDATE jobforge.audit_heads AS head
        SET seq = append_audit.seq, hash = append_audit.hash WHERE head.tenant_id = tenant;
END $$;

REVOKE ALL ON FUNCTION jobforge.append_audit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobforge.append_audit TO jobforge_app;
GRANT SELECT, INSERT ON jobforge.audit_events, jobforge.audit_heads,
    jobforge.audit_checkpoints TO jobforge_app;
GRANT UPDATE (seq, hash) ON jobforge.audit_heads TO jobforge_app;
