-- What goes to other servers.

-- Servers with which something is not as usual. A server that takes what it is sent needs no row: it
-- has what lies before the cursor of the reader `federation`. One with `behind_from` has what lies
-- before that, and what came later is looked up when it answers again.
CREATE TABLE destinations (
    server text PRIMARY KEY,
    behind_from bigint,
    failures integer NOT NULL,
    -- milliseconds since 1970
    failing_since bigint NOT NULL,
    next_try_at bigint NOT NULL,
    last_success_at bigint,
    reason text NOT NULL
);

-- Messages to devices of other servers, until their server has taken them.
CREATE TABLE to_device_out (
    server text NOT NULL,
    position bigint NOT NULL,
    user_id text NOT NULL,
    device_id text NOT NULL,
    message text NOT NULL,
    PRIMARY KEY (server, position)
);

-- events.flags knows one more bit: 32, a membership of another server's user that came in through us,
-- so that we tell the other servers of the room.
