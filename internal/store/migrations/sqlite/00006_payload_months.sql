-- On PostgreSQL payloads are partitioned by month. SQLite has no partitions:
-- there they are deleted row by row, and this changes nothing.

-- +goose Up
