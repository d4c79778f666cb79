-- Events and the rules that start work for them. An event is stored first and judged afterwards, so
-- that a process that dies in between loses none; everything a rule remembers is in these tables.

CREATE TABLE jobforge.events (
    tenant_id      uuid NOT NULL REFERENCES jobforge.tenants,
    event_id       uuid NOT NULL DEFAULT gen_random_uuid(),
    digest         text,
    envelope       json NOT NULL,
    event_type     text,
    source_module  text,
    severity       text,
    priority       text,
    trace_id       text,
    occurred_at    timestamptz,
    received_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    state          text NOT NULL DEFAULT 'received'
        CHECK (state IN ('received', 'evaluated', 'refused')),
    evaluated_at   timestamptz,
    reason         text,
    PRIMARY KEY (tenant_id, event_id),
    UNIQUE (tenant_id, digest)
);
CREATE INDEX events_new ON jobforge.events (received_at) WHERE state = 'received';
CREATE INDEX events_newest ON jobforge.events (tenant_id, received_at DESC, event_id);

CREATE TABLE jobforge.trigger_rules (
    tenant_id          uuid NOT NULL REFERENCES jobforge.tenants,
    rule_id            uuid NOT NULL,
    name               text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 256),
    project_id         uuid,
    event_types        text[] NOT NULL,
    source_modules     text[] NOT NULL,
    min_severity       text,
    min_priority       text,
    cooldown_seconds   integer NOT NULL CHECK (cooldown_seconds >= 0),
    max_runs_per_hour  integer NOT NULL CHECK (max_runs_per_hour >= 1),
    dedupe_template    text,
    dedupe_seconds     integer NOT NULL CHECK (dedupe_seconds >= 1),
    mode               text NOT NULL DEFAULT 'dry_run' CHECK (mode IN ('dry_run', 'execute')),
    job_type           text NOT NULL,
    payload            json NOT NULL,
    is_enabled         boolean NOT NULL DEFAULT false,
    created_by         text NOT NULL,
    created_at         timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, rule_id),
    UNIQUE (tenant_id, name)
);

-- Every rule's verdict on every event, with its reason; what a rule fired for is remembered here.
CREATE TABLE jobforge.trigger_evaluations (
    tenant_id   uuid NOT NULL REFERENCES jobforge.tenants,
    event_id    uuid NOT NULL,
    rule_id     uuid NOT NULL,
    decided_at  timestamptz NOT NULL,
    outcome     text NOT NULL CHECK (outcome IN ('fired', 'disabled', 'not_matched', 'duplicate',
        'cooldown', 'rate_limited', 'denied', 'failed')),
    reason      text NOT NULL,
    dedupe_key  text,
    run_id      uuid,
    job_id      uuid,
    PRIMARY KEY (tenant_id, event_id, rule_id)
);
CREATE INDEX trigger_evaluations_fired
    ON jobforge.trigger_evaluations (tenant_id, rule_id, decided_at DESC) WHERE outcome = 'fired';
CREATE INDEX trigger_evaluations_newest
    ON jobforge.trigger_evaluations (tenant_id, rule_id, decided_at DESC);

ALTER TABLE jobforge.events ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.events FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.events TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.trigger_rules ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.trigger_rules FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.trigger_rules TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.trigger_evaluations ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.trigger_evaluations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.trigger_evaluations TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

GRANT SELECT, INSERT ON jobforge.events, jobforge.trigger_evaluations TO jobforge_app;
GRANT UPDATE (envelope, digest, event_type, source_module, severity, priority, trace_id,
    occurred_at, state, evaluated_at, reason) ON jobforge.events TO jobforge_app;
GRANT SELECT, INSERT, DELETE ON jobforge.trigger_rules TO jobforge_app;
GRANT UPDATE (is_enabled) ON jobforge.trigger_rules TO jobforge_app;

-- Whoever inserts an event, by whatever way: a worker hears of it once that commits.
CREATE FUNCTION jobforge.tell_of_event() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog
    AS $$
BEGIN
    PERFORM pg_notify('jobforge_events', '');
    RETURN NULL;
END $$;
CREATE TRIGGER tell_of_event AFTER INSERT ON jobforge.events
    FOR EACH STATEMENT EXECUTE FUNCTION jobforge.tell_of_event();
REVOKE ALL ON FUNCTION jobforge.tell_of_event FROM PUBLIC;

-- Events of any tenant that nobody judged yet: where to look, and nothing else.
GRANT SELECT (tenant_id, event_id, state, received_at) ON jobforge.events TO jobforge_dispatch;
CREATE POLICY routing ON jobforge.events FOR SELECT TO jobforge_dispatch USING (true);

CREATE FUNCTION jobforge.find_new_events(most integer)
    RETURNS TABLE (tenant_id uuid, event_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
        SELECT e.tenant_id, e.event_id FROM jobforge.events AS e
        WHERE e.state = 'received'
        ORDER BY e.received_at
        LIMIT most
    $$;

ALTER FUNCTION jobforge.find_new_events(integer) OWNER TO jobforge_dispatch;
REVOKE ALL ON FUNCTION jobforge.find_new_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobforge.find_new_events TO jobforge_app;
