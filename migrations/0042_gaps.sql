-- Which of some events follow on something that is not here: where a timeline has a gap.
CREATE INDEX missing_events_wanted_by ON missing_events (room_nid, wanted_by);
