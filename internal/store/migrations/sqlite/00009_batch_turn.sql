-- On PostgreSQL processes take turns in writing batches of events. SQLite has
-- one process, and this changes nothing.

-- +goose Up
