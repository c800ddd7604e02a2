//! Joining a room of another server with 10,000 members and 50,000 state events, over TLS on this
//! machine: how long until the user can send and is told of messages, how long until all members
//! are here, and what it costs. The other server is made by hand and has the whole answer ready.
//!
//!     CAUSEWAY_TEST_DATABASE_URL=... cargo bench --bench large_join [-- MEMBERS OTHERS]

mod load;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use causeway_testkit::remote::event_id;
use causeway_testkit::{Authority, RemoteKey, RemoteServer, Said, ServerOptions, TestServer};
use load::{Connection, PATIENCE, cpu_of, cpu_of_tree, peak_bytes, postmaster, resident_bytes};
use serde_json::{Value, json};
use sqlx::PgPool;

const MEMBERS: usize = 10_000;
/// State events that are no memberships.
const OTHERS: usize = 40_000;
const VERSION: &str = "11";
const USABLE: Duration = Duration::from_secs(2);
const COMPLETE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(5);

/// The room as the other server knows it.
struct Room {
    id: String,
    creator: String,
    key: RemoteKey,
    state: Vec<Value>,
    /// What authorises who joins, and what the creator says besides.
    auth: [String; 3],
    creator_joined: String,
    /// The newest event.
    last: Option<String>,
    depth: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let numbers: Vec<usize> = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let members = numbers.first().copied().unwrap_or(MEMBERS);
    let others = numbers.get(1).copied().unwrap_or(OTHERS);
    let authority = Authority::new();
    let theirs = RemoteServer::start(&authority).await;
    let start = Instant::now();
    let room = Room::new(&theirs, members, others);
    let bytes = room.serve(&theirs);
    println!(
        "a room of {} state events, {members} of them members: an answer of {} MiB, made in {:.0} s",
        room.state.len(),
        bytes >> 20,
        start.elapsed().as_secs_f64()
    );
    let options = ServerOptions::default()
        .text("log.filter", "warn")
        .federating(&authority);
    let ours = TestServer::start_with(options).await;
    measure(&ours, &theirs, &room, members).await
}

async fn measure(
    ours: &TestServer,
    theirs: &RemoteServer,
    room: &Room,
    members: usize,
) -> anyhow::Result<()> {
    let alice = ours.user("alice").await;
    let pool = PgPool::connect(&ours.database().url()).await?;
    let (process, postgres) = (
        ours.process_id().context("a process")?,
        postmaster(&pool).await?,
    );
    let resident = resident_bytes(process)?;
    let cpu = (cpu_of(process)?, cpu_of_tree(postgres)?);
    let mut connection = Connection::open(&ours.url()).await?;
    let token = alice.access_token();
    let start = Instant::now();
    let path = format!("/_matrix/client/v3/join/{}", room.id);
    call(&mut connection, "POST", &path, token, "{}").await?;
    let joined = start.elapsed();
    let path = format!("/_matrix/client/v3/rooms/{}/send/m.room.message/1", room.id);
    let body = json!({"msgtype": "m.text", "body": "Here I am"}).to_string();
    let sent = call(&mut connection, "PUT", &path, token, &body).await?;
    let sent = sent["event_id"].as_str().context("an event")?.to_owned();
    let last = heard(theirs, &sent).await?;
    let can_send = start.elapsed();
    let said = room.say(ours, theirs, &last).await?;
    told(&mut connection, token, &said).await?;
    let usable = start.elapsed();
    let path = format!("/_matrix/client/v3/rooms/{}/joined_members", room.id);
    let there = call(&mut connection, "GET", &path, token, "").await?;
    let there = there["joined"].as_object().context("members")?.len();
    ensure!(there == members + 1, "{there} members are here");
    let complete = start.elapsed();
    let spent = (cpu_of(process)? - cpu.0, cpu_of_tree(postgres)? - cpu.1);
    println!(
        "joined after {:.2} s; what was sent is there after {:.2} s, what was said there is here \
         after {:.2} s (limit {} s); all members are here after {:.2} s (limit {} s)",
        joined.as_secs_f64(),
        can_send.as_secs_f64(),
        usable.as_secs_f64(),
        USABLE.as_secs(),
        complete.as_secs_f64(),
        COMPLETE.as_secs()
    );
    println!(
        "CPU: server {:.2} s, Postgres {:.2} s; memory: {} MiB before, {} MiB at the peak",
        spent.0.as_secs_f64(),
        spent.1.as_secs_f64(),
        resident >> 20,
        peak_bytes(process)? >> 20
    );
    ensure!(
        complete < COMPLETE,
        "complete only after {:.1} s",
        complete.as_secs_f64()
    );
    ensure!(
        usable < USABLE,
        "usable only after {:.1} s",
        usable.as_secs_f64()
    );
    Ok(())
}

