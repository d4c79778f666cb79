"""What may be changed on a PostgreSQL server, as payloads say it, and the SQL of each.

Every name and value is held to a pattern, so that nothing in a statement needs quoting rules.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from jobforge.core.model import Model

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]


class SetSetting(Model):
    """A setting of the database, or of the whole server; only numbers, switches and choices."""

    kind: Literal["set"]
    name: str = Field(pattern=r"^[a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?$")
    value: str = Field(pattern=r"^[A-Za-z0-9_.+-]{1,60}$", description="Like 64MB, on or 1.1.")
    scope: Literal["database", "system"] = "database"

    @property
    def target(self) -> str:
        """What is changed."""
        return f"{self.scope} setting {self.name}"


class CreateIndex(Model):
    """An index, built without locking writers out."""

    kind: Literal["create_index"]
    name: Name
    table: Name
    columns: tuple[Name, ...] = Field(min_length=1, max_length=32)
    namespace: Name = "public"
    method: Literal["btree", "hash", "gin", "gist", "brin"] = "btree"
    is_unique: bool = False

    @property
    def target(self) -> str:
        """What is changed."""
        return f"index {self.namespace}.{self.name}"

    @property
    def statement(self) -> str:
        """What builds it."""
        unique = "UNIQUE " if self.is_unique else ""
        columns = ", ".join(f'"{column}"' for column in self.columns)
        return (
            f'CREATE {unique}INDEX CONCURRENTLY "{self.name}" '
            f'ON "{self.namespace}"."{self.table}" USING {self.method} ({columns})'
        )

    @property
    def meaning(self) -> str:
        """The index in words, as it is compared."""
        kind = "unique " if self.is_unique else ""
        return f"{kind}{self.method} index on {self.table} ({', '.join(self.columns)})"


class DropIndex(Model):
    """An index that goes, without locking anybody out."""

    kind: Literal["drop_index"]
    name: Name
    namespace: Name = "public"

    @property
    def target(self) -> str:
        """What is changed."""
        return f"index {self.namespace}.{self.name}"


class Maintain(Model):
    """A table to vacuum or to analyse."""

    kind: Literal["vacuum", "analyze"]
    table: Name
    namespace: Name = "public"

    @property
    def target(self) -> str:
        """What is changed."""
        return f"{self.kind} {self.namespace}.{self.table}"

    @property
    def statement(self) -> str:
        """What does it."""
        return f'{self.kind.upper()} "{self.namespace}"."{self.table}"'


IndexOperation = CreateIndex | DropIndex
Operation = Annotated[SetSetting | CreateIndex | DropIndex | Maintain, Field(discriminator="kind")]


def drop_statement(operation: IndexOperation) -> str:
    """What drops the index, whether it is whole or half built."""
    return f'DROP INDEX CONCURRENTLY IF EXISTS "{operation.namespace}"."{operation.name}"'


def create_from(definition: str) -> str:
    """The server's own definition of an index, without locking writers out."""
    head, _, rest = definition.partition("INDEX ")
    return f"{head}INDEX CONCURRENTLY {rest}"


def set_statement(operation: SetSetting, value: str | None) -> str:
    """What gives the setting its value, or forgets it."""
    where = "ALTER SYSTEM" if operation.scope == "system" else "ALTER DATABASE"
    quoted = "" if operation.scope == "system" else " {database}"
    ending = f"RESET {operation.name}" if value is None else f"SET {operation.name} = '{value}'"
    return f"{where}{quoted} {ending}"


SETTING = """
SELECT s.name, s.vartype, s.context, quote_ident(current_database()) AS database,
    (SELECT substr(c, strpos(c, '=') + 1)
     FROM pg_db_role_setting AS d CROSS JOIN unnest(d.setconfig) AS c
     WHERE d.setrole = 0 AND split_part(c, '=', 1) = s.name
        AND d.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) AS of_database
FROM pg_settings AS s WHERE s.name = '{name}'
"""
IN_FILE = """
SELECT setting FROM pg_file_settings
WHERE name = '{name}' AND sourcefile LIKE '%postgresql.auto.conf'
ORDER BY seqno DESC LIMIT 1
"""
INDEX = """
SELECT i.indisvalid AS is_valid, pg_get_indexdef(i.indexrelid) AS definition,
    CASE WHEN i.indisunique THEN 'unique ' ELSE '' END || am.amname || ' index on ' || t.relname
        || ' (' || (SELECT string_agg(a.attname, ', ' ORDER BY k.place)
            FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
            JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum) || ')'
        || CASE WHEN i.indpred IS NOT NULL OR i.indexprs IS NOT NULL THEN ' with conditions'
            ELSE '' END AS meaning,
    EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid) AS backs_constraint,
    EXISTS (SELECT FROM pg_stat_progress_create_index AS p
        WHERE p.index_relid = i.indexrelid) AS is_building
FROM pg_index AS i
JOIN pg_class AS x ON x.oid = i.indexrelid
JOIN pg_class AS t ON t.oid = i.indrelid
JOIN pg_am AS am ON am.oid = x.relam
JOIN pg_namespace AS n ON n.oid = x.relnamespace
WHERE n.nspname = '{namespace}' AND x.relname = '{name}'
"""
COLUMNS = """
SELECT a.attname AS name
FROM pg_attribute AS a
JOIN pg_class AS t ON t.oid = a.attrelid
JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE n.nspname = '{namespace}' AND t.relname = '{table}' AND t.relkind IN ('r', 'p', 'm')
    AND a.attnum > 0 AND NOT a.attisdropped
"""
COUNTS = """
SELECT s.vacuum_count AS vacuum, s.analyze_count AS analyze,
    EXISTS (SELECT FROM pg_stat_progress_vacuum AS p WHERE p.relid = s.relid)
        OR EXISTS (SELECT FROM pg_stat_progress_analyze AS p WHERE p.relid = s.relid) AS is_running
FROM pg_stat_all_tables AS s
WHERE s.schemaname = '{namespace}' AND s.relname = '{table}'
"""
