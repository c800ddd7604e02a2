use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
};

use super::*;

fn settings(data_dir: &Path) -> ManagedSettings {
    ManagedSettings {
        data_dir: data_dir.to_owned(),
        bin_dir: None,
        run_as: None,
        shared_buffers_bytes: 16 << 20,
        max_wal_size_bytes: 64 << 20,
        connections: 5,
    }
}

async fn number(postgres: &ManagedPostgres, statement: &'static str) -> i32 {
    let mut connection = PgConnection::connect(&postgres.url()).await.unwrap();
    let number = sqlx::query_scalar(statement)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    number
}

async fn run(postgres: &ManagedPostgres, statement: &'static str) {
    let mut connection = PgConnection::connect_with(&postgres.connect_options())
        .await
        .unwrap();
    sqlx::raw_sql(statement)
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_cluster_is_made_once_and_keeps_its_data() {
    let dir = tempfile::tempdir().unwrap();
    // a name that would be two folders, if it were not quoted, and a query, if not encoded
    let data = dir.path().join("da ta,&?%");
    let half_made = data.join("postgres.new-1");
    fs::create_dir_all(&half_made).unwrap();

    let first = ManagedPostgres::start(&settings(&data)).await.unwrap();
    assert!(!half_made.exists());
    run(
        &first,
        "CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)",
    )
    .await;
    assert_eq!(
        number(
            &first,
            "SELECT count(*)::int FROM pg_settings WHERE (name, setting) IN \
        (('fsync', 'on'), ('jit', 'off'), ('listen_addresses', ''), ('data_checksums', 'on'), \
         ('synchronous_commit', 'on'), ('server_encoding', 'UTF8'))"
        )
        .await,
        6
    );
    let cluster = fs::metadata(data.join("postgres")).unwrap();
    assert_eq!(cluster.permissions().mode() & 0o777, 0o700);
    assert_ne!(cluster.uid(), 0, "Postgres must not be root");
    let socket_dir = fs::metadata(data.join("run")).unwrap();
    assert_eq!(socket_dir.permissions().mode() & 0o777, 0o700);
    first.stop().await;
    assert!(
        !data.join("postgres/postmaster.pid").exists(),
        "the stop was not clean"
    );

    let begin = std::time::Instant::now();
    let second = ManagedPostgres::start(&settings(&data)).await.unwrap();
    println!("second start: {:?}", begin.elapsed());
    assert_eq!(number(&second, "SELECT n FROM kept").await, 42);
    second.stop().await;
}

#[tokio::test]
async fn two_servers_in_one_folder_refuse_each_other() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(ManagedPostgres::find_running(dir.path()).unwrap(), None);
    let first = ManagedPostgres::start(&settings(dir.path())).await.unwrap();
    let error = ManagedPostgres::start(&settings(dir.path()))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ManagedError::Locked { pid: Some(pid), .. } if pid == std::process::id()),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("already uses the data directory"),
        "{error}"
    );
    assert_eq!(number(&first, "SELECT 1").await, 1);
    assert_eq!(
        ManagedPostgres::find_running(dir.path()).unwrap(),
        Some(first.url())
    );
    first.stop().await;
    assert_eq!(ManagedPostgres::find_running(dir.path()).unwrap(), None);
}

#[tokio::test]
async fn a_killed_postgres_is_noticed_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let first = ManagedPostgres::start(&settings(dir.path())).await.unwrap();
    run(
        &first,
        "CREATE TABLE kept (n int); INSERT INTO kept VALUES (3)",
    )
    .await;
    let pid = rustix::process::Pid::from_raw(i32::try_from(first.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let end = tokio::time::timeout(Duration::from_secs(20), first.exited())
        .await
        .unwrap();
    assert!(end.contains("signal: 9"), "{end}");
    drop(first);
    // the number of a living process: ours
    let stale = format!(
        "{}\n{}\n",
        std::process::id(),
        dir.path().join("postgres").display()
    );
    fs::write(dir.path().join("postgres/postmaster.pid"), stale).unwrap();

    let again = ManagedPostgres::start(&settings(dir.path())).await.unwrap();
    assert_eq!(number(&again, "SELECT n FROM kept").await, 3);
    again.stop().await;
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_gets_a_short_folder() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("x".repeat(100));
    let postgres = ManagedPostgres::start(&settings(&data)).await.unwrap();
    let socket_dir = postgres.folder.socket_dir().to_owned();
    assert!(!socket_dir.starts_with(&data));
    assert_eq!(
        fs::metadata(&socket_dir).unwrap().permissions().mode() & 0o777,
        0o700
    );
    assert_eq!(number(&postgres, "SELECT 1").await, 1);
    postgres.stop().await;
    fs::remove_dir_all(socket_dir).unwrap();
}

#[tokio::test]
async fn data_of_another_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = dir.path().join("postgres");
    fs::create_dir(&cluster).unwrap();
    std::os::unix::fs::chown(&cluster, None, None).unwrap();
    let error = ManagedPostgres::start(&settings(dir.path()))
        .await
        .unwrap_err();
    assert!(matches!(error, ManagedError::NotACluster { .. }), "{error}");

    fs::write(cluster.join("PG_VERSION"), "9\n").unwrap();
    let error = ManagedPostgres::start(&settings(dir.path()))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ManagedError::WrongVersion { wanted: 9, .. }),
        "{error}"
    );
    assert_eq!(fs::read_dir(&cluster).unwrap().count(), 1);
}

#[tokio::test]
async fn missing_programs_and_users_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = ManagedSettings {
        bin_dir: Some("/nowhere".into()),
        ..settings(dir.path())
    };
    let error = ManagedPostgres::start(&nowhere).await.unwrap_err();
    assert!(error.to_string().contains("/nowhere") && error.to_string().contains("apt-get"));
    if rustix::process::geteuid().is_root() {
        for name in ["nobody-of-this-name", "root"] {
            let user = ManagedSettings {
                run_as: Some(name.into()),
                ..settings(dir.path())
            };
            let error = ManagedPostgres::start(&user).await.unwrap_err();
            assert!(matches!(error, ManagedError::NoAccount { .. }), "{error}");
        }
    }
    assert!(!dir.path().join("postgres").exists());
}

#[tokio::test]
async fn a_postgres_that_does_not_start_says_why() {
    let dir = tempfile::tempdir().unwrap();
    ManagedPostgres::start(&settings(dir.path()))
        .await
        .unwrap()
        .stop()
        .await;
    fs::write(
        dir.path().join("postgres/postgresql.conf"),
        "no_such_setting = 1\n",
    )
    .unwrap();
    let error = ManagedPostgres::start(&settings(dir.path()))
        .await
        .unwrap_err();
    assert!(matches!(error, ManagedError::NotStarted { .. }), "{error}");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}
