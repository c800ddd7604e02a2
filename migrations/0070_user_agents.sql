-- With what program a device was last seen (its User-Agent, at most 256 bytes of it): shown to its
-- user and to administrators beside the address.
ALTER TABLE devices ADD COLUMN last_seen_user_agent text;
