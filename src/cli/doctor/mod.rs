//! `causeway doctor`: looks at everything a server needs and says what is wrong and what to do.

mod certificate;
mod certificate_der;
mod database;
mod disk;
mod http_checks;
mod redis;

use std::{fmt, time::Duration};

use anyhow::bail;
use causeway_store::Clock;

use crate::config::{Settings, remarks};

/// How long one look over the network may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Clocks may differ by this much, in milliseconds.
const CLOCK_TOLERANCE_MS: u64 = 1_000;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    level: Level,
    subject: &'static str,
    text: String,
    /// What to do about it; nothing for what is well.
    way_out: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Ok,
    Warn,
    Fail,
}

impl Finding {
    fn ok(subject: &'static str, text: impl Into<String>) -> Self {
        Self {
            level: Level::Ok,
            subject,
            text: text.into(),
            way_out: String::new(),
        }
    }

    fn warn(subject: &'static str, text: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self {
            level: Level::Warn,
            subject,
            text: text.into(),
            way_out: way_out.into(),
        }
    }

    fn fail(subject: &'static str, text: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self {
            level: Level::Fail,
            subject,
            text: text.into(),
            way_out: way_out.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "OK",
            Level::Warn => "WARN",
            Level::Fail => "FAIL",
        };
        write!(f, "{level:<5} {:<13} {}", self.subject, self.text)?;
        if !self.way_out.is_empty() {
            write!(f, "\n      {:<13} -> {}", "", self.way_out)?;
        }
        Ok(())
    }
}

/// Looks at one thing after another, and prints what it found as it goes.
pub(super) async fn run(settings: Settings) -> anyhow::Result<()> {
    let mut failures = 0;
    let mut tell = |findings: Vec<Finding>| {
        for finding in findings {
            failures += usize::from(finding.level == Level::Fail);
            super::print(finding)?;
        }
        anyhow::Ok(())
    };
    tell(look_at_settings(&settings))?;
    tell(disk::look(&settings))?;
    let (findings, database_clock_ms) = database::look(&settings).await;
    tell(findings)?;
    let (findings, redis_clock_ms) = redis::look(&settings).await;
    tell(findings)?;
    tell(look_at_clock(database_clock_ms, redis_clock_ms))?;
    tell(certificate::look(&settings))?;
    tell(http_checks::look(&settings).await)?;
    match failures {
        0 => Ok(()),
        1 => bail!("one check failed"),
        n => bail!("{n} checks failed"),
    }
}

fn look_at_settings(settings: &Settings) -> Vec<Finding> {
    let remarks = remarks(settings);
    if remarks.is_empty() {
        return vec![Finding::ok(
            "settings",
            format!("for {}", settings.server.name),
        )];
    }
    let way_out = "leave it if it is meant so";
    remarks
        .into_iter()
        .map(|remark| Finding::warn("settings", remark, way_out))
        .collect()
}

/// Compares clocks. Each of the others was asked within a moment of this process's own clock,
/// and comes with the difference to it.
fn look_at_clock(
    database: Option<ClockDifference>,
    redis: Option<ClockDifference>,
) -> Vec<Finding> {
    let others = [("the database", database), ("Redis", redis)];
    let mut findings = Vec::new();
    for (name, difference) in others {
        match difference {
            Some(it) if it.0.unsigned_abs() > CLOCK_TOLERANCE_MS => findings.push(Finding::warn(
                "clock",
                format!("this machine and that of {name} differ by {} ms", it.0),
                "run a time service (chrony, systemd-timesyncd) on both",
            )),
            Some(_) => findings.push(Finding::ok("clock", format!("agrees with {name}"))),
            None => {}
        }
    }
    let service = [
        "/run/systemd/timesync/synchronized",
        "/run/chrony/chronyd.pid",
        "/run/ntpd.pid",
    ];
    if service
        .iter()
        .any(|path| std::path::Path::new(path).exists())
    {
        findings.push(Finding::ok("clock", "a time service runs"));
    } else {
        findings.push(Finding::warn(
            "clock",
            "no time service of this machine was found",
            "run chrony or systemd-timesyncd, unless the host keeps the time (as for containers)",
        ));
    }
    findings
}

/// Another clock minus ours, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct ClockDifference(i64);

impl ClockDifference {
    fn to(theirs_ms: i64) -> Self {
        let ours_ms = i64::try_from(Clock::system().now_ms()).unwrap_or(i64::MAX);
        Self(theirs_ms.saturating_sub(ours_ms))
    }
}

#[cfg(test)]
mod mod_test;