async fn call(
    connection: &mut Connection,
    method: &str,
    path: &str,
    token: &str,
    body: &str,
) -> anyhow::Result<Value> {
    let (status, answer) = connection.call(method, path, token, body).await?;
    let said = String::from_utf8_lossy(&answer[..answer.len().min(500)]);
    ensure!(status == 200, "{path}: {status} {said}");
    Ok(serde_json::from_slice(answer)?)
}

/// Waits until an event has come to the other server, and gives it.
async fn heard(theirs: &RemoteServer, id: &str) -> anyhow::Result<Value> {
    let waiting = async {
        loop {
            let heard = theirs.heard().await;
            let transactions = heard.iter().filter(|it| it.path.contains("/v1/send/"));
            let pdus = transactions.filter_map(|it| it.body["pdus"].as_array());
            let mut pdus = pdus.flatten();
            if let Some(pdu) = pdus.find(|pdu| event_id(VERSION, pdu) == id) {
                return pdu.clone();
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let heard = tokio::time::timeout(PATIENCE, waiting).await;
    heard.context("the message does not come to the other server")
}

/// Waits until a client that loads members lazily is told of an event.
async fn told(connection: &mut Connection, token: &str, id: &str) -> anyhow::Result<()> {
    let filter = "%7B%22room%22%3A%7B%22state%22%3A%7B%22lazy_load_members%22%3Atrue%7D%7D%7D";
    let start = Instant::now();
    let mut since = String::new();
    while start.elapsed() < PATIENCE {
        let path = format!("/_matrix/client/v3/sync?timeout=1000&filter={filter}{since}");
        let answer = call(connection, "GET", &path, token, "").await?;
        if answer["rooms"].to_string().contains(id) {
            return Ok(());
        }
        let next = answer["next_batch"].as_str().context("a token")?;
        since = format!("&since={next}");
    }
    anyhow::bail!("the message of the other server does not come")
}

impl Room {
    /// Makes and signs it. All members are of the one server: what signatures cost does not depend
    /// on whose they are.
    fn new(theirs: &RemoteServer, members: usize, others: usize) -> Self {
        let creator = theirs.user_id("creator");
        let mut room = Self {
            id: format!("!large:{}", theirs.name()),
            creator: creator.clone(),
            key: theirs.key(),
            state: Vec::with_capacity(members + others + 5),
            auth: Default::default(),
            creator_joined: String::new(),
            last: None,
            depth: 0,
        };
        let join = json!({"membership": "join", "displayname": "The creator"});
        let create = room.add(
            &creator,
            "m.room.create",
            "",
            json!({"room_version": VERSION}),
            &[],
        );
        let joined = room.add(&creator, "m.room.member", &creator, join, &[&create]);
        let levels = json!({"users": {creator.clone(): 100}});
        let by_creator = [&*create, &*joined];
        let levels = room.add(&creator, "m.room.power_levels", "", levels, &by_creator);
        let by_creator = [&*create, &*joined, &*levels];
        let rule = json!({"join_rule": "public"});
        let rule = room.add(&creator, "m.room.join_rules", "", rule, &by_creator);
        let name = json!({"name": "A large room"});
        room.add(&creator, "m.room.name", "", name, &by_creator);
        let for_members = [&*create, &*levels, &*rule];
        for n in 1..members {
            let user = theirs.user_id(&format!("member{n}"));
            let content = json!({"membership": "join", "displayname": format!("Member {n}")});
            room.add(&user, "m.room.member", &user, content, &for_members);
        }
        for n in 0..others {
            let content = json!({"url": format!("https://widgets.test/{n}"), "name": "A widget"});
            let key = n.to_string();
            room.add(&creator, "org.example.widget", &key, content, &by_creator);
        }
        room.auth = [create.clone(), levels.clone(), rule.clone()];
        room.creator_joined = joined;
        room
    }

    fn add(
        &mut self,
        sender: &str,
        kind: &str,
        key: &str,
        content: Value,
        auth: &[&str],
    ) -> String {
        self.depth += 1;
        let (id, event) = self.key.event(
            VERSION,
            json!({
                "type": kind, "state_key": key, "room_id": self.id, "sender": sender,
                "content": content, "depth": self.depth, "auth_events": auth,
                "prev_events": self.last.iter().collect::<Vec<_>>(),
                "origin_server_ts": 1_700_000_000_000_u64 + self.depth as u64,
            }),
        );
        self.state.push(event);
        self.last = Some(id.clone());
        id
    }

    /// Lets the other server answer who joins. Gives how long its answer is, in bytes.
    fn serve(&self, theirs: &RemoteServer) -> usize {
        let template = json!({
            "type": "m.room.member", "room_id": self.id, "content": {"membership": "join"},
            "auth_events": self.auth, "prev_events": [self.last], "depth": self.depth + 1,
        });
        let made = json!({"room_version": VERSION, "event": template});
        let get = "GET".parse().expect("a method");
        theirs.on(get, "/_matrix/federation/v1/make_join/", move |_| {
            Said::json(&made)
        });
        let rest = json!({
            "auth_chain": self.state[..4], "state": self.state, "origin": theirs.name(),
            "members_omitted": false, "servers_in_room": [theirs.name()],
        });
        // Put together by hand: the answer is not read and written anew while time is taken.
        let rest = rest.to_string();
        let length = rest.len();
        let put: reqwest::Method = "PUT".parse().expect("a method");
        let path = "/_matrix/federation/v2/send_join/";
        theirs.on(put.clone(), path, move |request| {
            let mut said = Said::json(&Value::Null);
            said.body = format!("{{\"event\":{},{}", request.body, &rest[1..]).into_bytes();
            said
        });
        theirs.on(put, "/_matrix/federation/v1/send/", |_| {
            Said::json(&json!({"pdus": {}}))
        });
        length
    }

    /// A message of the creator that follows on `last`; gives its id when the server has taken it.
    async fn say(
        &self,
        ours: &TestServer,
        theirs: &RemoteServer,
        last: &Value,
    ) -> anyhow::Result<String> {
        let depth = last["depth"].as_u64().context("a depth")? + 1;
        let [create, levels, _] = &self.auth;
        let (id, event) = self.key.event(
            VERSION,
            json!({
                "type": "m.room.message", "room_id": self.id, "sender": self.creator,
                "content": {"msgtype": "m.text", "body": "Welcome"}, "depth": depth,
                "auth_events": [create, levels, self.creator_joined],
                "prev_events": [event_id(VERSION, last)],
                "origin_server_ts": last["origin_server_ts"],
            }),
        );
        let body = json!({"origin": theirs.name(), "origin_server_ts": 1, "pdus": [event]});
        let name = ours.name();
        let to = (&*name, ours.federation_address());
        let put = "PUT".parse().expect("a method");
        let call = theirs.call(to, put, "/_matrix/federation/v1/send/welcome");
        let reply = call.json(body).send().await;
        let taken = &reply.json()["pdus"][&id];
        ensure!(
            reply.status == 200 && taken.get("error").is_none() && taken.is_object(),
            "the message is not taken: {reply:?}"
        );
        Ok(id)
    }
}
