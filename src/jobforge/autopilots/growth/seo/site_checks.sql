-- One query for each audit of the whole site; columns: URL that fails, detail, URL concerned.

-- name: broken-links
SELECT DISTINCT a.url, 'answers with ' || b.status, b.url
FROM link JOIN url a ON a.id = link.source JOIN url b ON b.id = link.target
WHERE b.status >= 400 ORDER BY 1, 3;

-- name: redirects
SELECT b.url, 'redirects with ' || b.status, min(a.url)
FROM link JOIN url a ON a.id = link.source JOIN url b ON b.id = link.target
WHERE b.status BETWEEN 300 AND 399 GROUP BY b.id ORDER BY 1;

-- name: blocked
SELECT b.url, 'linked from', min(a.url)
FROM link JOIN url a ON a.id = link.source JOIN url b ON b.id = link.target
WHERE b.state = :blocked GROUP BY b.id ORDER BY 1;

-- name: crawl-trap
SELECT min(url), count(*) || ' URLs like ' || pattern || ' were left out', min(url)
FROM url WHERE state = :trap GROUP BY pattern ORDER BY 1;

-- name: duplicated-title
SELECT url, count(*) OVER same || ' pages: ' || substr(title, 1, 80), min(url) OVER same
FROM indexable WHERE title <> '' AND title IN
    (SELECT title FROM indexable GROUP BY title HAVING count(*) > 1)
WINDOW same AS (PARTITION BY title) ORDER BY url;

-- name: duplicated-description
SELECT url, count(*) OVER same || ' pages: ' || substr(description, 1, 80), min(url) OVER same
FROM indexable WHERE description <> '' AND description IN
    (SELECT description FROM indexable GROUP BY description HAVING count(*) > 1)
WINDOW same AS (PARTITION BY description) ORDER BY url;

-- name: duplicated-content
SELECT url, count(*) OVER same || ' pages with this text', min(url) OVER same
FROM indexable WHERE digest IN
    (SELECT digest FROM indexable WHERE digest IS NOT NULL GROUP BY digest HAVING count(*) > 1)
WINDOW same AS (PARTITION BY digest) ORDER BY url;

-- name: canonicalized-to-error
SELECT a.url, 'canonical leads to', b.url FROM url a JOIN url b ON b.id = a.canonical
WHERE a.id <> b.id AND (b.status >= 400 OR b.error IS NOT NULL) ORDER BY 1;

-- name: canonicalized-to-redirect
SELECT a.url, 'canonical leads to', b.url FROM url a JOIN url b ON b.id = a.canonical
WHERE a.id <> b.id AND b.status BETWEEN 300 AND 399 ORDER BY 1;

-- name: canonicalized-to-non-indexable
SELECT a.url, 'canonical leads to', b.url FROM url a JOIN url b ON b.id = a.canonical
WHERE a.id <> b.id AND (b.noindex = 1 OR b.state = :blocked) ORDER BY 1;

-- name: canonicalized-to-non-canonical
SELECT a.url, 'canonical leads to', b.url FROM url a JOIN url b ON b.id = a.canonical
WHERE a.id <> b.id AND b.canonical <> b.id ORDER BY 1;

-- name: hreflang-to-error
SELECT DISTINCT a.url, 'hreflang leads to', b.url
FROM hreflang h JOIN url a ON a.id = h.source JOIN url b ON b.id = h.target
WHERE a.id <> b.id AND (b.status >= 400 OR b.error IS NOT NULL) ORDER BY 1, 3;

-- name: hreflang-to-redirect
SELECT DISTINCT a.url, 'hreflang leads to', b.url
FROM hreflang h JOIN url a ON a.id = h.source JOIN url b ON b.id = h.target
WHERE a.id <> b.id AND b.status BETWEEN 300 AND 399 ORDER BY 1, 3;

-- name: hreflang-noindexable
SELECT DISTINCT a.url, 'hreflang leads to', b.url
FROM hreflang h JOIN url a ON a.id = h.source JOIN url b ON b.id = h.target
WHERE a.id <> b.id AND (b.noindex = 1 OR b.state = :blocked) ORDER BY 1, 3;

-- name: hreflang-to-non-canonical
SELECT DISTINCT a.url, 'hreflang leads to', b.url
FROM hreflang h JOIN url a ON a.id = h.source JOIN url b ON b.id = h.target
WHERE a.id <> b.id AND b.canonical <> b.id ORDER BY 1, 3;

-- name: hreflang-return-link
SELECT DISTINCT a.url, 'no link back from', b.url
FROM hreflang h JOIN url a ON a.id = h.source JOIN url b ON b.id = h.target
WHERE a.id <> b.id AND b.is_html = 1 AND NOT EXISTS
    (SELECT 1 FROM hreflang r WHERE r.source = h.target AND r.target = h.source)
ORDER BY 1, 3;

-- name: sitemap-no-index
SELECT url, 'noindex', url FROM url WHERE in_sitemap = 1 AND noindex = 1 ORDER BY url;

-- name: sitemap-blocked
SELECT url, 'blocked by robots.txt', url FROM url
WHERE in_sitemap = 1 AND state = :blocked ORDER BY url;

-- name: sitemap-non-canonical
SELECT url, 'its canonical is another URL', url FROM url
WHERE in_sitemap = 1 AND is_html = 1 AND canonical <> id ORDER BY url;

-- name: sitemap-error
SELECT url, 'answers with ' || coalesce(status, error), url FROM url
WHERE in_sitemap = 1 AND (error IS NOT NULL OR status >= 300) ORDER BY url;

-- name: incoming-follow-nofollow
SELECT b.url, sum(nofollow) || ' of ' || count(*) || ' links with nofollow', min(a.url)
FROM link JOIN url a ON a.id = link.source JOIN url b ON b.id = link.target
GROUP BY b.id HAVING sum(nofollow) > 0 AND sum(nofollow) < count(*) ORDER BY 1;

-- name: internal-no-follow-indexable
SELECT b.url, count(*) || ' links, all with nofollow', min(a.url)
FROM link JOIN url a ON a.id = link.source JOIN url b ON b.id = link.target
WHERE b.noindex IS NOT 1 AND coalesce(b.status, 200) = 200 AND b.state IN (:done, :beyond)
GROUP BY b.id HAVING sum(nofollow) = count(*) ORDER BY 1;

-- name: pagination-link
SELECT a.url, 'its rel=next page has no rel=prev in return', b.url
FROM url a JOIN url b ON b.id = a.next WHERE b.is_html = 1 AND b.prev IS NOT a.id
UNION
SELECT a.url, 'its rel=prev page has no rel=next in return', b.url
FROM url a JOIN url b ON b.id = a.prev WHERE b.is_html = 1 AND b.next IS NOT a.id
ORDER BY 1, 3;
