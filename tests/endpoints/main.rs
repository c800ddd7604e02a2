//! Every operation of the specification, asked with right requests and wrong ones that are made
//! from its schemas, by a seed: no answer is a server's error, each comes in time, each refusal
//! says why in the standard shape, and the server works afterwards as before.
//!
//! `CAUSEWAY_FUZZ_SEED` repeats a run and `CAUSEWAY_FUZZ_SECONDS` says how long new rounds begin.

mod repeated;
mod requests;
mod shapes;
mod spoil;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, UNIX_EPOCH};

use causeway_testkit::spec::{Operation, error_faults};
use causeway_testkit::{Specification, TestClient, TestServer, v3};
use futures::StreamExt as _;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;

use requests::Request;
use world::World;

/// How long rounds are begun, in seconds, unless the environment says otherwise.
const SECONDS: u64 = 45;

/// Rounds that are made in any case: one may miss what it is by chance to find.
const LEAST_ROUNDS: u64 = 2;

/// How long one answer may take on a busy machine with a debug build.
const PATIENCE: Duration = Duration::from_secs(30);

/// Requests of one operation in a round: first right ones, then wrong ones.
const RIGHT: u32 = 2;
const WRONG: u32 = 8;

/// Operations whose requests are out at the same time.
const AT_ONCE: usize = 4;

/// So many of the operations must have been answered with success, or the requests are not right
/// enough to reach what stands behind the first checks.
const REACHED: usize = 100;

/// After these the session is gone, or is somebody else's: each is asked by people of its own.
const ENDS_SESSIONS: [&str; 6] = [
    "logout",
    "logout_all",
    "deactivateAccount",
    "changePassword",
    "deleteDevices",
    "deleteDevice",
];

#[derive(Default)]
struct Findings {
    faults: BTreeMap<String, String>,
    succeeded: BTreeSet<String>,
    requests: usize,
}

#[tokio::test]
async fn no_request_is_answered_with_a_servers_error() {
    let seed = from_environment("CAUSEWAY_FUZZ_SEED").unwrap_or_else(clock_seed);
    let seconds = from_environment("CAUSEWAY_FUZZ_SECONDS").unwrap_or(SECONDS);
    println!("CAUSEWAY_FUZZ_SEED={seed}");
    let specification = Specification::load();
    let server = TestServer::start().await;
    let admin = server.admin("admin").await;
    let room = admin.create_public_room().await;
    let http = reqwest::Client::builder()
        .timeout(PATIENCE)
        .no_proxy()
        // A server may close a connection after a refusal: the next request shall not find that.
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let (mut findings, begun, mut rounds) = (Findings::default(), Instant::now(), 0);
    while rounds < LEAST_ROUNDS || begun.elapsed() < Duration::from_secs(seconds) {
        let world = World::new(&server, &admin, rounds).await;
        findings.add(
            round(
                &http,
                &server,
                &world,
                &specification,
                seed ^ (rounds << 32),
            )
            .await,
        );
        let content = json!({"msgtype": "m.text", "body": format!("round {rounds}")});
        let at = v3(&[
            "rooms",
            &room,
            "send",
            "m.room.message",
            &admin.transaction(),
        ]);
        admin.put(at, content).await;
        rounds += 1;
    }
    println!(
        "{rounds} rounds, {} requests in {:?}, {} of {} operations succeeded",
        findings.requests,
        begun.elapsed(),
        findings.succeeded.len(),
        specification.operations().len()
    );
    judge(&findings, &specification, &server, seed);
}

/// Asks all operations.
async fn round(
    http: &reqwest::Client,
    server: &TestServer,
    world: &World,
    specification: &Specification,
    seed: u64,
) -> Findings {
    let asked = specification
        .operations()
        .iter()
        .zip(0_u64..)
        .map(|(operation, place)| {
            let rng = StdRng::seed_from_u64(seed ^ place);
            ask(http, server, world, operation, rng)
        });
    let mut answers = futures::stream::iter(asked).buffer_unordered(AT_ONCE);
    let mut findings = Findings::default();
    while let Some(found) = answers.next().await {
        findings.add(found);
    }
    findings
}

impl Findings {
    fn add(&mut self, more: Self) {
        self.faults.extend(more.faults);
        self.succeeded.extend(more.succeeded);
        self.requests += more.requests;
    }
}

