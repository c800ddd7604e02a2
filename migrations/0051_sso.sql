-- Logins by identity providers. Times are milliseconds since 1970.

-- Which account is whose who is known to a provider by a subject.
CREATE TABLE external_ids (
    provider text NOT NULL,
    subject text NOT NULL,
    user_id text NOT NULL REFERENCES accounts,
    linked_at bigint NOT NULL,
    PRIMARY KEY (provider, subject)
);
CREATE INDEX external_ids_user ON external_ids (user_id);

-- Somebody on the way to a provider and back.
CREATE TABLE sso_attempts (
    -- SHA-256 of the state that comes back
    state_hash bytea PRIMARY KEY,
    -- SHA-256 of the cookie of the browser that began
    cookie_hash bytea NOT NULL,
    provider text NOT NULL,
    nonce text NOT NULL,
    verifier text NOT NULL,
    -- where the client waits, for a login
    redirect_url text,
    -- what is to be confirmed, for user-interactive authentication
    uia_session text,
    expires_at bigint NOT NULL,
    CHECK ((redirect_url IS NULL) <> (uia_session IS NULL))
);
CREATE INDEX sso_attempts_expiry ON sso_attempts (expires_at);
