-- The kill switches that are on for the current tenant, its own and those of all, for whoever decides
-- what may be queued. A job type comes once, with one of the reasons.
CREATE FUNCTION jobforge.find_kill_switches(tenant uuid)
    RETURNS TABLE (job_type text, reason text)
    LANGUAGE plpgsql
    SET search_path = pg_catalog
    AS $$
DECLARE
    held jsonb := jobforge.holds_of_all(now());
BEGIN
    PERFORM set_config('jobforge.tenant_id', tenant::text, true);
    held := jobforge.holds_of(tenant, now(), held);
    RETURN QUERY
        SELECT h.job_type, min(h.name)
        FROM jsonb_to_recordset(held) AS h (kind text, job_type text, name text)
        WHERE h.kind = 'kill' GROUP BY h.job_type ORDER BY h.job_type;
END $$;

REVOKE ALL ON FUNCTION jobforge.find_kill_switches FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobforge.find_kill_switches TO jobforge_app;
