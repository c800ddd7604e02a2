//! The database: reachable, new enough, and safe?

use causeway_store::{
    DatabaseSettings, Store,
    checkup::{Checkup, checkup},
    managed::{ManagedError, ManagedPostgres},
};

use super::{ClockDifference, Finding, PATIENCE};
use crate::{config::Settings, server::database::managed_settings};

const SUBJECT: &str = "database";

/// The oldest Postgres that the migrations know.
const OLDEST: i32 = 150_000;

pub(super) async fn look(settings: &Settings) -> (Vec<Finding>, Option<ClockDifference>) {
    if let Some(url) = &settings.database.url {
        return look_into(settings, url.expose()).await;
    }
    let data_dir = &settings.server.data_dir;
    match ManagedPostgres::find_running(data_dir) {
        Ok(Some(url)) => look_into(settings, &url).await,
        Ok(None) => (vec![look_at_resting(settings)], None),
        Err(error) => (
            vec![Finding::fail(SUBJECT, error.to_string(), "see above")],
            None,
        ),
    }
}

/// A managed Postgres while no server runs.
fn look_at_resting(settings: &Settings) -> Finding {
    match ManagedPostgres::examine(&managed_settings(settings)) {
        Ok((version, true)) => Finding::ok(
            SUBJECT,
            format!("managed PostgreSQL {version} is there and rests: no server runs"),
        ),
        Ok((version, false)) => Finding::ok(
            SUBJECT,
            format!("the first start will make a managed database with PostgreSQL {version}"),
        ),
        Err(error @ ManagedError::Locked { .. }) => Finding::warn(
            SUBJECT,
            error.to_string(),
            "it is starting or stopping: ask again",
        ),
        // the messages of these errors carry their way out
        Err(error) => {
            let text = error.to_string();
            let (what, way_out) = text.split_once("; ").unwrap_or((&text, "see its message"));
            Finding::fail(SUBJECT, what, way_out)
        }
    }
}

async fn look_into(settings: &Settings, url: &str) -> (Vec<Finding>, Option<ClockDifference>) {
    let unreachable = |error: String| {
        let way_out = "start it, or correct database.url; the account needs to own the database";
        (vec![Finding::fail(SUBJECT, error, way_out)], None)
    };
    let database = match DatabaseSettings::from_url(url, 1) {
        Ok(database) => database,
        Err(error) => return unreachable(error.to_string()),
    };
    let look = async {
        let store = Store::connect(&database).await?;
        let found = checkup(&store).await;
        let difference = found
            .as_ref()
            .ok()
            .map(|it| ClockDifference::to(it.clock_ms));
        store.close().await;
        found.map(|found| (found, difference))
    };
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok((found, difference))) => (judge(settings, &found), difference),
        Ok(Err(error)) => unreachable(error.to_string()),
        Err(_) => unreachable(format!("no answer in {} s", PATIENCE.as_secs())),
    }
}

fn judge(settings: &Settings, found: &Checkup) -> Vec<Finding> {
    let version = format!("{}.{}", found.version / 10_000, found.version % 10_000);
    let mut findings = Vec::new();
    if found.version < OLDEST {
        let text = format!("PostgreSQL {version} is too old");
        findings.push(Finding::fail(
            SUBJECT,
            text,
            "upgrade to PostgreSQL 15 or newer",
        ));
    } else {
        findings.push(Finding::ok(
            SUBJECT,
            format!("PostgreSQL {version} answers"),
        ));
    }
    if found.encoding != "UTF8" {
        let text = format!("its encoding is {}", found.encoding);
        let way_out = "make the database anew: CREATE DATABASE ... ENCODING 'UTF8' \
                       LOCALE 'C' TEMPLATE template0";
        findings.push(Finding::fail(SUBJECT, text, way_out));
    }
    if !found.fsync || !found.synchronous_commit {
        let text = "fsync or synchronous_commit is off: a power cut loses what was confirmed";
        findings.push(Finding::warn(
            SUBJECT,
            text,
            "set both to on in postgresql.conf",
        ));
    }
    let wanted = settings.database.pool_size.saturating_add(1);
    if i64::from(found.max_connections) < i64::from(wanted) {
        let text = format!(
            "it takes {} connections, and the server wants up to {wanted}",
            found.max_connections
        );
        let way_out = "raise max_connections in postgresql.conf, or lower database.pool_size";
        findings.push(Finding::warn(SUBJECT, text, way_out));
    }
    findings
}
