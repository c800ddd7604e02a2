-- Events of other servers.
--
-- events.flags knows one more bit: 16, known without its place. Such an event is here to authorise
-- others: it has no anchor, and line and step mean nothing.

-- What resolving forks changed in the current state besides what the log's event at the position
-- says itself: the event that stands there since (0: none). Readers that show changes of the state
-- between two positions need it; nobody else does.
CREATE TABLE resolved_state (
    room_nid bigint NOT NULL,
    position bigint NOT NULL,
    key_nid integer NOT NULL,
    event_nid bigint NOT NULL,
    PRIMARY KEY (room_nid, position, key_nid)
);

-- The servers whose users have joined a room, and how many of each: who is to be sent what happens
-- there. Kept with the memberships, so that no event costs a look through them.
CREATE TABLE room_servers (
    room_nid bigint NOT NULL,
    server text NOT NULL,
    joined integer NOT NULL,
    PRIMARY KEY (room_nid, server)
);
INSERT INTO room_servers (room_nid, server, joined)
SELECT room_nid, substring(user_id from position(':' in user_id) + 1), count(*)
FROM memberships WHERE membership = 2 GROUP BY 1, 2;
-- The rooms of one server: what a server that comes back has missed.
CREATE INDEX room_servers_server ON room_servers (server, room_nid);
