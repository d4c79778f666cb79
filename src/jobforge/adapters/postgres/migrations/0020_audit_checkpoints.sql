-- Checkpoints of two kinds: a pruning may have the place of a head that was signed before.

ALTER TABLE jobforge.audit_checkpoints
    ADD COLUMN kind text NOT NULL DEFAULT 'head' CHECK (kind IN ('head', 'pruned')),
    DROP CONSTRAINT audit_checkpoints_pkey,
    ADD PRIMARY KEY (tenant_id, seq, kind);

-- Keeps signed heads: one call for all tenants, in sorted order; a tenant that is gone has none.
CREATE FUNCTION jobforge.add_head_checkpoints(tenants uuid[], seqs bigint[], signed_lines text[])
    RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog
    AS $$
DECLARE
    head record;
BEGIN
    FOR head IN
        SELECT h.tenant, h.seq, h.signed
        FROM unnest(tenants, seqs, signed_lines) AS h (tenant, seq, signed)
        ORDER BY h.tenant, h.seq
    LOOP
        PERFORM set_config('jobforge.tenant_id', head.tenant::text, true);
        INSERT INTO jobforge.audit_checkpoints (tenant_id, seq, signed)
            SELECT head.tenant, head.seq, head.signed
            WHERE EXISTS (SELECT FROM jobforge.tenants AS t WHERE t.tenant_id = head.tenant)
            ON CONFLICT DO NOTHING;
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION jobforge.add_head_checkpoints FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobforge.add_head_checkpoints TO jobforge_app;
