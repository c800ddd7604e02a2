//! Push rules, pushers, and what was notified.

pub mod notifications;
pub mod pushers;
pub mod rule_parts;
pub mod rules;
