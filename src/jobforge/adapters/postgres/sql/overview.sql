-- name: measure_backlog
-- What all tenants together have not done yet.
SELECT waiting, released, running, stuck, oldest FROM jobforge.measure_backlog($1, $2);

-- name: database_time
-- The time by the database's clock.
SELECT clock_timestamp() AS at;
