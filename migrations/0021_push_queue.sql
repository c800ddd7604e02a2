-- What push gateways are still to be told.

ALTER TABLE pushers
    -- the position of the newest thing that it has not been told; none if it was told everything
    ADD COLUMN due bigint,
    -- the host that it reports to, so that one that is dead keeps no other waiting
    ADD COLUMN gateway text NOT NULL DEFAULT '',
    -- attempts that failed one after another, and when the next one is made (ms since 1970)
    ADD COLUMN failures integer NOT NULL DEFAULT 0,
    ADD COLUMN retry_at bigint NOT NULL DEFAULT 0,
    -- the number of unread messages that it was told last
    ADD COLUMN told_unread bigint NOT NULL DEFAULT 0;
CREATE INDEX pushers_due ON pushers (retry_at) WHERE due IS NOT NULL;

-- One row for each pusher and event, gone once the gateway has it.
CREATE TABLE push_queue (
    user_id text NOT NULL,
    app_id text NOT NULL,
    pushkey text NOT NULL,
    position bigint NOT NULL,
    room_nid bigint NOT NULL,
    event_nid bigint NOT NULL,
    thread_id text NOT NULL,
    -- JSON of what the rule does
    actions text NOT NULL,
    PRIMARY KEY (user_id, app_id, pushkey, position),
    FOREIGN KEY (user_id, app_id, pushkey) REFERENCES pushers ON DELETE CASCADE
);
CREATE INDEX push_queue_room ON push_queue (room_nid, position);
