-- Payloads are pruned by their age.

-- +goose Up

CREATE INDEX webhook_payloads_received_at ON webhook_payloads (received_at);
