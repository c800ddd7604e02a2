-- What another server told of a room that none of our users is in, for those whom it invited, or
-- who knocked there: a JSON array of stripped state events.
CREATE TABLE outside_state (
    room_nid bigint NOT NULL,
    user_id text NOT NULL,
    state text NOT NULL,
    PRIMARY KEY (room_nid, user_id)
);
