-- Contents that lie on the disk, apart from the files that name them: many files may have one
-- content, and what no file names any more is deleted.

-- in_doubt: perhaps no file names it. A content is touched before it is put on the disk, and is
-- deleted only some time after it was touched last, so an upload never loses its content to a
-- deletion that runs beside it.
CREATE TABLE media_contents (
    content_hash bytea PRIMARY KEY,
    touched_at bigint NOT NULL,
    in_doubt boolean NOT NULL
);
INSERT INTO media_contents (content_hash, touched_at, in_doubt)
SELECT content_hash, max(created_at), false FROM media GROUP BY content_hash;
CREATE INDEX media_contents_in_doubt ON media_contents (touched_at) WHERE in_doubt;

-- Pictures of link previews go after a while; what a user uploaded stays.
ALTER TABLE media ADD COLUMN expires_at bigint;
CREATE INDEX media_expires ON media (expires_at) WHERE expires_at IS NOT NULL;

-- What each user has stored, for quotas.
CREATE TABLE media_usage (
    uploader text PRIMARY KEY,
    bytes bigint NOT NULL,
    files bigint NOT NULL
) WITH (fillfactor = 70);
INSERT INTO media_usage (uploader, bytes, files)
SELECT uploader, sum(size), count(*) FROM media WHERE uploader IS NOT NULL GROUP BY uploader;

-- Previews of links, for all users: SHA-256 of the address, and what is answered, as JSON.
CREATE TABLE url_previews (
    url_hash bytea PRIMARY KEY,
    preview text NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX url_previews_expires ON url_previews (expires_at);
