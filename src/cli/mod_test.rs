use clap::{CommandFactory, Parser};

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn without_a_command_the_server_runs() {
    let arguments = Arguments::try_parse_from(["causeway", "--config", "a.toml"]).unwrap();
    assert!(arguments.command.is_none());
    assert_eq!(arguments.config, Some("a.toml".into()));
    let arguments = Arguments::try_parse_from(["causeway", "serve", "--config", "b.toml"]).unwrap();
    assert!(matches!(arguments.command, Some(Command::Serve)));
    assert_eq!(arguments.config, Some("b.toml".into()));
}
