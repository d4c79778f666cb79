-- name: insert_webhook
-- Add an endpoint.
INSERT INTO jobforge.webhooks
    (tenant_id, webhook_id, name, url, events, sealed, created_by, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: find_webhook
-- The endpoint of a name.
SELECT webhook_id, name, url, events, sealed, created_by, created_at
FROM jobforge.webhooks
WHERE tenant_id = $1 AND name = $2;

-- name: list_webhooks
-- Every endpoint, by name.
SELECT webhook_id, name, url, events, sealed, created_by, created_at
FROM jobforge.webhooks
WHERE tenant_id = $1
ORDER BY name;

-- name: reseal_webhook
-- Put other secrets in place of an endpoint's.
UPDATE jobforge.webhooks SET sealed = $3 WHERE tenant_id = $1 AND webhook_id = $2;

-- name: remove_webhook
-- Forget an endpoint and all that was to be told it; no row where there is none.
DELETE FROM jobforge.webhooks WHERE tenant_id = $1 AND name = $2
RETURNING webhook_id;

-- name: tell_webhooks
-- Note what is to be told.
SELECT jobforge.tell_webhooks(event, subject, happened_at, content::json)
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[])
    AS told (event, subject, happened_at, content);

-- name: newest_deliveries
-- What an endpoint is or was to be told, the newest first.
SELECT delivery_id, webhook_id, event, subject, happened_at, content, state, attempts, next_at,
    delivered_at, answer
FROM jobforge.webhook_deliveries
WHERE tenant_id = $1 AND webhook_id = $2
ORDER BY happened_at DESC, delivery_id
LIMIT $3;

-- name: claim_delivery
-- Take a delivery that is due; no row where somebody else did.
UPDATE jobforge.webhook_deliveries AS taken
SET attempts = taken.attempts + 1, next_at = $4
FROM jobforge.webhooks AS hook
WHERE taken.tenant_id = $1 AND taken.delivery_id = $2
    AND taken.state = 'waiting' AND taken.next_at <= $3
    AND hook.tenant_id = taken.tenant_id AND hook.webhook_id = taken.webhook_id
RETURNING taken.delivery_id, taken.webhook_id, taken.event, taken.subject, taken.happened_at,
    taken.content, taken.attempts, hook.url, hook.sealed;

-- name: settle_delivery
-- Note how an attempt went.
UPDATE jobforge.webhook_deliveries
SET state = $4, next_at = $5, delivered_at = $6, answer = $7
WHERE tenant_id = $1 AND delivery_id = $2 AND attempts = $3 AND state = 'waiting';

-- name: replay_delivery
-- Deliver it anew from now on; no row where there is none.
UPDATE jobforge.webhook_deliveries
SET state = 'waiting', attempts = 0, next_at = $4, delivered_at = NULL
WHERE tenant_id = $1 AND webhook_id = $2 AND delivery_id = $3
RETURNING delivery_id;

-- name: prune_deliveries
-- Forget some of what was delivered long ago.
DELETE FROM jobforge.webhook_deliveries
WHERE tenant_id = $1 AND webhook_id = $2 AND state = 'delivered' AND delivery_id IN (
    SELECT delivery_id FROM jobforge.webhook_deliveries
    WHERE tenant_id = $1 AND webhook_id = $2 AND happened_at < $3
    ORDER BY happened_at
    LIMIT 100);

-- name: find_due_deliveries
-- Deliveries of any tenant that are due.
SELECT tenant_id, delivery_id FROM jobforge.find_due_deliveries($1, $2);
