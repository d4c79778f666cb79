"""The read-only queries of a PostgreSQL check, by name; they run on version 14 and later.

None reads a table's rows or a query's text: both may hold secrets. Each needs no more than the
role `pg_monitor`, and gives fewer rows, not an error, without it.
"""

from __future__ import annotations

SURFACE: dict[str, str] = {
    "server": """
        SELECT current_setting('server_version') AS version,
               current_setting('server_version_num')::int AS version_number,
               pg_is_in_recovery() AS is_standby""",
    "settings": """
        SELECT name, setting, coalesce(unit, '') AS unit FROM pg_settings
        WHERE name IN ('autovacuum', 'fsync', 'full_page_writes', 'max_connections', 'ssl',
                       'password_encryption', 'idle_in_transaction_session_timeout',
                       'statement_timeout', 'log_connections', 'track_counts',
                       'synchronous_commit', 'autovacuum_freeze_max_age')""",
    "connections": """
        SELECT count(*)::int AS used,
               current_setting('max_connections')::int AS allowed,
               count(*) FILTER (WHERE state = 'idle in transaction')::int AS idle_in_transaction
        FROM pg_stat_activity WHERE backend_type = 'client backend'""",
    "long_transactions": """
        SELECT pid, coalesce(usename, '')::text AS role, coalesce(state, '')::text AS state,
               extract(epoch FROM now() - xact_start)::float8 AS seconds
        FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
          AND xact_start < now() - interval '5 minutes'
        ORDER BY xact_start LIMIT 50""",
    "blocked": """
        SELECT pid, extract(epoch FROM now() - state_change)::float8 AS seconds,
               array_to_string(pg_blocking_pids(pid), ', ') AS blockers
        FROM pg_stat_activity
        WHERE cardinality(pg_blocking_pids(pid)) > 0 LIMIT 50""",
    "wraparound": """
        SELECT datname::text AS database, age(datfrozenxid)::bigint AS age,
               greatest(mxid_age(datminmxid), 0)::bigint AS multixact_age
        FROM pg_database ORDER BY 2 DESC LIMIT 20""",
    "replicas": """
        SELECT coalesce(application_name, '')::text AS replica, coalesce(state, '')::text AS state,
               CASE WHEN pg_is_in_recovery() THEN NULL
                    ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint
               END AS behind_bytes
        FROM pg_stat_replication""",
    "slots": """
        SELECT slot_name::text AS slot, active,
               CASE WHEN pg_is_in_recovery() THEN NULL
                    ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint
               END AS retained_bytes
        FROM pg_replication_slots""",
    "standby": """
        SELECT extract(epoch FROM now() - pg_last_xact_replay_timestamp())::float8 AS behind_seconds
        WHERE pg_is_in_recovery()
          AND pg_last_wal_receive_lsn() IS DISTINCT FROM pg_last_wal_replay_lsn()""",
    "superusers": """
        SELECT rolname::text AS role FROM pg_roles WHERE rolsuper AND rolcanlogin ORDER BY 1""",
    "current_role": """
        SELECT current_user::text AS role, rolsuper AS is_superuser
        FROM pg_roles WHERE rolname = current_user""",
    "public_schema": """
        SELECT has_schema_privilege(n.oid, 'CREATE') AS may_create FROM pg_namespace n
        WHERE n.nspname = 'public' AND EXISTS (
            SELECT 1 FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
            WHERE a.grantee = 0 AND a.privilege_type = 'CREATE')""",
    "unencrypted": """
        SELECT count(*)::int AS clients FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
        WHERE NOT s.ssl AND a.client_addr IS NOT NULL
          AND NOT a.client_addr <<= inet '127.0.0.0/8' AND a.client_addr <> inet '::1'""",
}
"""Cheap: catalogues of a few rows."""

DEEP: dict[str, str] = {
    "statistics_age": """
        SELECT extract(epoch FROM now() - coalesce(stats_reset, pg_postmaster_start_time()))::float8
               AS seconds
        FROM pg_stat_database WHERE datname = current_database()""",
    "cache": """
        SELECT blks_hit::bigint AS hits, blks_read::bigint AS reads
        FROM pg_stat_database WHERE datname = current_database()""",
    "dead_rows": """
        SELECT schemaname || '.' || relname AS relation, n_live_tup::bigint AS live,
               n_dead_tup::bigint AS dead, pg_table_size(relid)::bigint AS bytes
        FROM pg_stat_user_tables WHERE n_dead_tup > 10000
        ORDER BY n_dead_tup DESC LIMIT 50""",
    "unused_indexes": """
        SELECT s.schemaname || '.' || s.relname AS relation,
               quote_ident(s.schemaname) || '.' || quote_ident(s.indexrelname) AS index,
               pg_relation_size(s.indexrelid)::bigint AS bytes
        FROM pg_stat_user_indexes s JOIN pg_index i USING (indexrelid)
        WHERE s.idx_scan = 0 AND NOT i.indisunique AND NOT i.indisprimary
          AND pg_relation_size(s.indexrelid) > 1000000
          AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = s.indexrelid)
        ORDER BY 3 DESC LIMIT 50""",
    "missing_indexes": """
        SELECT schemaname || '.' || relname AS relation, seq_scan::bigint AS scans,
               (seq_tup_read / greatest(seq_scan, 1))::bigint AS rows_per_scan,
               coalesce(idx_scan, 0)::bigint AS index_scans
        FROM pg_stat_user_tables
        WHERE seq_scan > 100 AND seq_tup_read / greatest(seq_scan, 1) > 10000
          AND seq_scan > coalesce(idx_scan, 0)
        ORDER BY seq_tup_read DESC LIMIT 50""",
    "duplicate_indexes": """
        SELECT min(indrelid::regclass::text) AS relation,
               string_agg(indexrelid::regclass::text, ', ' ORDER BY indexrelid) AS indexes,
               sum(pg_relation_size(indexrelid))::bigint AS bytes
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname NOT IN ('pg_catalog', 'pg_toast') AND i.indisvalid
        GROUP BY indrelid, indkey::text, indclass::text, indcollation::text, indoption::text,
                 coalesce(pg_get_expr(indexprs, indrelid), ''),
                 coalesce(pg_get_expr(indpred, indrelid), '')
        HAVING count(*) > 1 LIMIT 50""",
    "invalid_indexes": """
        SELECT indexrelid::regclass::text AS index FROM pg_index WHERE NOT indisvalid LIMIT 50""",
    "unindexed_foreign_keys": """
        SELECT c.conrelid::regclass::text AS relation, c.conname::text AS key
        FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
        WHERE c.contype = 'f' AND t.reltuples > 10000 AND NOT EXISTS (
            SELECT 1 FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indpred IS NULL
              AND (string_to_array(i.indkey::text, ' ')::int2[])[1:cardinality(c.conkey)]
                  @> c.conkey)
        LIMIT 50""",
    "sequences": """
        SELECT schemaname || '.' || sequencename AS sequence, last_value::float8 AS value,
               max_value::float8 AS maximum
        FROM pg_sequences WHERE last_value IS NOT NULL AND NOT cycle AND increment_by > 0
          AND last_value::float8 / max_value > 0.7 LIMIT 50""",
}
"""Reads statistics of every table and index of the database."""
