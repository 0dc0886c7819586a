-- Prints how many planned requests have a row, and the median, 99th percentile and maximum of the milliseconds between. The
-- file of http_load comes on stdin.
CREATE TEMP TABLE planned (event_id bigint, user_id bigint, at_us bigint);
\copy planned FROM pstdin (DELIMITER ' ')
CREATE INDEX ON bench_seen (pg_snapshot_xmax(seen), at_us);
ANALYZE bench_seen, planned;
WITH written AS (
    SELECT t.xid, s.at_us
    FROM (SELECT DISTINCT xmin::text::xid8 AS xid FROM reservations) t
    CROSS JOIN LATERAL (
        SELECT b.at_us FROM bench_seen b
        WHERE pg_snapshot_xmax(b.seen) > t.xid AND pg_visible_in_snapshot(t.xid, b.seen)
        ORDER BY pg_snapshot_xmax(b.seen), b.at_us LIMIT 1) s
), latencies AS (
    SELECT (w.at_us - p.at_us) / 1000.0 AS ms
    FROM planned p
    JOIN reservations r USING (event_id, user_id)
    JOIN written w ON w.xid = r.xmin::text::xid8
)
SELECT count(*), percentile_disc(0.5) WITHIN GROUP (ORDER BY ms), percentile_disc(0.99) WITHIN GROUP (ORDER BY ms), max(ms)
FROM latencies;
