-- What signaling never does with its tables, taken from it: an event is written and leaves, it is never changed.
REVOKE UPDATE ON outbox, revoked FROM ringline_signaling;
REVOKE DELETE ON pair FROM ringline_signaling;
REVOKE INSERT, DELETE ON meta FROM ringline_signaling;
