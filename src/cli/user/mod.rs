//! `causeway user ...`: accounts.

pub(super) mod ask;
mod password;

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};

use crate::{
    config::Settings,
    control::{ACCOUNTS_PER_PAGE, AccountLine, Reply, Request},
};

use ask::Server;

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an account
    Create {
        /// Its name, as in alice
        name: String,
        /// Make it an administrator of the server
        #[arg(long)]
        admin: bool,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List the accounts
    List {
        /// Also those that were deactivated, and guests
        #[arg(long)]
        all: bool,
    },
    /// Close an account for good; its name stays taken
    Deactivate {
        /// Its name (alice) or id (@alice:example.org)
        user: String,
        /// Also hide what it wrote from people who come to its rooms later
        #[arg(long)]
        erase: bool,
    },
    /// Give an account another password; all its sessions end
    ResetPassword {
        /// Its name (alice) or id (@alice:example.org)
        user: String,
        #[command(flatten)]
        password: PasswordSource,
    },
}

/// Where a password comes from. Without any of these it is asked for, or read from standard input.
#[derive(Debug, Args)]
pub(super) struct PasswordSource {
    /// Make up a password and print it
    #[arg(long, conflicts_with = "password_file")]
    generate: bool,
    /// Read it from the first line of a file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Does it.
pub(super) async fn run(settings: Settings, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create {
            name,
            admin,
            password,
        } => {
            let (password, generated) = password::get(&password)?;
            let server = Server::find(settings).await?;
            let request = Request::Create {
                name,
                password: password.clone(),
                admin,
            };
            let user = done(server.ask_once(request).await?)?;
            super::print(format_args!("{user} is made."))?;
            if generated {
                super::print(format_args!("Its password: {password}"))?;
            }
        }
        Command::List { all } => {
            let server = Server::find(settings).await?;
            let listed = list(&server, all).await;
            server.close().await;
            listed?;
        }
        Command::Deactivate { user, erase } => {
            let server = Server::find(settings).await?;
            let user = done(server.ask_once(Request::Deactivate { user, erase }).await?)?;
            super::print(format_args!("{user} is deactivated."))?;
        }
        Command::ResetPassword { user, password } => {
            let (password, generated) = password::get(&password)?;
            let server = Server::find(settings).await?;
            let request = Request::ResetPassword {
                user,
                password: password.clone(),
            };
            let user = done(server.ask_once(request).await?)?;
            super::print(format_args!(
                "{user} has another password, and no sessions."
            ))?;
            if generated {
                super::print(format_args!("Its password: {password}"))?;
            }
        }
    }
    Ok(())
}

fn done(reply: Reply) -> anyhow::Result<ruma::OwnedUserId> {
    match reply {
        Reply::Done(user) => Ok(user),
        Reply::Refused(why) => bail!("{why}"),
        Reply::Accounts(_) | Reply::Destinations(_) => bail!("the server answered something else"),
    }
}

async fn list(server: &Server, all: bool) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let accounts = match server.ask(Request::List { after }).await? {
            Reply::Accounts(accounts) => accounts,
            Reply::Refused(why) => bail!("{why}"),
            Reply::Done(_) | Reply::Destinations(_) => bail!("the server answered something else"),
        };
        for account in &accounts {
            if all || !(account.guest || account.deactivated) {
                super::print(line(account))?;
            }
        }
        match accounts.last() {
            Some(last) if accounts.len() as u64 == u64::from(ACCOUNTS_PER_PAGE) => {
                after = Some(last.user_id.clone());
            }
            _ => break,
        }
    }
    Ok(())
}

fn line(account: &AccountLine) -> String {
    let mut line = account.user_id.clone();
    let marks = [
        (account.admin, "administrator"),
        (account.guest, "guest"),
        (account.deactivated, "deactivated"),
    ];
    for (_, mark) in marks.iter().filter(|(is, _)| *is) {
        line.push('\t');
        line.push_str(mark);
    }
    line
}
