-- Accounts of this server. Times are milliseconds since 1970.
CREATE TABLE accounts (
    user_id text PRIMARY KEY,
    -- Argon2id in PHC form; none for accounts that cannot log in with a password
    password_hash text,
    -- 0 user, 1 guest
    kind smallint NOT NULL DEFAULT 0,
    admin boolean NOT NULL DEFAULT false,
    created_at bigint NOT NULL,
    deactivated_at bigint,
    erased boolean NOT NULL DEFAULT false
);

CREATE TABLE devices (
    user_id text NOT NULL REFERENCES accounts,
    device_id text NOT NULL,
    display_name text,
    created_at bigint NOT NULL,
    last_seen_at bigint,
    last_seen_ip text,
    PRIMARY KEY (user_id, device_id)
);

-- A session is an access token of a device, with the refresh token that continues it.
-- Tokens are stored as SHA-256.
CREATE TABLE sessions (
    session_nid bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    user_id text NOT NULL,
    device_id text NOT NULL,
    access_hash bytea NOT NULL UNIQUE,
    expires_at bigint,
    refresh_hash bytea UNIQUE,
    -- the session that a refresh replaced stays valid until the new one is first used
    replaced_by bigint,
    created_at bigint NOT NULL,
    FOREIGN KEY (user_id, device_id) REFERENCES devices ON DELETE CASCADE
);
CREATE INDEX sessions_device ON sessions (user_id, device_id);
CREATE INDEX sessions_replaced ON sessions (replaced_by) WHERE replaced_by IS NOT NULL;

-- Where a device wants its notifications. A pusher goes with its device.
CREATE TABLE pushers (
    user_id text NOT NULL,
    app_id text NOT NULL,
    pushkey text NOT NULL,
    device_id text NOT NULL,
    kind text NOT NULL,
    app_display_name text NOT NULL,
    device_display_name text NOT NULL,
    profile_tag text,
    lang text NOT NULL,
    data text NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (user_id, app_id, pushkey),
    FOREIGN KEY (user_id, device_id) REFERENCES devices ON DELETE CASCADE
);
CREATE INDEX pushers_key ON pushers (app_id, pushkey);
CREATE INDEX pushers_device ON pushers (user_id, device_id);

CREATE TABLE login_tokens (
    token_hash bytea PRIMARY KEY,
    user_id text NOT NULL,
    expires_at bigint NOT NULL
);

-- Open ID tokens prove who somebody is to a third party.
CREATE TABLE openid_tokens (
    token_hash bytea PRIMARY KEY,
    user_id text NOT NULL,
    expires_at bigint NOT NULL
);

-- User-interactive authentication: what was asked and which stages are done.
CREATE TABLE uia_sessions (
    session_id text PRIMARY KEY,
    user_id text,
    device_id text,
    action text NOT NULL,
    request jsonb NOT NULL,
    completed text[] NOT NULL DEFAULT '{}',
    -- what stages proved, such as the registration token that was used, and the outcome,
    -- so that a request that is repeated gets the same answer
    proofs jsonb NOT NULL DEFAULT '{}',
    expires_at bigint NOT NULL
);
CREATE INDEX uia_sessions_expiry ON uia_sessions (expires_at);

CREATE TABLE registration_tokens (
    token text PRIMARY KEY,
    uses_allowed integer,
    -- accounts that were made with it
    completed integer NOT NULL DEFAULT 0,
    expires_at bigint
);

-- Nonces of shared-secret registration, used once.
CREATE TABLE registration_nonces (
    nonce text PRIMARY KEY,
    expires_at bigint NOT NULL
);

CREATE TABLE profiles (
    user_id text NOT NULL,
    field text NOT NULL,
    value jsonb NOT NULL,
    PRIMARY KEY (user_id, field)
);

-- room_nid 0: global. A deleted entry stays as content {} until readers passed it.
CREATE TABLE account_data (
    user_id text NOT NULL,
    room_nid bigint NOT NULL,
    type text NOT NULL,
    content text NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (user_id, room_nid, type)
);
CREATE INDEX account_data_position ON account_data (user_id, position);

CREATE TABLE filters (
    user_id text NOT NULL,
    filter_id integer NOT NULL,
    definition text NOT NULL,
    PRIMARY KEY (user_id, filter_id)
);
CREATE UNIQUE INDEX filters_once ON filters (user_id, md5(definition));

-- type: m.read, m.read.private. thread_id '' is unthreaded.
CREATE TABLE receipts (
    room_nid bigint NOT NULL,
    user_id text NOT NULL,
    type text NOT NULL,
    thread_id text NOT NULL,
    event_id text NOT NULL,
    event_anchor bigint,
    ts bigint NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (room_nid, user_id, type, thread_id)
);
CREATE INDEX receipts_position ON receipts (room_nid, position);

-- To-device messages, kept until the device's next token proves that they arrived.
CREATE TABLE to_device (
    user_id text NOT NULL,
    device_id text NOT NULL,
    position bigint NOT NULL,
    message text NOT NULL,
    PRIMARY KEY (user_id, device_id, position)
);

-- Transactions in which to-device messages were sent, so that a repeated request sends nothing.
CREATE TABLE to_device_txns (
    user_id text NOT NULL,
    device_id text NOT NULL,
    txn_id text NOT NULL,
    sent_at bigint NOT NULL,
    PRIMARY KEY (user_id, device_id, txn_id)
);
CREATE INDEX to_device_txns_age ON to_device_txns (sent_at);

-- Whose devices changed, newest change only.
CREATE TABLE device_list_changes (
    user_id text PRIMARY KEY,
    position bigint NOT NULL
);
CREATE INDEX device_list_changes_position ON device_list_changes (position);

-- The last presence a user chose, so that it survives a restart.
CREATE TABLE presence (
    user_id text PRIMARY KEY,
    state text NOT NULL,
    status_msg text,
    last_active_at bigint NOT NULL
);

-- Content that was reported to the moderators of this server.
CREATE TABLE reports (
    report_nid bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    reporter text NOT NULL,
    room_id text,
    event_id text,
    user_id text,
    score bigint,
    reason text,
    received_at bigint NOT NULL
);

-- Uploaded files. The content itself lies in the storage backend under its hash.
CREATE TABLE media (
    origin text NOT NULL,
    media_id text NOT NULL,
    content_hash bytea NOT NULL,
    size bigint NOT NULL,
    content_type text,
    file_name text,
    uploader text,
    created_at bigint NOT NULL,
    PRIMARY KEY (origin, media_id)
);
CREATE INDEX media_content ON media (content_hash);

-- Ids that were handed out before their content was uploaded.
CREATE TABLE media_reserved (
    media_id text PRIMARY KEY,
    uploader text NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX media_reserved_uploader ON media_reserved (uploader, expires_at);

-- Keys of this server: the newest signs.
CREATE TABLE signing_keys (
    key_id text PRIMARY KEY,
    private_der bytea NOT NULL,
    created_at bigint NOT NULL,
    expired_at bigint
);
