-- Where a poll that was not read to the end goes on, beside where the next one
-- begins. Older programs go on at the head.

-- +goose Up

ALTER TABLE event_poll ADD COLUMN next text NOT NULL DEFAULT '';
