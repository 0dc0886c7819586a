-- Takes the reservation application away, with its data.
DROP FUNCTION prune_reservation_outcomes(interval, bigint);
DROP FUNCTION reserve_seats(text, text[], bigint[], bigint[], bigint[]);
DROP TABLE reservation_outcomes;
DROP FUNCTION reservation_outcome_is_final();
DROP TABLE reservations;
DROP TABLE events;
DROP TABLE users;
