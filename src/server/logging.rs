//! The log output of the process.

use std::fs::OpenOptions;
use std::sync::Arc;

use anyhow::Context;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::config::{Log, LogFormat};

/// What is too talkative for a filter that names no targets. The one says for each event why it was
/// allowed, and costs time on every write; the other at each start that what is there is there. A
/// filter that names them wins.
const QUIET: &str = "ruma_state_res=warn,sqlx::postgres::notice=warn";

/// Starts writing log lines, and sends panics there too. Once per process; where something
/// writes log lines already, that goes on.
///
/// # Errors
/// If the filter is wrong or the file cannot be written.
pub fn start(settings: &Log) -> anyhow::Result<()> {
    let directives = format!("{QUIET},{}", settings.filter);
    let filter = EnvFilter::try_new(directives).context("log.filter")?;
    let writer = match &settings.file {
        Some(path) => {
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .with_context(|| format!("log.file: {}", path.display()))?;
            BoxMakeWriter::new(Arc::new(file))
        }
        None => BoxMakeWriter::new(std::io::stderr),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer);
    let started = match settings.format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            tracing::error!(target: "causeway::panic", "{panic}");
        }));
    }
    Ok(())
}
