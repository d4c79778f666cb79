-- Bank statements are datasets, too.

ALTER TABLE jobforge.datasets DROP CONSTRAINT datasets_format_check;
ALTER TABLE jobforge.datasets ADD CONSTRAINT datasets_format_check
    CHECK (format IN ('csv', 'json', 'ndjson', 'parquet', 'mt940', 'camt053'));
