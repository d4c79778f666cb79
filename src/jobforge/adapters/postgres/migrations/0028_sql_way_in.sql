-- The way in by SQL: a database role of the user's is bound to one tenant, hands bundles in within
-- its own transactions, and asks how they went. It may call two functions and see no table.

CREATE TABLE jobforge.sql_grants (
    tenant_id   uuid NOT NULL REFERENCES jobforge.tenants,
    role_name   text NOT NULL UNIQUE,
    project_id  uuid,
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, role_name),
    FOREIGN KEY (tenant_id, project_id) REFERENCES jobforge.projects
);

-- A bundle as it came, secrets and all. The row is gone as soon as a worker has admitted it.
CREATE TABLE jobforge.sql_intake (
    tenant_id     uuid NOT NULL REFERENCES jobforge.tenants,
    intake_id     uuid NOT NULL,
    role_name     text NOT NULL,
    project_id    uuid,
    mode          text NOT NULL CHECK (mode IN ('dry_run', 'execute')),
    bundle        json NOT NULL,
    submitted_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, intake_id)
);

-- What waits to be admitted, the longest first.
CREATE TABLE jobforge.sql_intake_queue (
    tenant_id  uuid NOT NULL,
    intake_id  uuid NOT NULL,
    queued_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, intake_id),
    FOREIGN KEY (tenant_id, intake_id) REFERENCES jobforge.sql_intake
);
CREATE INDEX sql_intake_queue_oldest ON jobforge.sql_intake_queue (queued_at);

ALTER TABLE jobforge.sql_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.sql_grants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.sql_grants TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.sql_intake ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.sql_intake FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.sql_intake TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.sql_intake_queue ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.sql_intake_queue FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.sql_intake_queue TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

GRANT SELECT, INSERT, DELETE ON jobforge.sql_grants, jobforge.sql_intake, jobforge.sql_intake_queue
    TO jobforge_app;

-- Whoever is logged in, as his role is bound. `session_user` cannot be set by him, and no setting
-- is asked.
GRANT SELECT (tenant_id, role_name, project_id) ON jobforge.sql_grants TO jobforge_dispatch;
CREATE POLICY asked ON jobforge.sql_grants FOR SELECT TO jobforge_dispatch
    USING (role_name = (SELECT SESSION_USER::text));

CREATE FUNCTION jobforge.caller_tenant() RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$ SELECT g.tenant_id FROM jobforge.sql_grants AS g WHERE g.role_name = SESSION_USER $$;
ALTER FUNCTION jobforge.caller_tenant() OWNER TO jobforge_dispatch;
REVOKE ALL ON FUNCTION jobforge.caller_tenant FROM PUBLIC;

-- What the two functions read and write lies within the caller's tenant, whatever they forget.
GRANT INSERT (tenant_id, intake_id, role_name, project_id, mode, bundle)
    ON jobforge.sql_intake TO jobforge_dispatch;
GRANT INSERT (tenant_id, intake_id) ON jobforge.sql_intake_queue TO jobforge_dispatch;
GRANT SELECT (tenant_id, intake_id, project_id, mode, submitted_at)
    ON jobforge.sql_intake TO jobforge_dispatch;
GRANT SELECT (tenant_id, intake_id, queued_at) ON jobforge.sql_intake_queue TO jobforge_dispatch;
GRANT SELECT (project_id, mode, decisions, error, open_children)
    ON jobforge.bundle_runs TO jobforge_dispatch;
GRANT SELECT (request_id, job_type, status, attempt, progress, created_at)
    ON jobforge.jobs TO jobforge_dispatch;
GRANT SELECT (error) ON jobforge.job_results TO jobforge_dispatch;
GRANT SELECT (requests, effects) ON jobforge.plans TO jobforge_dispatch;

CREATE POLICY submitting ON jobforge.sql_intake FOR INSERT TO jobforge_dispatch
    WITH CHECK (tenant_id = (SELECT jobforge.caller_tenant()));
CREATE POLICY submitting ON jobforge.sql_intake_queue FOR INSERT TO jobforge_dispatch
    WITH CHECK (tenant_id = (SELECT jobforge.caller_tenant()));
CREATE POLICY asked ON jobforge.sql_intake FOR SELECT TO jobforge_dispatch
    USING (tenant_id = (SELECT jobforge.caller_tenant()));
