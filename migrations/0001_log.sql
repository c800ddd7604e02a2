-- The log: one dense, commit-ordered sequence of everything durable that readers
-- (sync, push, federation, application services, search) have to hear of.

-- The single row is updated first and stays locked until commit, so whoever sees position n
-- sees everything before n. Never hand out positions from a plain sequence: a tailing reader
-- would miss rows that commit late.
CREATE TABLE log_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO log_head (position) VALUES (0);

-- kind: 1 room event, 2 receipt, 3 account data, 4 to-device message, 5 device list,
-- 6 session ended, 7 profile. What an entry is about stands in the table of its kind, which
-- carries the position too; the log itself may be trimmed behind its slowest reader.
CREATE TABLE log (
    position bigint PRIMARY KEY,
    kind smallint NOT NULL,
    room_nid bigint,
    event_nid bigint,
    user_id text
);

-- How far each named reader has come. Cursor and effect commit together.
CREATE TABLE log_readers (
    name text PRIMARY KEY,
    position bigint NOT NULL
);

-- Integers for rooms and events. A node takes a block at a time (1,024 numbers a call), so an
-- event has its number before it is written, without asking the database.
CREATE SEQUENCE nids INCREMENT BY 1024 START WITH 1024;
