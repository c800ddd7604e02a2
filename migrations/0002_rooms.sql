-- Rooms, their events and their states. Every key of a large table starts with room_nid.

CREATE TABLE rooms (
    room_nid bigint PRIMARY KEY,
    room_id text NOT NULL UNIQUE,
    version text NOT NULL,
    -- the published directory of this server
    published boolean NOT NULL DEFAULT false,
    -- joined with `omit_members`: the member list is still arriving
    partial_state boolean NOT NULL DEFAULT false,
    created_at bigint NOT NULL
);
CREATE INDEX rooms_published ON rooms (room_nid) WHERE published;

-- (type, state_key) as an integer.
CREATE TABLE state_keys (
    key_nid integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    type text NOT NULL,
    state_key text NOT NULL,
    UNIQUE (type, state_key)
);

-- The room's head: what the next write must know. `version` is compared and set by each
-- batch that writes to the room; that, not a lock in a process, is what makes writes correct.
CREATE TABLE room_heads (
    room_nid bigint PRIMARY KEY REFERENCES rooms,
    version bigint NOT NULL,
    depth bigint NOT NULL,
    extremities bigint[] NOT NULL,
    -- the current state, and the number of the next line of states (see state_lines)
    line integer NOT NULL,
    step integer NOT NULL,
    next_line integer NOT NULL,
    -- the number of the next chain of the index of auth chains
    next_chain integer NOT NULL,
    joined_members integer NOT NULL,
    invited_members integer NOT NULL
) WITH (fillfactor = 50);

-- Events. (anchor, anchor_offset) is the place in the room's order: a live event stands at
-- (its log position, 0); history that was fetched later stands before the event that it leads
-- up to, at (position of that event, -n). Without an anchor the event is only here to
-- authorise others.
-- (line, step) is the state after the event; before it is (line, step - 1) if the event is an
-- accepted state event, the same otherwise. (current_line, current_step) is the room's state
-- after the event was taken in, where that is another one (forks).
-- flags: 1 rejected, 2 soft-failed, 4 state before it is partial, 8 redacted
CREATE TABLE events (
    room_nid bigint NOT NULL,
    event_nid bigint NOT NULL,
    anchor bigint,
    anchor_offset integer NOT NULL DEFAULT 0,
    origin_ts bigint NOT NULL,
    depth bigint NOT NULL,
    line integer NOT NULL,
    step integer NOT NULL,
    current_line integer,
    current_step integer,
    key_nid integer,
    -- the state event of the same key that stood before this one
    replaces bigint,
    flags smallint NOT NULL DEFAULT 0,
    event_id text NOT NULL,
    type text NOT NULL,
    sender text NOT NULL,
    -- the client's transaction, where a client of this server sent it
    device_id text,
    txn_id text,
    prev_nids bigint[] NOT NULL,
    auth_nids bigint[] NOT NULL,
    json text NOT NULL,
    PRIMARY KEY (room_nid, event_nid)
);
CREATE UNIQUE INDEX events_id ON events (event_id, room_nid);
CREATE UNIQUE INDEX events_order ON events (room_nid, anchor, anchor_offset) WHERE anchor IS NOT NULL;
CREATE INDEX events_time ON events (room_nid, origin_ts) WHERE anchor IS NOT NULL;
CREATE UNIQUE INDEX events_txn ON events (room_nid, sender, device_id, txn_id) WHERE txn_id IS NOT NULL;

-- Events that an event names and this server has not got.
CREATE TABLE missing_events (
    room_nid bigint NOT NULL,
    event_id text NOT NULL,
    wanted_by bigint NOT NULL,
    PRIMARY KEY (room_nid, event_id, wanted_by)
);

