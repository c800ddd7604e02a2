-- Push: what events mean to those who are in their rooms, worked out by a reader of the log.
--
-- Most users have the default rules, and to them an event means the same. So it is written once for
-- all of them (push_shared), with running totals: what somebody has not read is a difference of two
-- totals. Rows for single users (push_actions) exist only where an event means something else to
-- one of them (a mention, their own message, a sender whom they ignore), and for users with rules of
-- their own (push_personal). A message in a room of 10,000 members is one row or two.

-- Events that notify users with default rules, by thread ('main': no thread).
CREATE TABLE push_shared (
    room_nid bigint NOT NULL,
    thread_id text NOT NULL,
    position bigint NOT NULL,
    event_nid bigint NOT NULL,
    highlight boolean NOT NULL,
    -- running totals of the thread, this event included
    notified bigint NOT NULL,
    highlighted bigint NOT NULL,
    -- JSON of what the rule does
    actions text NOT NULL,
    PRIMARY KEY (room_nid, thread_id, position)
);
CREATE INDEX push_shared_order ON push_shared (room_nid, position);
CREATE INDEX push_shared_age ON push_shared USING brin (position);
CREATE INDEX push_shared_highlights ON push_shared (room_nid, position) WHERE highlight;

-- The last of these in each thread.
CREATE TABLE push_threads (
    room_nid bigint NOT NULL,
    thread_id text NOT NULL,
    position bigint NOT NULL,
    notified bigint NOT NULL,
    highlighted bigint NOT NULL,
    PRIMARY KEY (room_nid, thread_id)
) WITH (fillfactor = 70);
CREATE INDEX push_threads_order ON push_threads (room_nid, position);

-- Those that were redacted afterwards: they count no more, though the totals still hold them.
CREATE TABLE push_redacted (
    room_nid bigint NOT NULL,
    position bigint NOT NULL,
    thread_id text NOT NULL,
    highlight boolean NOT NULL,
    changed_at bigint NOT NULL,
    PRIMARY KEY (room_nid, position)
);

-- Users with rules of their own: after this position their events are counted one by one.
CREATE TABLE push_personal (
    user_id text PRIMARY KEY,
    position bigint NOT NULL
);

-- What an event means to one user: to those of push_personal all that it means, to others what it
-- means to them besides push_shared (a mention adds a highlight, one's own message takes one off).
CREATE TABLE push_actions (
    room_nid bigint NOT NULL,
    user_id text NOT NULL,
    position bigint NOT NULL,
    thread_id text NOT NULL,
    event_nid bigint NOT NULL,
    notified smallint NOT NULL,
    highlighted smallint NOT NULL,
    -- JSON of what the rule does; none if the event does not notify the user
    actions text,
    PRIMARY KEY (room_nid, user_id, position)
);
CREATE INDEX push_actions_event ON push_actions (room_nid, position);
CREATE INDEX push_actions_user ON push_actions (user_id, position);
CREATE INDEX push_actions_age ON push_actions USING brin (position);

-- Up to where users of this server have read. thread_id '' is all of the room: it exists as long as
-- the user is in it, and starts where they joined.
CREATE TABLE push_marks (
    room_nid bigint NOT NULL,
    user_id text NOT NULL,
    thread_id text NOT NULL,
    position bigint NOT NULL,
    joined_at bigint NOT NULL DEFAULT 0,
    changed_at bigint NOT NULL,
    PRIMARY KEY (room_nid, user_id, thread_id)
);

-- Who is ignored, by whom.
CREATE TABLE push_ignored (
    ignored_id text NOT NULL,
    user_id text NOT NULL,
    PRIMARY KEY (ignored_id, user_id)
);
CREATE INDEX push_ignored_user ON push_ignored (user_id);

-- The position of the log at which a day (since 1970) began, so that old rows can be found.
CREATE TABLE push_days (
    day integer PRIMARY KEY,
    position bigint NOT NULL
);

-- What was there before starts as read; nobody had default rules for certain.
INSERT INTO log_readers (name, position) SELECT 'push', position FROM log_head;
INSERT INTO push_marks (room_nid, user_id, thread_id, position, joined_at, changed_at)
SELECT m.room_nid, m.user_id, '', h.position, m.position, 0
FROM memberships m, log_head h WHERE m.is_local AND m.membership = 2;
INSERT INTO push_personal (user_id, position)
SELECT a.user_id, h.position FROM account_data a, log_head h WHERE a.room_nid = 0 AND a.type = 'm.push_rules';
