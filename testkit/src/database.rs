//! A fresh Postgres database for each test.
//!
//! The migrations run once, into a template whose name carries a hash of their text; each test
//! gets a copy of it, which takes tens of milliseconds.

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::path::Path;

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The environment variable with the address of a Postgres server on which tests may create
/// and drop databases.
pub const SERVER_VARIABLE: &str = "CAUSEWAY_TEST_DATABASE_URL";

/// Serialises the making of templates between test processes. Any constant serves.
const TEMPLATE_LOCK: i64 = 0x0063_6175_7365_7761;

/// A database with all migrations applied, dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    server_url: String,
    name: String,
}

impl TestDatabase {
    /// Makes a database from the template of this checkout's migrations.
    ///
    /// # Panics
    /// Without [`SERVER_VARIABLE`], or when the server cannot be used: a test that needs a
    /// database fails without one.
    pub async fn create() -> Self {
        let server_url = server_url();
        let mut server = connect(&server_url).await;
        let template = ensure_template(&mut server, &server_url).await;
        let name = format!(
            "causeway_test_{:016x}",
            RandomState::new().hash_one(&template)
        );
        run(
            &mut server,
            format!("CREATE DATABASE {name} TEMPLATE {template}"),
        )
        .await;
        Self { server_url, name }
    }

    /// Makes a database without any table.
    pub async fn create_empty() -> Self {
        let server_url = server_url();
        let mut server = connect(&server_url).await;
        let name = format!(
            "causeway_test_{:016x}",
            RandomState::new().hash_one(&server_url)
        );
        run(
            &mut server,
            format!("CREATE DATABASE {name} TEMPLATE template0"),
        )
        .await;
        Self { server_url, name }
    }

    /// The address that `database.url` takes.
    #[must_use]
    pub fn url(&self) -> String {
        with_database(&self.server_url, &self.name)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (url, name) = (self.server_url.clone(), self.name.clone());
        // A thread of its own, because a runtime may not be started inside another one.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime
                .expect("a runtime to drop the database in")
                .block_on(async {
                    let mut server = connect(&url).await;
                    run(
                        &mut server,
                        format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                    )
                    .await;
                });
        });
        if dropping.join().is_err() {
            eprintln!("the test database {} was left behind", self.name);
        }
    }
}

fn server_url() -> String {
    std::env::var(SERVER_VARIABLE).unwrap_or_else(|_| {
        panic!(
            "{SERVER_VARIABLE} is not set: run the tests through `make test`, which starts a \
             Postgres server for them, or set it to the address of one (as a superuser)"
        )
    })
}

async fn connect(url: &str) -> PgConnection {
    match PgConnection::connect(url).await {
        Ok(connection) => connection,
        Err(error) => panic!("the Postgres server of {SERVER_VARIABLE} is not reachable: {error}"),
    }
}

async fn run(connection: &mut PgConnection, statement: String) {
    let result = sqlx::raw_sql(AssertSqlSafe(statement.clone()))
        .execute(connection)
        .await;
    if let Err(error) = result {
        panic!("{statement}: {error}");
    }
}

/// The same server address with another database in its path.
fn with_database(url: &str, database: &str) -> String {
    let (before, query) = url
        .split_once('?')
        .map_or((url, None), |(a, b)| (a, Some(b)));
    let authority = before.find("://").map_or(0, |at| at + 3);
    let end = before[authority..]
        .find('/')
        .map_or(before.len(), |at| authority + at);
    let base = &before[..end];
    query.map_or_else(
        || format!("{base}/{database}"),
        |q| format!("{base}/{database}?{q}"),
    )
}

async fn ensure_template(server: &mut PgConnection, server_url: &str) -> String {
    let directory = crate::repository().join("migrations");
    let template = format!("causeway_template_{:016x}", hash_of(&directory));
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut *server)
        .await
        .expect("an advisory lock");
    // The mark as a template is set last, so a half-made one is not taken for a whole one.
    let ready: Option<bool> =
        sqlx::query_scalar("SELECT datistemplate FROM pg_database WHERE datname = $1")
            .bind(&template)
            .fetch_optional(&mut *server)
            .await
            .expect("the list of databases");
    if ready != Some(true) {
        run(
            server,
            format!("DROP DATABASE IF EXISTS {template} WITH (FORCE)"),
        )
        .await;
        run(
            server,
            format!("CREATE DATABASE {template} TEMPLATE template0"),
        )
        .await;
        migrate(&with_database(server_url, &template), &directory).await;
        run(
            server,
            format!("ALTER DATABASE {template} IS_TEMPLATE true"),
        )
        .await;
    }
    sqlx::query("SELECT pg_advisory_unlock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut *server)
        .await
        .expect("the advisory lock to be given back");
    template
}

async fn migrate(url: &str, directory: &Path) {
    let migrator = Migrator::new(directory).await.expect("readable migrations");
    let mut connection = connect(url).await;
    if let Err(error) = migrator.run(&mut connection).await {
        panic!("the migrations fail: {error}");
    }
    connection
        .close()
        .await
        .expect("the template's connection to close");
}

fn hash_of(directory: &Path) -> u64 {
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .expect("a migrations directory")
        .map(|entry| entry.expect("a readable directory").path())
        .collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.file_name().hash(&mut hasher);
        std::fs::read(&file)
            .expect("a readable migration")
            .hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
#[path = "database_test.rs"]
mod tests;