-- States share what they have in common. A line is a sequence of states that differ by one
-- entry each; (line, 0) equals (parent_line, parent_step), or is empty. So one state costs one
-- row, one entry of it is one index look-up, and two states of a line differ by the rows
-- between them.
CREATE TABLE state_lines (
    room_nid bigint NOT NULL,
    line integer NOT NULL,
    parent_line integer,
    parent_step integer,
    -- number of lines below this one
    height integer NOT NULL,
    PRIMARY KEY (room_nid, line)
);
CREATE TABLE state_changes (
    room_nid bigint NOT NULL,
    event_nid bigint NOT NULL,
    line integer NOT NULL,
    step integer NOT NULL,
    key_nid integer NOT NULL,
    PRIMARY KEY (room_nid, line, step)
);
CREATE INDEX state_changes_key ON state_changes (room_nid, line, key_nid, step);

-- Whole states, packed, so that loading one reads few rows. They may be dropped at any time.
-- A chunk holds the entries from first_key up to the next chunk's.
CREATE TABLE state_checkpoints (
    room_nid bigint NOT NULL,
    line integer NOT NULL,
    step integer NOT NULL,
    first_key integer NOT NULL,
    entries bytea NOT NULL,
    PRIMARY KEY (room_nid, line, step, first_key)
);

-- The current state without the members, who stand in `memberships`.
CREATE TABLE current_state (
    room_nid bigint NOT NULL,
    key_nid integer NOT NULL,
    event_nid bigint NOT NULL,
    PRIMARY KEY (room_nid, key_nid)
);

-- The current m.room.member of each user.
-- membership: 1 invite, 2 join, 3 knock, 4 leave, 5 ban
CREATE TABLE memberships (
    room_nid bigint NOT NULL,
    user_id text NOT NULL,
    membership smallint NOT NULL,
    is_local boolean NOT NULL,
    forgotten boolean NOT NULL DEFAULT false,
    -- 1 if the user was in the room when they left or were banned: sync shows the room once more
    was_joined boolean NOT NULL DEFAULT false,
    key_nid integer NOT NULL,
    event_nid bigint NOT NULL,
    sender text NOT NULL,
    position bigint NOT NULL,
    display_name text,
    avatar_url text,
    PRIMARY KEY (room_nid, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id, membership);

-- Where an event stands in the index of auth chains, and what it reaches:
-- (chain, highest sequence number) of every chain among its ancestors.
CREATE TABLE auth_index (
    room_nid bigint NOT NULL,
    event_nid bigint NOT NULL,
    chain integer NOT NULL,
    seq integer NOT NULL,
    reach bytea NOT NULL,
    PRIMARY KEY (room_nid, event_nid)
);
CREATE UNIQUE INDEX auth_index_chain ON auth_index (room_nid, chain, seq);

-- `m.relates_to`: the child points to the parent, which may not be here. The child's place is
-- kept here too, so that the newest child of each kind is one probe.
CREATE TABLE relations (
    room_nid bigint NOT NULL,
    child_nid bigint NOT NULL,
    anchor bigint NOT NULL,
    anchor_offset integer NOT NULL DEFAULT 0,
    parent_id text NOT NULL,
    rel_type text NOT NULL,
    type text NOT NULL,
    sender text NOT NULL,
    PRIMARY KEY (room_nid, child_nid)
);
CREATE INDEX relations_parent ON relations (room_nid, parent_id, rel_type, anchor, anchor_offset);
CREATE INDEX relations_threads ON relations (room_nid, anchor, anchor_offset) WHERE rel_type = 'm.thread';

-- What a redaction took away, whichever of the two came first.
CREATE TABLE redactions (
    room_nid bigint NOT NULL,
    target_id text NOT NULL,
    redaction_nid bigint NOT NULL,
    PRIMARY KEY (room_nid, target_id, redaction_nid)
);

CREATE TABLE aliases (
    alias text PRIMARY KEY,
    room_nid bigint NOT NULL REFERENCES rooms,
    creator text NOT NULL
);
CREATE INDEX aliases_room ON aliases (room_nid);
