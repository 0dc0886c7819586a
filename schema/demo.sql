-- Demo data: 20,000 users, event 1 with 1,000,000 seats, event 2 with 100. May run any number of times; what is there
-- stays as it is, reservations included.
BEGIN;

INSERT INTO users (id, name, email)
SELECT n, 'User ' || n, 'user' || n || '@example.org' FROM generate_series(1, 20000) n
ON CONFLICT DO NOTHING;

INSERT INTO events (id, name, date, location, max_tickets) VALUES
    (1, 'Festival of a Million', timestamptz '2030-06-01 18:00:00+00', 'The Great Meadow', 1000000),
    (2, 'Concert in the Cellar', timestamptz '2030-06-02 20:00:00+00', 'The Small Cellar', 100)
ON CONFLICT DO NOTHING;

-- Ids above were given by hand: the sequences continue after them.
DO $$
BEGIN
    PERFORM setval('users_id_seq', greatest((SELECT max(id) FROM users), (SELECT last_value FROM users_id_seq)));
    PERFORM setval('events_id_seq', greatest((SELECT max(id) FROM events), (SELECT last_value FROM events_id_seq)));
END
$$;

COMMIT;