CREATE POLICY asked ON jobforge.bundle_runs FOR SELECT TO jobforge_dispatch
    USING (tenant_id = (SELECT jobforge.caller_tenant()));
CREATE POLICY asked ON jobforge.jobs FOR SELECT TO jobforge_dispatch
    USING (tenant_id = (SELECT jobforge.caller_tenant()));
CREATE POLICY asked ON jobforge.job_results FOR SELECT TO jobforge_dispatch
    USING (tenant_id = (SELECT jobforge.caller_tenant()));
CREATE POLICY asked ON jobforge.plans FOR SELECT TO jobforge_dispatch
    USING (tenant_id = (SELECT jobforge.caller_tenant()));
-- Where to look: a tenant's id and a number, and nothing else.
CREATE POLICY routing ON jobforge.sql_intake_queue FOR SELECT TO jobforge_dispatch USING (true);

-- Hand a bundle in; it is planned or executed once this transaction has committed. The answer is
-- the number of the run that it will be. `jobforge.tenant_id` is emptied, since what a caller set
-- there must not open anything.
CREATE FUNCTION jobforge.submit_bundle(bundle json, mode text DEFAULT 'dry_run') RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
DECLARE
    most_bytes CONSTANT integer := 8 * 1024 * 1024;
    most_waiting CONSTANT integer := 10000;
    caller record;
    new_id CONSTANT uuid := gen_random_uuid();
BEGIN
    PERFORM set_config('jobforge.tenant_id', '', true);
    SELECT g.tenant_id, g.project_id INTO caller
    FROM jobforge.sql_grants AS g WHERE g.role_name = SESSION_USER;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'this database role is bound to no tenant',
            HINT = 'jobforge sql grant ROLE --tenant T';
    END IF;
    IF submit_bundle.mode IS NULL OR submit_bundle.mode NOT IN ('dry_run', 'execute') THEN
        RAISE invalid_parameter_value USING MESSAGE = 'the mode is dry_run or execute';
    END IF;
    IF submit_bundle.bundle IS NULL OR json_typeof(submit_bundle.bundle) <> 'object' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'a bundle is a JSON object';
    END IF;
    IF octet_length(submit_bundle.bundle::text) > most_bytes THEN
        RAISE program_limit_exceeded USING MESSAGE = 'the bundle is larger than 8 MiB';
    END IF;
    IF position('"policy_token"' IN submit_bundle.bundle::text) > 0 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'a policy token is not taken by SQL',
            HINT = 'have the plan approved: POST /v1/plans/DIGEST/approvals';
    END IF;
    IF (SELECT count(*) FROM (
            SELECT FROM jobforge.sql_intake_queue AS q
            WHERE q.tenant_id = caller.tenant_id LIMIT most_waiting) AS waiting) = most_waiting THEN
        RAISE configuration_limit_exceeded USING MESSAGE = 'too many bundles wait already';
    END IF;
    INSERT INTO jobforge.sql_intake (tenant_id, intake_id, role_name, project_id, mode, bundle)
    VALUES (caller.tenant_id, new_id, SESSION_USER, caller.project_id, submit_bundle.mode,
        submit_bundle.bundle);
    INSERT INTO jobforge.sql_intake_queue (tenant_id, intake_id)
    VALUES (caller.tenant_id, new_id);
    RETURN new_id;
END $$;

