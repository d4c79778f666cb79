-- What holds work back: kill switches and pauses, maintenance windows, limits, and the targets that
-- actions touched today. The installation is a tenant of its own, that nobody is: its rows hold for
-- all, and its audit chain has the operator's acts on all.

ALTER TABLE jobforge.tenants NO FORCE ROW LEVEL SECURITY;
ALTER TABLE jobforge.tenant_slots NO FORCE ROW LEVEL SECURITY;
ALTER TABLE jobforge.audit_heads NO FORCE ROW LEVEL SECURITY;
INSERT INTO jobforge.tenants (tenant_id, slug, name, created_at)
    VALUES ('00000000-0000-0000-0000-000000000000', 'jobforge-installation', 'This installation',
            now());
INSERT INTO jobforge.tenant_slots (tenant_id) VALUES ('00000000-0000-0000-0000-000000000000');
INSERT INTO jobforge.audit_heads (tenant_id, seq, hash)
    VALUES ('00000000-0000-0000-0000-000000000000', 0, decode(repeat('00', 32), 'hex'));
ALTER TABLE jobforge.tenants FORCE ROW LEVEL SECURITY;
ALTER TABLE jobforge.tenant_slots FORCE ROW LEVEL SECURITY;
ALTER TABLE jobforge.audit_heads FORCE ROW LEVEL SECURITY;

-- Whether a tenant has switches or windows of its own, read with what a beginning job reads anyway.
ALTER TABLE jobforge.tenants ADD COLUMN has_controls boolean NOT NULL DEFAULT false;
GRANT UPDATE (has_controls) ON jobforge.tenants TO jobforge_app;

-- A row is a kill switch or a pause that is on. `job_type` '*' is every job type.
CREATE TABLE jobforge.switches (
    tenant_id  uuid NOT NULL REFERENCES jobforge.tenants,
    kind       text NOT NULL CHECK (kind IN ('kill', 'pause')),
    job_type   text NOT NULL,
    reason     text NOT NULL,
    actor      text NOT NULL,
    since      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, kind, job_type)
);

-- Work of its scope may begin within an open window only, and not within a closed one. A window comes
-- every week (on `weekdays`, ISO numbers, at `starts` of `zone`, for `minutes`) or once.
CREATE TABLE jobforge.windows (
    tenant_id     uuid NOT NULL REFERENCES jobforge.tenants,
    name          text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 256),
    kind          text NOT NULL CHECK (kind IN ('open', 'closed')),
    job_type      text NOT NULL,
    only_actions  boolean NOT NULL,
    weekdays      smallint[],
    starts        time,
    minutes       integer CHECK (minutes BETWEEN 1 AND 10080),
    zone          text,
    starts_at     timestamptz,
    ends_at       timestamptz,
    actor         text NOT NULL,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, name),
    CHECK (num_nonnulls(weekdays, starts, minutes, zone) IN (0, 4)),
    CHECK (num_nonnulls(starts_at, ends_at) IN (0, 2)),
    CHECK ((weekdays IS NULL) <> (starts_at IS NULL)),
    CHECK (starts_at < ends_at)
);

-- Limits stand with the row that a release locks. NULL is no limit. `rate_free_at` is when the next
-- job may start under the rate; `day_jobs` of `day` (UTC) were released.
ALTER TABLE jobforge.tenant_slots
    ADD COLUMN rate_per_minute     integer CHECK (rate_per_minute BETWEEN 1 AND 600000),
    ADD COLUMN rate_free_at        timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN daily_jobs          integer CHECK (daily_jobs >= 0),
    ADD COLUMN day                 date NOT NULL DEFAULT '-infinity',
    ADD COLUMN day_jobs            integer NOT NULL DEFAULT 0,
    ADD COLUMN targets_per_action  integer DEFAULT 20 CHECK (targets_per_action >= 0),
    ADD COLUMN targets_per_day     integer DEFAULT 200 CHECK (targets_per_day >= 0);
GRANT UPDATE (rate_per_minute, rate_free_at, daily_jobs, day, day_jobs, targets_per_action,
    targets_per_day) ON jobforge.tenant_slots TO jobforge_app;

-- The targets that actions of a day (UTC) may have touched, each once.
CREATE TABLE jobforge.touched_targets (
    tenant_id  uuid NOT NULL REFERENCES jobforge.tenants,
    day        date NOT NULL,
    target     text NOT NULL,
    job_id     uuid NOT NULL,
    PRIMARY KEY (tenant_id, day, target)
);

