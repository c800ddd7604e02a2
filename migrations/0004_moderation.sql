-- What administrators may do to an account without closing it.
ALTER TABLE accounts
    ADD COLUMN suspended boolean NOT NULL DEFAULT false,
    ADD COLUMN locked boolean NOT NULL DEFAULT false;
