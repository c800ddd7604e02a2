-- Members of other servers who are out: a server that was away is told of those of its users that were
-- let go meanwhile, though it may not be in the room any more.
CREATE INDEX memberships_let_go
    ON memberships (substring(user_id from position(':' in user_id) + 1), position)
    WHERE NOT is_local AND membership IN (4, 5);
