//! `causeway federation ...`: the links to other servers.

use anyhow::bail;
use clap::Subcommand;

use super::user::ask::Server;
use crate::config::Settings;
use crate::control::{DestinationLine, Reply, Request};

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the servers that do not take what they are sent, or lack something
    Status {
        /// Also those that lacked something and have it now
        #[arg(long)]
        all: bool,
    },
}

/// Does it.
pub(super) async fn run(settings: Settings, command: Command) -> anyhow::Result<()> {
    let Command::Status { all } = command;
    let server = Server::find(settings).await?;
    let found = match server.ask_once(Request::Destinations { all }).await? {
        Reply::Destinations(found) => found,
        Reply::Refused(why) => bail!("{why}"),
        Reply::Done(_) | Reply::Accounts(_) => bail!("the server answered something else"),
    };
    for line in &found.lines {
        super::print(text(line))?;
    }
    match found.total - found.lines.len() {
        0 if found.total == 0 => super::print("All servers have what they are to get."),
        0 => Ok(()),
        more => super::print(format_args!("... and {more} more")),
    }
}

fn text(line: &DestinationLine) -> String {
    let mut parts = vec![line.server.clone()];
    if line.failures > 0 {
        let (count, time) = (line.failures, span(line.failing_for));
        parts.push(format!("failed {count} times in {time}"));
        parts.push(match line.next_try_in {
            0 => "is tried now".to_owned(),
            wait => format!("is tried in {}", span(wait)),
        });
    }
    if let Some(behind) = line.behind {
        parts.push(format!("lacks things since {behind} entries"));
    }
    parts.push(match line.last_success_ago {
        Some(ago) => format!("took something {} ago", span(ago)),
        None => "took nothing that is known of".to_owned(),
    });
    if !line.reason.is_empty() {
        // Written by a stranger, perhaps: nothing in it may move the cursor.
        let reason: String = line.reason.chars().filter(|it| !it.is_control()).collect();
        parts.push(reason);
    }
    parts.join("\t")
}

/// A span of time in milliseconds, as people read it.
fn span(ms: u64) -> String {
    match ms / 1_000 {
        seconds @ ..120 => format!("{seconds}s"),
        seconds @ 120..7_200 => format!("{}m", seconds / 60),
        seconds @ 7_200..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
#[path = "federation_test.rs"]
mod federation_test;
