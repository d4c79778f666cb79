-- Webhooks: endpoints of the tenant's that are told of decisions. What is to be told is written in
-- the transaction of the decision, and delivered afterwards.

-- `events` empty: all. `sealed` are its secrets, encrypted as connections are.
CREATE TABLE jobforge.webhooks (
    tenant_id   uuid NOT NULL REFERENCES jobforge.tenants,
    webhook_id  uuid NOT NULL,
    name        text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 256),
    url         text NOT NULL CHECK (char_length(url) BETWEEN 1 AND 2048),
    events      text[] NOT NULL,
    sealed      bytea NOT NULL,
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, webhook_id),
    UNIQUE (tenant_id, name)
);

CREATE TABLE jobforge.webhook_deliveries (
    tenant_id     uuid NOT NULL,
    delivery_id   uuid NOT NULL DEFAULT gen_random_uuid(),
    webhook_id    uuid NOT NULL,
    event         text NOT NULL,
    subject       text NOT NULL,
    happened_at   timestamptz NOT NULL,
    content       json NOT NULL,
    state         text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'delivered', 'parked')),
    attempts      integer NOT NULL DEFAULT 0,
    next_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    delivered_at  timestamptz,
    answer        text,
    PRIMARY KEY (tenant_id, delivery_id),
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES jobforge.webhooks ON DELETE CASCADE
);
CREATE INDEX webhook_deliveries_due ON jobforge.webhook_deliveries (next_at)
    WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_newest
    ON jobforge.webhook_deliveries (tenant_id, webhook_id, happened_at DESC, delivery_id);

ALTER TABLE jobforge.webhooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.webhooks FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.webhooks TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

ALTER TABLE jobforge.webhook_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.webhook_deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.webhook_deliveries TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

GRANT SELECT, INSERT, DELETE ON jobforge.webhooks, jobforge.webhook_deliveries TO jobforge_app;
GRANT UPDATE (sealed) ON jobforge.webhooks TO jobforge_app;
GRANT UPDATE (state, attempts, next_at, delivered_at, answer)
    ON jobforge.webhook_deliveries TO jobforge_app;

-- Note what is to be told, once for each endpoint of the current tenant that wants to know.
CREATE FUNCTION jobforge.tell_webhooks(
    event text, subject text, happened_at timestamptz, content json) RETURNS void
    LANGUAGE sql
    SET search_path = pg_catalog
    AS $$
        INSERT INTO jobforge.webhook_deliveries
            (tenant_id, webhook_id, event, subject, happened_at, content)
        SELECT hook.tenant_id, hook.webhook_id, tell_webhooks.event, tell_webhooks.subject,
            tell_webhooks.happened_at, tell_webhooks.content
        FROM jobforge.webhooks AS hook
        WHERE hook.tenant_id = jobforge.current_tenant()
            AND (hook.events = '{}' OR tell_webhooks.event = ANY (hook.events))
    $$;
REVOKE ALL ON FUNCTION jobforge.tell_webhooks FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobforge.tell_webhooks TO jobforge_app;

-- An executed run has ended, whoever ended its last job.
CREATE FUNCTION jobforge.tell_of_run() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog
    AS $$
BEGIN
    PERFORM jobforge.tell_webhooks('run.finished', 'run:' || NEW.run_id,
        coalesce(NEW.closed_at, NEW.created_at),
        json_build_object('run_id', NEW.run_id, 'project_id', NEW.project_id,
            'status', NEW.status, 'plan_digest', NEW.plan_digest, 'actor', NEW.actor,
            'created_at', NEW.created_at, 'closed_at', NEW.closed_at));
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION jobforge.tell_of_run FROM PUBLIC;
CREATE TRIGGER tell_of_closed_run AFTER UPDATE OF status ON jobforge.bundle_runs
    FOR EACH ROW WHEN (OLD.status = 'open' AND NEW.status <> 'open' AND NEW.mode = 'execute')
    EXECUTE FUNCTION jobforge.tell_of_run();
CREATE TRIGGER tell_of_run_that_ended_at_once AFTER INSERT ON jobforge.bundle_runs
    FOR EACH ROW WHEN (NEW.status <> 'open' AND NEW.mode = 'execute')
    EXECUTE FUNCTION jobforge.tell_of_run();

-- Deliveries of any tenant that are due: where to look, and nothing else.
GRANT SELECT (tenant_id, delivery_id, state, next_at)
    ON jobforge.webhook_deliveries TO jobforge_dispatch;
CREATE POLICY routing ON jobforge.webhook_deliveries FOR SELECT TO jobforge_dispatch USING (true);

CREATE FUNCTION jobforge.find_due_deliveries(now timestamptz, most integer)
    RETURNS TABLE (tenant_id uuid, delivery_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog
    AS $$
        SELECT d.tenant_id, d.delivery_id FROM jobforge.webhook_deliveries AS d
        WHERE d.state = 'waiting' AND d.next_at <= find_due_deliveries.now
        ORDER BY d.next_at
        LIMIT most
    $$;
ALTER FUNCTION jobforge.find_due_deliveries(timestamptz, integer) OWNER TO jobforge_dispatch;
REVOKE ALL ON FUNCTION jobforge.find_due_deliveries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobforge.find_due_deliveries TO jobforge_app;
