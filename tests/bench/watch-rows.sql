-- The watch of the part drover_latency: it stores what a session can see, about once a millisecond, until the table bench_stop exists.
--
-- A row counts from the first snapshot that contains it. That is later than any time the row could hold itself: statement_timestamp()
-- and clock_timestamp() are taken before the commit and its flush, and so is pg_xact_commit_timestamp(). It is late by a millisecond
-- at most, if the watch gets a processor. A watch costs no locks and no round trips, and its transactions are short and without an
-- id, so that old versions of rows can go.
CREATE UNLOGGED TABLE bench_seen (at_us bigint NOT NULL, seen pg_snapshot NOT NULL);
DO $$
DECLARE
    times bigint[];
    snapshots pg_snapshot[];
BEGIN
    WHILE to_regclass('bench_stop') IS NULL LOOP
        snapshots := snapshots || pg_current_snapshot();
        times := times || (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
        COMMIT;
        PERFORM pg_sleep(0.001);
    END LOOP;
    INSERT INTO bench_seen SELECT * FROM unnest(times, snapshots);
END
$$;
