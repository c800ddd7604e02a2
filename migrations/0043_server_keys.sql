-- Keys with which other servers sign, as they (or notaries that the operator trusts) have told.
-- valid_until, in milliseconds since 1970: up to when the key is believed; for keys that are no
-- longer in use, when they went out of use. Rows stay: events of any age may have to be checked.
CREATE TABLE server_keys (
    server_name text NOT NULL,
    key_id text NOT NULL,
    public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
    valid_until bigint NOT NULL,
    PRIMARY KEY (server_name, key_id)
);

-- The newest document of each server, as it was signed: what this server answers with as a
-- notary.
CREATE TABLE server_key_documents (
    server_name text PRIMARY KEY,
    document text NOT NULL,
    valid_until bigint NOT NULL
);