-- How a run of the caller's tenant stands: its plan, what was decided, its jobs. NULL where there is
-- none, or not for this caller.
CREATE FUNCTION jobforge.run_status(id uuid) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
BEGIN
    PERFORM set_config('jobforge.tenant_id', '', true);
    RETURN (
        SELECT json_build_object(
            'id', run_status.id,
            'state', coalesce(run.status, 'waiting'),
            'mode', coalesce(run.mode, intake.mode),
            'created_at', coalesce(run.created_at, intake.submitted_at),
            'closed_at', run.closed_at,
            'open_children', run.open_children,
            'error', run.error,
            'plan', CASE WHEN run.plan_digest IS NULL THEN NULL ELSE json_build_object(
                'digest', run.plan_digest, 'requests', plan.requests, 'effects', plan.effects) END,
            'decisions', coalesce(run.decisions, '[]'),
            'children', coalesce((
                SELECT json_agg(json_build_object(
                    'job_id', job.job_id, 'request_id', job.request_id, 'job_type', job.job_type,
                    'status', job.status, 'attempt', job.attempt, 'progress', job.progress,
                    'error', ended.error) ORDER BY job.created_at, job.job_id)
                FROM jobforge.jobs AS job
                    LEFT JOIN jobforge.job_results AS ended
                        ON ended.tenant_id = job.tenant_id AND ended.job_id = job.job_id
                WHERE job.tenant_id = caller.tenant_id AND job.run_id = run_status.id), '[]'))
        FROM jobforge.sql_grants AS caller
            LEFT JOIN jobforge.sql_intake AS intake
                ON intake.tenant_id = caller.tenant_id AND intake.intake_id = run_status.id
            LEFT JOIN jobforge.bundle_runs AS run
                ON run.tenant_id = caller.tenant_id AND run.run_id = run_status.id
            LEFT JOIN jobforge.plans AS plan
                ON plan.tenant_id = caller.tenant_id AND plan.digest = run.plan_digest
                    AND plan.effects_digest = run.effects_digest
        WHERE caller.role_name = SESSION_USER
            AND (intake.intake_id IS NOT NULL OR run.run_id IS NOT NULL)
            AND (caller.project_id IS NULL
                OR caller.project_id IS NOT DISTINCT FROM coalesce(run.project_id, intake.project_id)));
END $$;

-- Bundles of any tenant that wait to be admitted.
CREATE FUNCTION jobforge.find_new_intakes(most integer)
    RETURNS TABLE (tenant_id uuid, intake_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
        SELECT q.tenant_id, q.intake_id FROM jobforge.sql_intake_queue AS q
        ORDER BY q.queued_at
        LIMIT most
    $$;

-- Let a database role call the two functions, or no more. One that could step over row-level
-- security anyway, or is one of ours, is refused.
CREATE FUNCTION jobforge.let_role_in(wanted text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles AS role WHERE role.rolname = wanted AND role.rolcanlogin)
    THEN
        RAISE undefined_object USING MESSAGE = 'there is no database role of that name that can log in';
    END IF;
    IF wanted LIKE 'jobforge%' OR EXISTS (
        SELECT FROM pg_roles AS role
        WHERE role.rolname = wanted AND (role.rolsuper OR role.rolbypassrls OR role.rolcreaterole
            OR role.rolreplication OR pg_has_role(role.oid, 'jobforge_app', 'MEMBER')))
    THEN
        RAISE invalid_parameter_value USING MESSAGE = 'that role can do more than its tenant allows';
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA jobforge TO %I', wanted);
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION jobforge.submit_bundle, jobforge.run_status TO %I', wanted);
END $$;

CREATE FUNCTION jobforge.keep_role_out(wanted text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles AS role WHERE role.rolname = wanted) THEN
        RETURN;
    END IF;
    EXECUTE format(
        'REVOKE ALL ON FUNCTION jobforge.submit_bundle, jobforge.run_status FROM %I', wanted);
    EXECUTE format('REVOKE USAGE ON SCHEMA jobforge FROM %I', wanted);
END $$;

GRANT USAGE ON SCHEMA jobforge TO jobforge_dispatch WITH GRANT OPTION;

CREATE TRIGGER tell_of_intake AFTER INSERT ON jobforge.sql_intake_queue
    FOR EACH STATEMENT EXECUTE FUNCTION jobforge.tell_of_event();

ALTER FUNCTION jobforge.submit_bundle(json, text) OWNER TO jobforge_dispatch;
ALTER FUNCTION jobforge.run_status(uuid) OWNER TO jobforge_dispatch;
ALTER FUNCTION jobforge.find_new_intakes(integer) OWNER TO jobforge_dispatch;
ALTER FUNCTION jobforge.let_role_in(text) OWNER TO jobforge_dispatch;
ALTER FUNCTION jobforge.keep_role_out(text) OWNER TO jobforge_dispatch;
REVOKE ALL ON FUNCTION jobforge.submit_bundle, jobforge.run_status, jobforge.find_new_intakes,
    jobforge.let_role_in, jobforge.keep_role_out FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobforge.find_new_intakes, jobforge.let_role_in, jobforge.keep_role_out
    TO jobforge_app;
