-- What must look across tenants: a short list of narrow functions, owned by a role without login
-- that may read routing columns only.

GRANT SELECT (tenant_id, slug, name, created_at) ON jobforge.tenants TO jobforge_dispatch;
GRANT SELECT (tenant_id, alias) ON jobforge.tenant_aliases TO jobforge_dispatch;
GRANT SELECT (tenant_id, job_id, lane, release_state, released_at)
    ON jobforge.jobs TO jobforge_dispatch;

CREATE POLICY routing ON jobforge.tenants FOR SELECT TO jobforge_dispatch USING (true);
CREATE POLICY routing ON jobforge.tenant_aliases FOR SELECT TO jobforge_dispatch USING (true);
CREATE POLICY routing ON jobforge.jobs FOR SELECT TO jobforge_dispatch USING (true);

-- The tenant of this UUID, slug or alias; no row where there is none.
CREATE FUNCTION jobforge.find_tenant(name_or_id text)
    RETURNS TABLE (tenant_id uuid, slug text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
        SELECT t.tenant_id, t.slug FROM jobforge.tenants AS t
        WHERE t.tenant_id::text = lower(name_or_id) OR t.slug = name_or_id
            OR t.tenant_id = (SELECT a.tenant_id FROM jobforge.tenant_aliases AS a
                              WHERE a.alias = name_or_id)
        ORDER BY t.tenant_id::text = lower(name_or_id) DESC, t.slug = name_or_id DESC
        LIMIT 1
    $$;

-- Every tenant, for the local operator and for work that goes through all of them.
CREATE FUNCTION jobforge.list_tenants()
    RETURNS TABLE (tenant_id uuid, slug text, name text, created_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
        SELECT t.tenant_id, t.slug, t.name, t.created_at FROM jobforge.tenants AS t
        ORDER BY t.slug
    $$;

-- Jobs that were released but have no queue row any more: the sweeper enqueues them again.
CREATE FUNCTION jobforge.find_stranded_jobs(before timestamptz)
    RETURNS TABLE (tenant_id uuid, job_id uuid, lane text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
        SELECT j.tenant_id, j.job_id, j.lane FROM jobforge.jobs AS j
        WHERE j.release_state = 'released' AND j.released_at < before
            AND NOT EXISTS (
                SELECT FROM pgqueuer.pgqueuer AS q
                WHERE q.payload = uuid_send(j.tenant_id) || uuid_send(j.job_id)
            )
    $$;

-- Tenants that have jobs waiting for release.
CREATE FUNCTION jobforge.find_waiting_tenants()
    RETURNS TABLE (tenant_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
        SELECT DISTINCT j.tenant_id FROM jobforge.jobs AS j
        WHERE j.release_state = 'waiting'
    $$;

GRANT USAGE ON SCHEMA pgqueuer TO jobforge_dispatch;
GRANT SELECT (payload) ON pgqueuer.pgqueuer TO jobforge_dispatch;

ALTER FUNCTION jobforge.find_tenant(text) OWNER TO jobforge_dispatch;
ALTER FUNCTION jobforge.list_tenants() OWNER TO jobforge_dispatch;
ALTER FUNCTION jobforge.find_stranded_jobs(timestamptz) OWNER TO jobforge_dispatch;
ALTER FUNCTION jobforge.find_waiting_tenants() OWNER TO jobforge_dispatch;

REVOKE ALL ON FUNCTION jobforge.find_tenant, jobforge.list_tenants, jobforge.find_stranded_jobs,
    jobforge.find_waiting_tenants FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobforge.find_tenant, jobforge.list_tenants,
    jobforge.find_stranded_jobs, jobforge.find_waiting_tenants TO jobforge_app;
