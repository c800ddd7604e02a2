-- Files of other servers: copies, which go when nobody asks for them any more, or when all of them
-- together take too much. `expires_at` moves on when a copy is asked for.
ALTER TABLE media ADD COLUMN is_remote boolean NOT NULL DEFAULT false;
CREATE INDEX media_remote ON media (expires_at) WHERE is_remote;

-- What all copies together take: one row.
CREATE TABLE media_remote_usage (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    bytes bigint NOT NULL,
    files bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO media_remote_usage (bytes, files) VALUES (0, 0);
