-- The index of auth chains moves into the events it is about. A table of its own with two indexes
-- cost 131 bytes for each state event, and a statement more for each batch.
--
-- A chain is called by the number of its first event, so an event that begins one (a user's first
-- membership, nearly every state event of a large room) needs no place: it stands at
-- (event_nid, 1), and `chain` and `chain_seq` are null. `reach` says what is among its ancestors:
-- (chain, highest sequence number) of every other chain, packed. It is null for what is not in the
-- index.
ALTER TABLE events ADD COLUMN chain bigint, ADD COLUMN chain_seq integer, ADD COLUMN reach bytea;

-- What stands in auth_index is taken over, with chains called by their first events.
CREATE FUNCTION pg_temp.varint(number bigint) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    packed bytea := '';
BEGIN
    WHILE number >= 128 LOOP
        packed := packed || set_byte('\x00', 0, (number & 127)::integer | 128);
        number := number >> 7;
    END LOOP;
    RETURN packed || set_byte('\x00', 0, number::integer);
END $$;

CREATE FUNCTION pg_temp.renamed(room bigint, reach bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    -- difference of chains, sequence number, difference of chains, ...
    numbers bigint[] := '{}';
    number bigint := 0;
    shift integer := 0;
    packed bytea := '';
    before bigint := 0;
    piece record;
BEGIN
    FOR at IN 0 .. length(reach) - 1 LOOP
        number := number | ((get_byte(reach, at) & 127)::bigint << shift);
        shift := shift + 7;
        IF get_byte(reach, at) < 128 THEN
            numbers := numbers || number;
            number := 0;
            shift := 0;
        END IF;
    END LOOP;
    FOR piece IN
        SELECT a.event_nid AS chain, n.seq
        FROM (SELECT sum(numbers[2 * at - 1]) OVER (ORDER BY at) AS chain, numbers[2 * at] AS seq
              FROM generate_series(1, cardinality(numbers) / 2) AS at) AS n
        JOIN auth_index a ON a.room_nid = room AND a.chain = n.chain AND a.seq = 1
        ORDER BY a.event_nid
    LOOP
        packed := packed || pg_temp.varint(piece.chain - before) || pg_temp.varint(piece.seq);
        before := piece.chain;
    END LOOP;
    RETURN packed;
END $$;

UPDATE events e
SET reach = pg_temp.renamed(a.room_nid, a.reach),
    chain = CASE WHEN a.seq > 1 THEN first.event_nid END,
    chain_seq = CASE WHEN a.seq > 1 THEN a.seq END
FROM auth_index a
JOIN auth_index first ON first.room_nid = a.room_nid AND first.chain = a.chain AND first.seq = 1
WHERE e.room_nid = a.room_nid AND e.event_nid = a.event_nid;

DROP FUNCTION pg_temp.renamed(bigint, bytea);
DROP FUNCTION pg_temp.varint(bigint);

-- Whoever looks for (chain, 1) finds it under its number.
CREATE UNIQUE INDEX events_chain ON events (room_nid, chain, chain_seq) WHERE chain IS NOT NULL;

-- Not used any more; a later migration drops them.
COMMENT ON TABLE auth_index IS 'not used since migration 5: see events.reach';
COMMENT ON COLUMN room_heads.next_chain IS 'not used since migration 5';
ALTER TABLE room_heads ALTER COLUMN next_chain SET DEFAULT 0;
