-- name: insert_event
-- Store an event; no row where the very same one is there already.
INSERT INTO jobforge.events
    (tenant_id, event_id, digest, envelope, event_type, source_module, severity, priority,
     trace_id, occurred_at, received_at)
VALUES ($1, $2, $3, $4::text::json, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (tenant_id, digest) DO NOTHING
RETURNING event_id;

-- name: find_event_of_digest
-- The event that is there already.
SELECT event_id FROM jobforge.events WHERE tenant_id = $1 AND digest = $2;

-- name: find_event
-- The event of an id.
SELECT event_id, digest, envelope, event_type, source_module, severity, priority, trace_id,
    occurred_at, received_at, state, evaluated_at, reason
FROM jobforge.events
WHERE tenant_id = $1 AND event_id = $2;

-- name: newest_events
-- The newest events first.
SELECT event_id, digest, envelope, event_type, source_module, severity, priority, trace_id,
    occurred_at, received_at, state, evaluated_at, reason
FROM jobforge.events
WHERE tenant_id = $1
ORDER BY received_at DESC, event_id
LIMIT $2;

-- name: claim_event
-- Take an event to judge it; no row where somebody did that before.
UPDATE jobforge.events SET state = $3, evaluated_at = $4, reason = $5
WHERE tenant_id = $1 AND event_id = $2 AND state = 'received'
RETURNING event_id;

-- name: describe_event
-- Fill in what an event says that came by SQL, and put its masked form in its place.
UPDATE jobforge.events
SET digest = $3, envelope = $4::text::json, event_type = $5, source_module = $6, severity = $7,
    priority = $8, trace_id = $9, occurred_at = $10
WHERE tenant_id = $1 AND event_id = $2
    AND NOT EXISTS (
        SELECT FROM jobforge.events AS same WHERE same.tenant_id = $1 AND same.digest = $3)
RETURNING event_id;

-- name: hide_event
-- Take away the content of an event that cannot be read: nobody knows what is in it.
UPDATE jobforge.events SET envelope = '{}' WHERE tenant_id = $1 AND event_id = $2;

-- name: find_new_events
-- Events of any tenant that nobody judged yet.
SELECT tenant_id, event_id FROM jobforge.find_new_events($1);
