//! Settings: `config.example.toml` (compiled in, the defaults), then the operator's file, then
//! the environment (`CAUSEWAY_TABLE__KEY`).
//!
//! Laws: a key that nobody reads is a mistake, so nothing is silently ignored; all mistakes are
//! told at once, each with its place and what would be right; secrets have no `Debug`.
//!
//! Start reading at [`Settings`]; `read.rs` turns each table into its struct, `reader.rs` finds
//! the value of a key in the layers. A new setting needs a line in the example file, a field and
//! a line in `read.rs`.

mod captcha;
mod federation;
mod mail;
mod mistake;
mod read;
mod reader;
mod remarks;
mod rtc;
mod settings;
mod sso;
mod tree;
mod values;

use std::path::Path;

pub use federation::Federation;
pub use mail::{Mail, MailTls};
pub use mistake::{Mistake, Mistakes, Place};
pub use remarks::remarks;
pub use settings::*;

/// The documented example, whose values are the defaults.
pub const EXAMPLE: &str = include_str!("../../config.example.toml");

/// Reads the settings of this process: the file, if one is named, and `environment`, usually
/// [`std::env::vars`].
///
/// # Errors
///
/// All mistakes of file and environment together.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, Mistakes> {
    let Some(path) = file else {
        return parse("", "", environment);
    };
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text, &name, environment),
        Err(error) => Err(Mistakes(vec![Mistake {
            place: Place::Nowhere,
            key: String::new(),
            problem: format!("the file {name} cannot be read: {error}"),
            remedy: "name a TOML file with --config, or make one: \
                     causeway generate-config > causeway.toml"
                .to_owned(),
        }])),
    }
}

/// The same from the text of a file; `name` is how mistakes call it.
///
/// # Errors
///
/// All mistakes of text and environment together.
pub fn parse(
    text: &str,
    name: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, Mistakes> {
    let one = |mistake| Mistakes(vec![mistake]);
    let defaults = tree::parse(EXAMPLE, "config.example.toml").map_err(one)?;
    let file = tree::parse(text, name).map_err(one)?;
    let mut reader = reader::Reader::new(defaults, file, name, environment);
    let settings = read::settings(&mut reader);
    let mistakes = reader.finish();
    if mistakes.is_empty() {
        Ok(settings)
    } else {
        Err(Mistakes(mistakes))
    }
}

#[cfg(test)]
mod mod_test;
