-- A device without a session that receives messages while its user is away (MSC3814). Its keys
-- and messages stand where those of other devices do.
CREATE TABLE dehydrated_devices (
    user_id text PRIMARY KEY,
    device_id text NOT NULL,
    -- what a client needs to take it up again: JSON that only clients understand
    device_data text NOT NULL,
    FOREIGN KEY (user_id, device_id) REFERENCES devices ON DELETE CASCADE
);
