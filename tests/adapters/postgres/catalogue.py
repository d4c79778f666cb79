"""What the database says of itself: its tables, policies, functions and grants of columns."""

from __future__ import annotations

TABLES = """
    SELECT class.relname AS name, class.relrowsecurity AS has_rls,
        class.relforcerowsecurity AS is_forced
    FROM pg_class AS class
    WHERE class.relnamespace = 'jobforge'::regnamespace
        AND class.relkind IN ('r', 'p', 'm', 'v', 'f')
"""
POLICIES = """
    SELECT tablename, policyname, permissive, roles, cmd, qual, with_check
    FROM pg_policies WHERE schemaname = 'jobforge'
"""
FUNCTIONS = """
    SELECT routine.proname AS name, routine.prosecdef AS is_definer, routine.proconfig AS settings,
        owner.rolname AS owner,
        EXISTS (
            SELECT FROM aclexplode(coalesce(routine.proacl, acldefault('f', routine.proowner)))
            WHERE grantee = 0
        ) AS is_public
    FROM pg_proc AS routine JOIN pg_roles AS owner ON owner.oid = routine.proowner
    WHERE routine.pronamespace IN ('jobforge'::regnamespace, 'pgqueuer'::regnamespace)
"""
COLUMN_GRANTS = """
    SELECT table_name, column_name, privilege_type FROM information_schema.column_privileges
    WHERE grantee = 'jobforge_dispatch' AND table_schema = 'jobforge'
"""