fn judge(findings: &Findings, specification: &Specification, server: &TestServer, seed: u64) {
    let log = server.log();
    let errors: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("\"ERROR\"") || line.contains("panicked"))
        .take(20)
        .collect();
    let faults: Vec<_> = findings.faults.iter().take(30).collect();
    for (what, request) in &faults {
        println!("--- {what}\n    {request}");
    }
    assert!(
        faults.is_empty() && errors.is_empty(),
        "CAUSEWAY_FUZZ_SEED={seed}: {} faults; in the log: {errors:#?}",
        findings.faults.len()
    );
    let missed = specification.operations().iter().map(Operation::id);
    let missed: Vec<_> = missed
        .filter(|id| !findings.succeeded.contains(*id))
        .collect();
    assert!(
        findings.succeeded.len() >= REACHED,
        "CAUSEWAY_FUZZ_SEED={seed}: never a success for {missed:?}"
    );
}

async fn ask(
    http: &reqwest::Client,
    server: &TestServer,
    world: &World,
    operation: &Operation,
    mut rng: StdRng,
) -> Findings {
    let mut findings = Findings::default();
    let own_people = ENDS_SESSIONS.contains(&operation.id());
    let mut who = speaker(server, world, operation, &mut rng).await;
    for number in 0..RIGHT + WRONG {
        let faults = if number < RIGHT {
            0
        } else {
            rng.random_range(1..4)
        };
        let known = if own_people {
            &world.known.of(&who)
        } else if by_admin(operation) {
            // Whoever is locked or suspended says nothing more in this round.
            &world.known.of(&world.bob)
        } else {
            &world.known
        };
        let request = requests::make(operation, known, who.access_token(), faults, &mut rng);
        findings.requests += 1;
        match fault_of(http, server, &request).await {
            Ok(status) if status < 300 => {
                findings.succeeded.insert(operation.id().to_owned());
                if own_people {
                    who = speaker(server, world, operation, &mut rng).await;
                }
            }
            Ok(_) => {}
            Err(fault) => {
                let what = format!("{} {fault}", operation.id());
                findings.faults.insert(what, request.describe());
            }
        }
    }
    findings
}

fn by_admin(operation: &Operation) -> bool {
    operation.template().contains("/admin/")
}

/// Who makes the requests of an operation.
async fn speaker(
    server: &TestServer,
    world: &World,
    operation: &Operation,
    rng: &mut StdRng,
) -> TestClient {
    if ENDS_SESSIONS.contains(&operation.id()) {
        return server
            .user(&format!("mallory{}", rng.random::<u64>()))
            .await;
    }
    if by_admin(operation) {
        return world.admin.clone();
    }
    world.alice.clone()
}

/// The status of the answer, or what is wrong with it.
async fn fault_of(
    http: &reqwest::Client,
    server: &TestServer,
    request: &Request,
) -> Result<u16, String> {
    let url = format!("{}{}", server.url(), request.target);
    let mut call = http.request(request.method.clone(), url);
    if let Some(authorization) = &request.authorization {
        call = call.header("Authorization", authorization);
    }
    if let Some(content_type) = request.content_type {
        call = call.header("Content-Type", content_type);
    }
    if let Some(body) = &request.body {
        call = call.body(body.clone());
    }
    let answer = call
        .send()
        .await
        .map_err(|error| format!("no answer: {error:?}"))?;
    let status = answer.status().as_u16();
    let content_type = answer.headers().get("Content-Type");
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let body = answer
        .bytes()
        .await
        .map_err(|error| format!("half an answer: {error:?}"))?;
    if status >= 500 {
        return Err(format!("{status} {}", String::from_utf8_lossy(&body)));
    }
    if status >= 400 && request.method != reqwest::Method::HEAD {
        let faults = error_faults(&content_type, &body);
        if !faults.is_empty() {
            return Err(format!("{status} {}", faults.join("; ")));
        }
    }
    Ok(status)
}

impl Request {
    /// The request as a person reads it, long ones cut.
    fn describe(&self) -> String {
        let body = self
            .body
            .as_deref()
            .map(String::from_utf8_lossy)
            .unwrap_or_default();
        let cut: String = body.chars().take(600).collect();
        let target: String = self.target.chars().take(600).collect();
        format!("{} {target} {:?} {cut:?}", self.method, self.content_type)
    }
}

fn from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is not a number")),
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "a new seed for every run; the run prints it"
)]
fn clock_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(1, |since| since.as_nanos() as u64)
}
