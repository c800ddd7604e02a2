//! Journeys: real clients' ways through the whole house, against the real server in a process
//! of its own. Each request and each answer is held against the specification's schemas.

mod account_data;
mod accounts;
mod bad_input;
mod bad_rooms;
mod crash;
mod creating;
mod devices;
mod directory;
mod ephemeral;
mod filters;
mod gaps;
mod guests;
mod history;
mod knocking;
mod large_files;
mod lazy;
mod limits;
mod media;
mod membership;
mod moderation;
mod operating;
mod peeking;
mod people;
mod pictures;
mod previews;
mod profiles;
mod queries;
mod relations;
mod services;
mod sessions;
mod spaces;
mod state;
mod sync;
mod upgrade;
mod visibility;
