-- The journal of actions: what an attempt was about to do, written before the world is touched.

CREATE TABLE jobforge.effect_journal (
    tenant_id  uuid NOT NULL,
    job_id     uuid NOT NULL,
    number     integer NOT NULL,
    attempt    integer NOT NULL,
    step       integer,
    state      text NOT NULL,
    note       text NOT NULL,
    at         timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, job_id, number),
    FOREIGN KEY (tenant_id, job_id) REFERENCES jobforge.jobs ON DELETE CASCADE
);

ALTER TABLE jobforge.effect_journal ALTER COLUMN tenant_id SET STATISTICS 0;

ALTER TABLE jobforge.effect_journal ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.effect_journal FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.effect_journal TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()))
    WITH CHECK (tenant_id = (SELECT jobforge.current_tenant()));

GRANT SELECT, INSERT ON jobforge.effect_journal TO jobforge_app;
