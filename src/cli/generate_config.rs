//! `causeway generate-config`: the documented example, for a file of one's own.

use std::io::Write;

use anyhow::Context;

use crate::config::EXAMPLE;

/// What goes into the file at once.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The name after the colon in user and room ids, as in example.org
    #[arg(long, value_name = "NAME")]
    server_name: Option<ruma::OwnedServerName>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let text = match &arguments.server_name {
        Some(name) => with_name(name.as_str()),
        None => EXAMPLE.to_owned(),
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("writing to standard output")
}

fn with_name(name: &str) -> String {
    EXAMPLE.replacen(
        "\nname = \"localhost\"\n",
        &format!("\nname = \"{name}\"\n"),
        1,
    )
}

#[cfg(test)]
mod tests {
    use super::with_name;

    #[test]
    fn the_name_gets_into_the_file() {
        let text = with_name("causeway.example");
        let settings = crate::config::parse(&text, "causeway.toml", []).unwrap();
        assert_eq!(settings.server.name, "causeway.example");
    }
}
