-- The crawl's notebook.

CREATE TABLE IF NOT EXISTS url (
    id INTEGER PRIMARY KEY,
    url TEXT UNIQUE,
    state INTEGER,
    depth INTEGER,
    in_sitemap INTEGER DEFAULT 0,
    pattern TEXT,
    status INTEGER,
    content_type TEXT,
    size INTEGER,
    elapsed_ms REAL,
    first_byte_ms REAL,
    title TEXT,
    description TEXT,
    words INTEGER,
    simhash INTEGER,
    digest BLOB,
    canonical INTEGER,
    noindex INTEGER,
    redirect INTEGER,
    score INTEGER,
    error TEXT,
    is_html INTEGER DEFAULT 0,
    next INTEGER,
    prev INTEGER
);
CREATE INDEX IF NOT EXISTS queue ON url (state, depth, id);
CREATE TABLE IF NOT EXISTS link (source INTEGER, target INTEGER, nofollow INTEGER);
CREATE TABLE IF NOT EXISTS hreflang (source INTEGER, code TEXT, target INTEGER);
CREATE TABLE IF NOT EXISTS finding (url INTEGER, audit TEXT, evidence TEXT, items TEXT);
CREATE TABLE IF NOT EXISTS outside (source INTEGER, url TEXT, is_image INTEGER);
CREATE VIEW IF NOT EXISTS indexable AS
    SELECT * FROM url
    WHERE is_html = 1 AND status = 200 AND noindex = 0 AND redirect IS NULL
        AND (canonical IS NULL OR canonical = id);