ALTER TABLE jobforge.switches ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.switches FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.switches TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));
CREATE POLICY routing ON jobforge.switches FOR SELECT TO jobforge_dispatch USING (true);

ALTER TABLE jobforge.windows ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.windows FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.windows TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.touched_targets ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.touched_targets FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.touched_targets TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

GRANT SELECT, INSERT, DELETE ON jobforge.switches, jobforge.windows, jobforge.touched_targets
    TO jobforge_app;
GRANT SELECT (tenant_id, kind, job_type, reason, actor, since) ON jobforge.switches
    TO jobforge_dispatch;

-- Whether a moment lies within a window. A start is included, an end is not; times of day are those
-- of the clocks on the wall.
CREATE FUNCTION jobforge.is_within(a_window jobforge.windows, moment timestamptz) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog
    AS $$
        SELECT CASE WHEN a_window.starts_at IS NOT NULL
            THEN moment >= a_window.starts_at AND moment < a_window.ends_at
            ELSE EXISTS (
                SELECT FROM (SELECT moment AT TIME ZONE a_window.zone AS wall) AS clock,
                    generate_series(0, a_window.minutes / 1440 + 1) AS days_ago,
                    LATERAL (SELECT clock.wall::date - days_ago AS day) AS began
                WHERE extract(isodow FROM began.day) = ANY (a_window.weekdays)
                    AND clock.wall >= began.day + a_window.starts
                    AND clock.wall < began.day + a_window.starts
                        + make_interval(mins => a_window.minutes)
            ) END
    $$;

-- What holds work back that is of the given tenant, which must be the current one. `kind` is 'kill',
-- 'pause' or 'window'; `name` is the reason somebody gave, or the window's name.
CREATE FUNCTION jobforge.find_holds(tenant uuid, moment timestamptz)
    RETURNS TABLE (kind text, job_type text, only_actions boolean, name text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog
    AS $$
        SELECT s.kind, s.job_type, false, s.reason FROM jobforge.switches AS s
        WHERE s.tenant_id = tenant
        UNION ALL
        SELECT 'window', w.job_type, w.only_actions,
            min(w.name) FILTER (WHERE w.is_within = (w.kind = 'closed'))
        FROM (
            SELECT one.*, jobforge.is_within(one, moment) AS is_within
            FROM jobforge.windows AS one WHERE one.tenant_id = tenant
        ) AS w
        GROUP BY w.kind, w.job_type, w.only_actions
        HAVING CASE w.kind WHEN 'closed' THEN bool_or(w.is_within)
            ELSE NOT bool_or(w.is_within) END
    $$;

-- Every switch that is on, for the local operator.
CREATE FUNCTION jobforge.list_switches()
    RETURNS TABLE (tenant_id uuid, tenant_slug text, kind text, job_type text, reason text,
                   actor text, since timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
        SELECT s.tenant_id, t.slug, s.kind, s.job_type, s.reason, s.actor, s.since
        FROM jobforge.switches AS s JOIN jobforge.tenants AS t ON t.tenant_id = s.tenant_id
        ORDER BY t.slug, s.kind, s.job_type
    $$;

-- The installation is found by nobody's name for a tenant.
CREATE OR REPLACE FUNCTION jobforge.find_tenant(name_or_id text)
    RETURNS TABLE (tenant_id uuid, slug text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
        SELECT t.tenant_id, t.slug FROM jobforge.tenants AS t
        WHERE (t.tenant_id::text = lower(name_or_id) OR t.slug = name_or_id
            OR t.tenant_id = (SELECT a.tenant_id FROM jobforge.tenant_aliases AS a
                              WHERE a.alias = name_or_id))
            AND t.tenant_id <> '00000000-0000-0000-0000-000000000000'
        ORDER BY t.tenant_id::text = lower(name_or_id) DESC, t.slug = name_or_id DESC
        LIMIT 1
    $$;

CREATE OR REPLACE FUNCTION jobforge.list_tenants()
    RETURNS TABLE (tenant_id uuid, slug text, name text, created_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
        SELECT t.tenant_id, t.slug, t.name, t.created_at FROM jobforge.tenants AS t
        WHERE t.tenant_id <> '00000000-0000-0000-0000-000000000000'
        ORDER BY t.slug
    $$;

ALTER FUNCTION jobforge.list_switches() OWNER TO jobforge_dispatch;
REVOKE ALL ON FUNCTION jobforge.is_within, jobforge.find_holds, jobforge.list_switches FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobforge.is_within, jobforge.find_holds, jobforge.list_switches
    TO jobforge_app;
