//! Push rules, and pushers.

pub mod pushers;
pub mod rule_parts;
pub mod rules;
