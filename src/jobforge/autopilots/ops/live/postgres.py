"""Health, security and cost of a PostgreSQL server, from what the queries of this package gave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jobforge.autopilots.ops.finding import Check, Finding, Severity

Tables = Mapping[str, Sequence[Mapping[str, Any]]]

HOUR = 3600.0
WRAPAROUND_WARN, WRAPAROUND_CRITICAL = 500_000_000, 1_500_000_000
"""Of 2^31. Source: PostgreSQL manual, Routine Vacuuming, "Preventing Transaction ID Wraparound"."""
CONNECTIONS_WARN, CONNECTIONS_CRITICAL = 0.8, 0.95
REPLICA_BYTES, SLOT_BYTES = 256 * 2**20, 2**30
STANDBY_SECONDS = 300.0
DEAD_SHARE = 0.2
CACHE_MIN_READS, CACHE_SHARE = 1_000_000, 0.9
STATISTICS_MIN_SECONDS = 7 * 24 * HOUR
"""Younger statistics do not tell that an index is unused: weekly jobs have not run yet."""

CONNECTIONS = Check(
    "OPS_PG_001", (), "Connections are left", "medium",
    "Put a pooler in front, or find the client that opens too many.", "health",
)  # fmt: skip
LONG_TRANSACTION = Check(
    "OPS_PG_002", (), "No transaction stays open for long", "medium",
    "End it with pg_terminate_backend; set idle_in_transaction_session_timeout.", "health",
)  # fmt: skip
BLOCKED = Check(
    "OPS_PG_003", (), "No session waits for a lock", "medium",
    "Find what the blocking session does; end it if it is abandoned.", "health",
)  # fmt: skip
WRAPAROUND = Check(
    "OPS_PG_004", (), "Transaction ids are far from wrapping around", "high",
    "VACUUM FREEZE the oldest tables; look for what holds back the horizon.", "health",
)  # fmt: skip
REPLICATION = Check(
    "OPS_PG_005", (), "Replicas keep up", "high",
    "Look at the replica's network and disk, and at long queries there.", "health",
)  # fmt: skip
SLOT = Check(
    "OPS_PG_006", (), "No replication slot holds back WAL", "high",
    "Bring its consumer back, or drop the slot; set max_slot_wal_keep_size.", "health",
)  # fmt: skip
UNSAFE_SETTING = Check(
    "OPS_PG_007", (), "Settings that keep data safe are on", "critical",
    "Switch it on and reload or restart.", "health", ("CIS PostgreSQL 6.2",),
)  # fmt: skip
NO_IDLE_TIMEOUT = Check(
    "OPS_PG_008", (), "Idle transactions are ended", "low",
    "Set idle_in_transaction_session_timeout, say to 60 s.", "health",
)  # fmt: skip
DEAD_ROWS = Check(
    "OPS_PG_009", (), "Tables are vacuumed", "medium",
    "VACUUM (ANALYZE) it; lower autovacuum_vacuum_scale_factor for it.", "health",
)  # fmt: skip
MISSING_INDEX = Check(
    "OPS_PG_010", (), "Large tables are not read from end to end again and again", "medium",
    "Find the filter in pg_stat_statements and create an index for it.", "health",
)  # fmt: skip
INVALID_INDEX = Check(
    "OPS_PG_011", (), "Every index is valid", "medium",
    "REINDEX INDEX CONCURRENTLY, or drop it.", "health",
)  # fmt: skip
FOREIGN_KEY = Check(
    "OPS_PG_012", (), "Foreign keys of large tables have an index", "low",
    "CREATE INDEX CONCURRENTLY on the referencing columns.", "health",
)  # fmt: skip
SEQUENCE = Check(
    "OPS_PG_013", (), "Sequences are far from their end", "high",
    "Change the column to bigint.", "health",
)  # fmt: skip
CACHE = Check(
    "OPS_PG_014", (), "Reads are mostly answered from memory", "low",
    "Raise shared_buffers, or find the query that reads so much.", "health",
)  # fmt: skip
NO_TLS = Check(
    "OPS_PG_020", (), "Connections are encrypted", "high",
    "Set ssl = on and use hostssl lines in pg_hba.conf.", "security",
    ("CIS PostgreSQL 6.8", "NIST SC-8"),
)  # fmt: skip
PASSWORDS = Check(
    "OPS_PG_021", (), "Passwords are stored with SCRAM", "high",
    "Set password_encryption = 'scram-sha-256' and set the passwords anew.", "security",
    ("NIST IA-5",),
)  # fmt: skip
SUPERUSERS = Check(
    "OPS_PG_022", (), "Few roles are superusers", "medium",
    "ALTER ROLE … NOSUPERUSER; grant what it needs.", "security",
    ("CIS PostgreSQL 4.3", "NIST AC-6"),
)  # fmt: skip
SUPERUSER_CONNECTION = Check(
    "OPS_PG_023", (), "The connection's own role is no superuser", "medium",
    "Connect with a role that is a member of pg_monitor.", "security", ("NIST AC-6",),
)  # fmt: skip
PUBLIC_SCHEMA = Check(
    "OPS_PG_024", (), "Not everybody may create objects in schema public", "medium",
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC.", "security",
    ("CVE-2018-1058", "CIS PostgreSQL 4.4"),
)  # fmt: skip
UNUSED_INDEX = Check(
    "OPS_PG_030", (), "Every large index is used", "low",
    "DROP INDEX CONCURRENTLY after checking the replicas' statistics too.", "cost",
)  # fmt: skip
DUPLICATE_INDEX = Check(
    "OPS_PG_031", (), "No two indexes are the same", "low",
    "DROP INDEX CONCURRENTLY all but one.", "cost",
)  # fmt: skip
CHECKS = (
    CONNECTIONS, LONG_TRANSACTION, BLOCKED, WRAPAROUND, REPLICATION, SLOT, UNSAFE_SETTING,
    NO_IDLE_TIMEOUT, DEAD_ROWS, MISSING_INDEX, INVALID_INDEX, FOREIGN_KEY, SEQUENCE, CACHE, NO_TLS,
    PASSWORDS, SUPERUSERS, SUPERUSER_CONNECTION, PUBLIC_SCHEMA, UNUSED_INDEX, DUPLICATE_INDEX,
)  # fmt: skip


def check_health(target: str, tables: Tables) -> Iterator[Finding]:
    """Connections, transactions, wraparound, replication, settings, tables and indexes."""
    yield from _check_sessions(target, tables)
    yield from _check_wraparound(target, tables)
    yield from _check_replication(target, tables)
    yield from _check_settings(target, tables)
    yield from _check_tables(target, tables)
    yield from _check_indexes(target, tables)


def _check_sessions(target: str, tables: Tables) -> Iterator[Finding]:
    for row in tables.get("connections", ()):
        share = row["used"] / max(row["allowed"], 1)
        if share >= CONNECTIONS_WARN:
            severity: Severity = "critical" if share >= CONNECTIONS_CRITICAL else "medium"
            evidence = f"{row['used']} of {row['allowed']} connections in use"
            yield CONNECTIONS.fail(target, "max_connections", evidence, severity=severity)
    for row in tables.get("long_transactions", ()):
        severity = "high" if row["seconds"] > HOUR else "medium"
        evidence = f"open for {row['seconds']:.0f} s, {row['state']}, role {row['role']}"
        yield LONG_TRANSACTION.fail(target, f"pid {row['pid']}", evidence, severity=severity)
    for row in tables.get("blocked", ()):
        evidence = f"waits {row['seconds']:.0f} s for pid {row['blockers']}"
        yield BLOCKED.fail(target, f"pid {row['pid']}", evidence)


def _check_wraparound(target: str, tables: Tables) -> Iterator[Finding]:
    for row in tables.get("wraparound", ()):
        age = max(row["age"], row["multixact_age"])
        if age >= WRAPAROUND_WARN:
            severity: Severity = "critical" if age >= WRAPAROUND_CRITICAL else "high"
            evidence = f"age {age:,} of 2,147,483,648"
            yield WRAPAROUND.fail(
                target, f"database {row['database']}", evidence, severity=severity
            )
    for row in tables.get("sequences", ()):
        evidence = f"{row['value'] / row['maximum']:.0%} of its values used"
        yield SEQUENCE.fail(target, f"sequence {row['sequence']}", evidence)


def _check_replication(target: str, tables: Tables) -> Iterator[Finding]:
    for row in tables.get("replicas", ()):
        behind = row["behind_bytes"] or 0
        if row["state"] != "streaming" or behind > REPLICA_BYTES:
            evidence = f"{row['state']}, {behind:,} bytes behind"
            yield REPLICATION.fail(target, f"replica {row['replica']}", evidence)
    for row in tables.get("standby", ()):
        if (row["behind_seconds"] or 0) > STANDBY_SECONDS:
            yield REPLICATION.fail(target, "standby", f"{row['behind_seconds']:.0f} s behind")
    for row in tables.get("slots", ()):
        if (row["retained_bytes"] or 0) > SLOT_BYTES:
            state = "active" if row["active"] else "inactive"
            evidence = f"{state}, holds back {row['retained_bytes']:,} bytes of WAL"
            yield SLOT.fail(target, f"slot {row['slot']}", evidence)


def _settings(tables: Tables) -> dict[str, str]:
    return {row["name"]: row["setting"] for row in tables.get("settings", ())}


def _check_settings(target: str, tables: Tables) -> Iterator[Finding]:
    settings = _settings(tables)
    for name in ("fsync", "full_page_writes", "autovacuum", "track_counts"):
        if settings.get(name) == "off":
            yield UNSAFE_SETTING.fail(target, name, f"{name} = off")
    if settings.get("idle_in_transaction_session_timeout") == "0":
        evidence = "idle_in_transaction_session_timeout = 0"
        yield NO_IDLE_TIMEOUT.fail(target, "idle_in_transaction_session_timeout", evidence)


def _check_tables(target: str, tables: Tables) -> Iterator[Finding]:
    for row in tables.get("dead_rows", ()):
        share = row["dead"] / max(row["dead"] + row["live"], 1)
        if share > DEAD_SHARE:
            evidence = f"{row['dead']:,} dead rows, {share:.0%}; {row['bytes']:,} bytes"
            yield DEAD_ROWS.fail(target, f"table {row['relation']}", evidence)
    for row in tables.get("missing_indexes", ()):
        evidence = (
            f"{row['scans']:,} full scans of {row['rows_per_scan']:,} rows on average, "
            f"{row['index_scans']:,} index scans"
        )
        yield MISSING_INDEX.fail(target, f"table {row['relation']}", evidence)
    for row in tables.get("cache", ()):
        total = row["hits"] + row["reads"]
        if total > CACHE_MIN_READS and row["hits"] / total < CACHE_SHARE:
            yield CACHE.fail(target, "shared_buffers", f"{row['hits'] / total:.1%} of reads hit")


def _check_indexes(target: str, tables: Tables) -> Iterator[Finding]:
    for row in tables.get("invalid_indexes", ()):
        yield INVALID_INDEX.fail(target, f"index {row['index']}", "pg_index.indisvalid is false")
    for row in tables.get("unindexed_foreign_keys", ()):
        evidence = f"foreign key {row['key']} has no index on its columns"
        yield FOREIGN_KEY.fail(target, f"table {row['relation']}", evidence)


def check_security(target: str, tables: Tables) -> Iterator[Finding]:
    """Encryption, password storage, roles and the public schema."""
    settings = _settings(tables)
    clients = sum(row["clients"] for row in tables.get("unencrypted", ()))
    if settings.get("ssl") == "off" or clients:
        evidence = f"ssl = {settings.get('ssl', 'unknown')}, {clients} remote clients without TLS"
        severity: Severity = "high" if clients else "medium"
        yield NO_TLS.fail(target, "ssl", evidence, severity=severity)
    stored = settings.get("password_encryption", "scram-sha-256")
    if stored != "scram-sha-256":
        yield PASSWORDS.fail(target, "password_encryption", f"password_encryption = {stored}")
    yield from _check_roles(target, tables)


def _check_roles(target: str, tables: Tables) -> Iterator[Finding]:
    superusers = [row["role"] for row in tables.get("superusers", ())]
    if len(superusers) > 1:
        evidence = f"{len(superusers)} superusers may log in: {', '.join(superusers)}"
        yield SUPERUSERS.fail(target, "pg_roles", evidence)
    for row in tables.get("current_role", ()):
        if row["is_superuser"]:
            evidence = f"{row['role']} is a superuser"
            yield SUPERUSER_CONNECTION.fail(target, f"role {row['role']}", evidence)
    if tables.get("public_schema"):
        yield PUBLIC_SCHEMA.fail(target, "schema public", "PUBLIC holds CREATE")


def check_cost(target: str, tables: Tables) -> Iterator[Finding]:
    """Indexes that cost writes and space for nothing; silent where statistics are too young."""
    ages = [row["seconds"] for row in tables.get("statistics_age", ())]
    if ages and ages[0] >= STATISTICS_MIN_SECONDS:
        for row in tables.get("unused_indexes", ()):
            evidence = f"0 scans in {ages[0] / 86400:.0f} days, {row['bytes']:,} bytes"
            yield UNUSED_INDEX.fail(target, f"index {row['index']}", evidence)
    for row in tables.get("duplicate_indexes", ()):
        evidence = f"{row['indexes']}: {row['bytes']:,} bytes together"
        yield DUPLICATE_INDEX.fail(target, f"table {row['relation']}", evidence)
