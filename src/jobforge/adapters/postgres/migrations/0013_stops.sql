-- Who runs an attempt asks here whether it must stop: before each of its effects, and from time to
-- time while it runs.

-- What holds work back now of this tenant and of all, as an array of holds; NULL where nothing does.
-- The tenant must be the current one, and is so again afterwards. `of_all` is what the installation's
-- own holds are, asked for once a batch.
CREATE FUNCTION jobforge.holds_of(tenant uuid, moment timestamptz, of_all jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path = pg_catalog
    AS $$
        SELECT CASE WHEN t.has_controls
            THEN coalesce(of_all, '[]') || coalesce(
                (SELECT jsonb_agg(to_jsonb(h)) FROM jobforge.find_holds(tenant, moment) AS h), '[]')
            ELSE of_all END
        FROM jobforge.tenants AS t WHERE t.tenant_id = tenant
    $$;

-- The installation's own holds. The current tenant is another one afterwards.
CREATE FUNCTION jobforge.holds_of_all(moment timestamptz) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path = pg_catalog
    AS $$
DECLARE
    installation CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
    PERFORM set_config('jobforge.tenant_id', installation::text, true);
    RETURN (SELECT jsonb_agg(to_jsonb(h)) FROM jobforge.find_holds(installation, moment) AS h);
END $$;

-- The first of the holds of these kinds that concerns a job; an action is what has a grant.
CREATE FUNCTION jobforge.first_hold(
    holds jsonb, kinds text[], job_type text, is_action boolean, OUT kind text, OUT name text
)
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog
    AS $$
        SELECT h.kind, h.name
        FROM jsonb_to_recordset(holds)
            AS h (kind text, job_type text, only_actions boolean, name text)
        WHERE h.kind = ANY (kinds) AND h.job_type IN ('*', first_hold.job_type)
            AND (is_action OR NOT h.only_actions)
        ORDER BY h.kind, h.name
        LIMIT 1
    $$;

-- The attempts that must stop, and why. 'lost': the job is not theirs any more, since it was
-- canceled, or another attempt began. 'kill' and 'window' have a name. 'action_cap' and 'day_cap':
-- the action may change more targets than its tenant's limits allow now.
CREATE FUNCTION jobforge.find_stops(
    tenants uuid[], jobs uuid[], attempts integer[], moment timestamptz
)
    RETURNS TABLE (ordinal bigint, kind text, name text)
    LANGUAGE plpgsql
    SET search_path = pg_catalog
    AS $$
#variable_conflict use_column
DECLARE
    current uuid;
    of_all jsonb := jobforge.holds_of_all(moment);
    held jsonb;
BEGIN
    FOR current IN SELECT DISTINCT t FROM unnest(tenants) AS t ORDER BY t LOOP
        PERFORM set_config('jobforge.tenant_id', current::text, true);
        held := jobforge.holds_of(current, moment, of_all);
        RETURN QUERY
            SELECT asked.n, stop.kind, stop.name
            FROM unnest(tenants, jobs, attempts) WITH ORDINALITY
                    AS asked (tenant, job_id, attempt, n)
                LEFT JOIN jobforge.jobs AS job
                    ON job.tenant_id = current AND job.job_id = asked.job_id
                    AND job.status = 'running' AND job.attempt = asked.attempt
                CROSS JOIN LATERAL (
                    SELECT 'lost' AS kind, NULL AS name WHERE job.job_id IS NULL
                    UNION ALL
                    SELECT hold.kind, hold.name
                    FROM jobforge.first_hold(
                        held, '{kill,window}', job.job_type, job.grant_jti IS NOT NULL) AS hold
                    WHERE job.job_id IS NOT NULL AND held IS NOT NULL AND hold.kind IS NOT NULL
                    UNION ALL
                    SELECT cap.kind, cap.most::text
                    FROM jobforge.tenant_slots AS slot CROSS JOIN LATERAL (
                        SELECT 'action_cap' AS kind, slot.targets_per_action AS most
                        WHERE slot.targets_per_action < (
                            SELECT count(DISTINCT effect ->> 'target')
                            FROM json_array_elements(job.effects) AS effect)
                        UNION ALL
                        SELECT 'day_cap', slot.targets_per_day
                        WHERE slot.targets_per_day < (
                            SELECT count(*) FROM jobforge.touched_targets AS touched
                            WHERE touched.tenant_id = current
                                AND touched.day = (moment AT TIME ZONE 'UTC')::date)
                    ) AS cap
                    WHERE slot.tenant_id = current AND job.grant_jti IS NOT NULL
                    LIMIT 1
                ) AS stop
            WHERE asked.tenant = current;
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION jobforge.holds_of, jobforge.holds_of_all, jobforge.first_hold,
    jobforge.find_stops FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobforge.holds_of, jobforge.holds_of_all, jobforge.first_hold,
    jobforge.find_stops TO jobforge_app;
