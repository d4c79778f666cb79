-- name: insert_project
-- Create a project of the current tenant.
INSERT INTO jobforge.projects (tenant_id, project_id, slug, name, created_at)
VALUES ($1, $2, $3, $4, $5);

-- name: insert_aliases
-- Give a project its aliases.
INSERT INTO jobforge.project_aliases (tenant_id, project_id, alias)
SELECT $1, $2, unnest($3::text[]);

-- name: list_projects
-- Every project of the current tenant with its aliases.
SELECT project.project_id, project.slug, project.name, project.created_at,
    array(
        SELECT alias.alias FROM jobforge.project_aliases AS alias
        WHERE alias.tenant_id = project.tenant_id AND alias.project_id = project.project_id
        ORDER BY alias.alias
    ) AS aliases
FROM jobforge.projects AS project
WHERE project.tenant_id = $1
ORDER BY project.slug;
