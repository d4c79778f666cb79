-- How long a tenant's past is kept, and the only functions that remove any of it.

CREATE TABLE jobforge.retention_rules (
    tenant_id  uuid NOT NULL REFERENCES jobforge.tenants,
    kind       text NOT NULL CHECK (kind IN ('runs', 'artifacts', 'audit')),
    days       integer NOT NULL CHECK (days BETWEEN 1 AND 36500),
    PRIMARY KEY (tenant_id, kind)
);

ALTER TABLE jobforge.retention_rules ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.retention_rules FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.retention_rules TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

GRANT SELECT, INSERT, DELETE ON jobforge.retention_rules TO jobforge_app;
GRANT UPDATE (days) ON jobforge.retention_rules TO jobforge_app;

-- The application itself may delete nothing of these. The functions below run as the role without
-- login, and see the rows of the transaction's tenant only.
GRANT DELETE ON jobforge.bundle_runs, jobforge.jobs, jobforge.job_results,
    jobforge.idempotency_keys, jobforge.plans, jobforge.artifacts, jobforge.artifact_chunks,
    jobforge.audit_events, jobforge.audit_checkpoints TO jobforge_dispatch;
GRANT SELECT (tenant_id, run_id, status, plan_digest, effects_digest, created_at, closed_at)
    ON jobforge.bundle_runs TO jobforge_dispatch;
GRANT SELECT (tenant_id, job_id, run_id) ON jobforge.jobs TO jobforge_dispatch;
GRANT SELECT (tenant_id, job_id) ON jobforge.job_results TO jobforge_dispatch;
GRANT SELECT (tenant_id, job_id) ON jobforge.idempotency_keys TO jobforge_dispatch;
GRANT SELECT (tenant_id, digest, effects_digest, created_at) ON jobforge.plans TO jobforge_dispatch;
GRANT SELECT (tenant_id, checksum, created_at) ON jobforge.artifacts TO jobforge_dispatch;
GRANT SELECT (tenant_id, checksum) ON jobforge.artifact_chunks TO jobforge_dispatch;
GRANT SELECT (tenant_id, seq) ON jobforge.audit_events TO jobforge_dispatch;
GRANT SELECT (tenant_id, seq, kind) ON jobforge.audit_checkpoints TO jobforge_dispatch;

CREATE POLICY housekeeping ON jobforge.bundle_runs TO jobforge_dispatch
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));
CREATE POLICY housekeeping ON jobforge.jobs TO jobforge_dispatch
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));
CREATE POLICY housekeeping ON jobforge.job_results TO jobforge_dispatch
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));
CREATE POLICY housekeeping ON jobforge.idempotency_keys TO jobforge_dispatch
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));
CREATE POLICY housekeeping ON jobforge.plans TO jobforge_dispatch
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));
CREATE POLICY housekeeping ON jobforge.artifacts TO jobforge_dispatch
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));
CREATE POLICY housekeeping ON jobforge.artifact_chunks TO jobforge_dispatch
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));
CREATE POLICY housekeeping ON jobforge.audit_events TO jobforge_dispatch
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));
CREATE POLICY housekeeping ON jobforge.audit_checkpoints TO jobforge_dispatch
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

-- Removes the oldest runs that ended before, with their jobs; an open one stays, however old.
CREATE FUNCTION jobforge.prune_runs(before timestamptz, at_most integer)
    RETURNS TABLE (runs bigint, jobs bigint)
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
        WITH old AS (
            SELECT r.run_id FROM jobforge.bundle_runs AS r
            WHERE r.tenant_id = jobforge.current_tenant() AND r.status IN ('closed', 'refused')
                AND r.created_at < before AND r.closed_at < before
            ORDER BY r.created_at LIMIT at_most
        ), removed_jobs AS (
            DELETE FROM jobforge.jobs AS j USING old
            WHERE j.tenant_id = jobforge.current_tenant() AND j.run_id = old.run_id
            RETURNING j.job_id
        ), removed_results AS (
            DELETE FROM jobforge.job_results AS s USING removed_jobs AS gone
            WHERE s.tenant_id = jobforge.current_tenant() AND s.job_id = gone.job_id
        ), removed_runs AS (
            DELETE FROM jobforge.bundle_runs AS r USING old
            WHERE r.tenant_id = jobforge.current_tenant() AND r.run_id = old.run_id
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM removed_runs), (SELECT count(*) FROM removed_jobs)
    $$;

