//! `causeway check-config`: reads the settings, and says what an operator may want to know about
//! those that are right but unusual.

use std::path::Path;

use crate::config::{Settings, remarks};

/// Prints what the settings come to; mistakes were told before.
pub(super) fn run(settings: &Settings, file: Option<&Path>) -> anyhow::Result<()> {
    for remark in remarks(settings) {
        super::print(format_args!("note: {remark}"))?;
    }
    let source = match file {
        Some(file) => file.display().to_string(),
        None => "no file was named, the defaults hold".to_owned(),
    };
    let name = &settings.server.name;
    super::print(format_args!(
        "The settings for the server {name} are right ({source})."
    ))
}
