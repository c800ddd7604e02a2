-- E-mail addresses. Times are milliseconds since 1970.

-- An address that somebody is proving to read: a letter with a secret link went there.
-- purpose: 1 to register, 2 to set a new password, 3 to add it to an account
CREATE TABLE email_sessions (
    sid text PRIMARY KEY,
    client_secret text NOT NULL,
    address text NOT NULL,
    purpose smallint NOT NULL,
    send_attempt bigint NOT NULL,
    -- SHA-256 of what stands in the newest letter's link; of nothing that was sent where the letter
    -- says that the address does not fit the purpose
    token_hash bytea NOT NULL,
    -- where the reader of the letter goes on
    next_link text,
    -- wrong tokens since the newest letter
    failures smallint NOT NULL DEFAULT 0,
    validated_at bigint,
    expires_at bigint NOT NULL,
    UNIQUE (client_secret, address, purpose)
);
CREATE INDEX email_sessions_expiry ON email_sessions (expires_at);

-- How many letters went to an address since `since`, so that nobody's mailbox can be filled.
CREATE TABLE email_letters (
    address text PRIMARY KEY,
    since bigint NOT NULL,
    letters integer NOT NULL
);
CREATE INDEX email_letters_since ON email_letters (since);

-- The addresses of accounts, in small letters.
CREATE TABLE account_emails (
    address text PRIMARY KEY,
    user_id text NOT NULL REFERENCES accounts,
    validated_at bigint NOT NULL,
    added_at bigint NOT NULL
);
CREATE INDEX account_emails_user ON account_emails (user_id);
