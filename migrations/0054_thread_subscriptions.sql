-- Threads that users follow (MSC4306). Kind 10 of the log: the row carries the position of its last change,
-- which is the stamp by which clients compare two states of it (MSC4308).
-- A row with subscribed = false says that the user has left the thread: what happened in it up to that
-- position must not make a client follow it again by itself.
CREATE TABLE thread_subscriptions (
    user_id text NOT NULL,
    room_nid bigint NOT NULL,
    root_id text NOT NULL,
    subscribed boolean NOT NULL,
    automatic boolean NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (user_id, room_nid, root_id)
);
CREATE INDEX thread_subscriptions_order ON thread_subscriptions (user_id, position);
CREATE INDEX thread_subscriptions_thread ON thread_subscriptions (room_nid, root_id) WHERE subscribed;