-- Removes what no run has any more: the keys of removed jobs, and old plans that none was made of;
-- a plan that people reviewed stays.
CREATE FUNCTION jobforge.prune_leftovers(before timestamptz, OUT keys bigint, OUT plans bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
DECLARE
    current uuid := jobforge.current_tenant();
    unused record;
BEGIN
    DELETE FROM jobforge.idempotency_keys AS k
        WHERE k.tenant_id = current AND NOT EXISTS (
            SELECT FROM jobforge.jobs AS j WHERE j.tenant_id = current AND j.job_id = k.job_id);
    GET DIAGNOSTICS keys = ROW_COUNT;
    plans := 0;
    FOR unused IN
        SELECT p.digest, p.effects_digest FROM jobforge.plans AS p
        WHERE p.tenant_id = current AND p.created_at < before AND NOT EXISTS (
            SELECT FROM jobforge.bundle_runs AS r
            WHERE r.tenant_id = current AND r.plan_digest = p.digest
                AND r.effects_digest = p.effects_digest)
    LOOP
        BEGIN
            DELETE FROM jobforge.plans AS p
                WHERE p.tenant_id = current AND p.digest = unused.digest
                    AND p.effects_digest = unused.effects_digest;
            plans := plans + 1;
        EXCEPTION WHEN foreign_key_violation THEN
            NULL;
        END;
    END LOOP;
END $$;

-- Removes artifacts that were last stored before.
CREATE FUNCTION jobforge.prune_artifacts(before timestamptz, at_most integer)
    RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
        WITH old AS (
            SELECT a.checksum FROM jobforge.artifacts AS a
            WHERE a.tenant_id = jobforge.current_tenant() AND a.created_at < before
            LIMIT at_most
        ), removed_chunks AS (
            DELETE FROM jobforge.artifact_chunks AS c USING old
            WHERE c.tenant_id = jobforge.current_tenant() AND c.checksum = old.checksum
            RETURNING 1
        ), removed AS (
            DELETE FROM jobforge.artifacts AS a USING old
            WHERE a.tenant_id = jobforge.current_tenant() AND a.checksum = old.checksum
                -- So that the pieces, which refer to it, go first.
                AND (SELECT count(*) FROM removed_chunks) >= 0
            RETURNING 1
        )
        SELECT count(*) FROM removed
    $$;

-- Removes entries up to `until`, and only behind a signed pruning at that place.
CREATE FUNCTION jobforge.prune_audit(until bigint)
    RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
DECLARE
    removed bigint;
BEGIN
    PERFORM FROM jobforge.audit_checkpoints AS c
        WHERE c.tenant_id = jobforge.current_tenant() AND c.kind = 'pruned' AND c.seq = until;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'entries are removed behind a signed pruning only';
    END IF;
    DELETE FROM jobforge.audit_events AS e
        WHERE e.tenant_id = jobforge.current_tenant() AND e.seq <= until;
    GET DIAGNOSTICS removed = ROW_COUNT;
    DELETE FROM jobforge.audit_checkpoints AS c
        WHERE c.tenant_id = jobforge.current_tenant()
            AND (c.seq < until OR (c.seq = until AND c.kind = 'head'));
    RETURN removed;
END $$;

-- An artifact that is stored again is as young as that.
GRANT UPDATE (created_at) ON jobforge.artifacts TO jobforge_app;

ALTER FUNCTION jobforge.prune_runs(timestamptz, integer) OWNER TO jobforge_dispatch;
ALTER FUNCTION jobforge.prune_leftovers(timestamptz) OWNER TO jobforge_dispatch;
ALTER FUNCTION jobforge.prune_artifacts(timestamptz, integer) OWNER TO jobforge_dispatch;
ALTER FUNCTION jobforge.prune_audit(bigint) OWNER TO jobforge_dispatch;
REVOKE ALL ON FUNCTION jobforge.prune_runs, jobforge.prune_leftovers, jobforge.prune_artifacts,
    jobforge.prune_audit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobforge.prune_runs, jobforge.prune_leftovers, jobforge.prune_artifacts,
    jobforge.prune_audit TO jobforge_app;
