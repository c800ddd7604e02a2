//! A password for an account: made up, from a file, typed, or from standard input.

use std::{
    fs,
    io::{self, BufRead, IsTerminal, Write},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};
use rand::{TryRng as _, rngs::SysRng};

use super::PasswordSource;

/// Letters of made-up passwords, without those that are easily confused. 32 of them, so that a
/// random byte has no favourites.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Letters of a made-up password: 100 bits.
const LENGTH: usize = 20;

/// The password, and whether it was made up.
pub(super) fn get(source: &PasswordSource) -> anyhow::Result<(String, bool)> {
    if source.generate {
        return Ok((generate()?, true));
    }
    let password = match &source.password_file {
        Some(path) => {
            let text = fs::read_to_string(path)
                .with_context(|| format!("the password file {}", path.display()))?;
            text.lines().next().unwrap_or_default().to_owned()
        }
        None if io::stdin().is_terminal() => typed()?,
        None => line_of_input()?,
    };
    if password.is_empty() {
        bail!("the password is empty");
    }
    Ok((password, false))
}

fn generate() -> anyhow::Result<String> {
    let mut bytes = [0; LENGTH];
    SysRng
        .try_fill_bytes(&mut bytes)
        .context("the system gives no randomness")?;
    let letters = bytes
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    Ok(letters.collect())
}

/// Asks twice, without showing what is typed.
fn typed() -> anyhow::Result<String> {
    let hidden = Hidden::begin();
    let first = prompt("Password: ")?;
    let second = prompt("Once more: ")?;
    drop(hidden);
    if first != second {
        bail!("the two passwords differ");
    }
    Ok(first)
}

fn prompt(text: &str) -> anyhow::Result<String> {
    eprint!("{text}");
    io::stderr().flush()?;
    let line = line_of_input();
    eprintln!();
    line
}

fn line_of_input() -> anyhow::Result<String> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .context("reading the password")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// A terminal that shows nothing of what is typed, for as long as this value lives.
struct Hidden;

impl Hidden {
    fn begin() -> Self {
        stty("-echo");
        Self
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        stty("echo");
    }
}

/// A terminal that cannot be told shows what is typed; that is no reason not to ask.
fn stty(setting: &str) {
    let _ = Command::new("stty")
        .arg(setting)
        .stdin(Stdio::inherit())
        .status();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_passwords_are_long_and_differ() {
        let (first, second) = (generate().unwrap(), generate().unwrap());
        assert_eq!(first.len(), LENGTH);
        assert_ne!(first, second);
    }

    #[test]
    fn a_file_gives_its_first_line() {
        let path = std::env::temp_dir().join(format!("causeway-password-{}", std::process::id()));
        fs::write(&path, "first line\nsecond\n").unwrap();
        let source = PasswordSource {
            generate: false,
            password_file: Some(path.clone()),
        };
        let read = get(&source);
        fs::write(&path, "\n").unwrap();
        let empty = get(&source);
        fs::remove_file(&path).unwrap();
        assert_eq!(read.unwrap(), ("first line".to_owned(), false));
        assert!(empty.is_err());
    }
}
