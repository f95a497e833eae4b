-- Which programs can work with this schema: those that know at least that
-- version of it. A migration that older ones cannot live with raises it.

-- +goose Up

CREATE TABLE schema_compatibility (
    oldest_known bigint NOT NULL
);

INSERT INTO schema_compatibility (oldest_known) VALUES (7);
