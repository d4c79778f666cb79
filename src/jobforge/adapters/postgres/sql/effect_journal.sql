-- name: journal_of_job
-- A job's journal, oldest line first.
SELECT step, state, note, attempt, at
FROM jobforge.effect_journal
WHERE tenant_id = $1 AND job_id = $2
ORDER BY number;

-- name: write_journal
-- Add a line, if the attempt still holds the job; the lock keeps another from taking it meanwhile.
WITH held AS (
    SELECT tenant_id, job_id, attempt FROM jobforge.jobs
    WHERE tenant_id = $1 AND job_id = $2 AND attempt = $3 AND status = 'running'
    FOR UPDATE
)
INSERT INTO jobforge.effect_journal (tenant_id, job_id, number, attempt, step, state, note, at)
SELECT held.tenant_id, held.job_id,
    1 + (SELECT count(*) FROM jobforge.effect_journal AS line
        WHERE line.tenant_id = $1 AND line.job_id = $2),
    held.attempt, $4, $5, $6, $7
FROM held
RETURNING number;
