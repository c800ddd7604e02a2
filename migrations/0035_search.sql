-- Search: the words of messages, names and topics of rooms, kept by a reader of the log.
--
-- One row for each event that can be found, with the words that count now: those of its newest valid
-- edit. What is redacted has no row. Encrypted messages never get one: their type is another.

-- key: 1 content.body, 2 content.name, 3 content.topic. (anchor, anchor_offset) is the event's place
-- in its room, as in `events`.
CREATE TABLE search_words (
    room_nid bigint NOT NULL,
    event_nid bigint NOT NULL,
    anchor bigint NOT NULL,
    anchor_offset integer NOT NULL,
    -- the edit whose words these are
    edit_nid bigint,
    key smallint NOT NULL,
    has_url boolean NOT NULL,
    sender text NOT NULL,
    words tsvector NOT NULL,
    PRIMARY KEY (room_nid, event_nid)
);
-- New rows wait in a list that each search reads from end to end: a short one.
CREATE INDEX search_words_words ON search_words USING gin (words) WITH (gin_pending_list_limit = 512);
CREATE INDEX search_words_order ON search_words (anchor, anchor_offset);
CREATE INDEX search_words_edit ON search_words (room_nid, edit_nid) WHERE edit_nid IS NOT NULL;

-- In which languages the words are, and how far the events that were there before have been gone
-- through, in the order of their keys: at first, and again when the languages change. Whoever fills
-- the table holds this row.
CREATE TABLE search_filling (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    languages text[] NOT NULL,
    room_nid bigint NOT NULL,
    event_nid bigint NOT NULL,
    done boolean NOT NULL
);
INSERT INTO search_filling (languages, room_nid, event_nid, done) VALUES ('{}', 0, 0, false);
INSERT INTO log_readers (name, position) SELECT 'search', position FROM log_head;
