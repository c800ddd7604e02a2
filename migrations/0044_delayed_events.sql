-- Events that users want to have sent later (MSC4140), and for a while what became of them.
-- Times are milliseconds since 1970. send_at is scheduled_at + delay_ms.
-- claimed_at: a process is sending the event; it is taken again when nothing came of that for long.
-- finalised_at: sent (event_id), failed for good (error, a standard error as JSON), or cancelled.
CREATE TABLE delayed_events (
    delay_id text PRIMARY KEY DEFAULT gen_random_uuid()::text,
    user_id text NOT NULL,
    device_id text NOT NULL,
    txn_id text,
    room_id text NOT NULL,
    type text NOT NULL,
    state_key text,
    content text NOT NULL,
    delay_ms bigint NOT NULL,
    scheduled_at bigint NOT NULL,
    send_at bigint NOT NULL,
    claimed_at bigint,
    finalised_at bigint,
    event_id text,
    error text
);
-- The same transaction gives the same delayed event.
CREATE UNIQUE INDEX delayed_events_txn ON delayed_events (user_id, device_id, txn_id) WHERE txn_id IS NOT NULL;
CREATE INDEX delayed_events_due ON delayed_events (send_at) WHERE finalised_at IS NULL;
CREATE INDEX delayed_events_user ON delayed_events (user_id, send_at) WHERE finalised_at IS NULL;
CREATE INDEX delayed_events_ended ON delayed_events (user_id, finalised_at) WHERE finalised_at IS NOT NULL;
CREATE INDEX delayed_events_old ON delayed_events (finalised_at) WHERE finalised_at IS NOT NULL;
