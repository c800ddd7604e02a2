-- Delayed events of which somebody has begun to send, and come no further for long, are looked for by
-- the time when that was.
CREATE INDEX delayed_events_claimed ON delayed_events (claimed_at)
    WHERE finalised_at IS NULL AND claimed_at IS NOT NULL;
