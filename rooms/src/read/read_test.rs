//! Tests of reading rooms.
