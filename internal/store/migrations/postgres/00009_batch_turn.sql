-- Processes that write batches of events take turns by locking this table,
-- which has no rows and never will.

-- +goose Up

CREATE TABLE batch_turn ();
