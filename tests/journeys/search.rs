//! Searching what was said.

use std::time::{Duration, Instant};

use causeway_testkit::{Call, ServerOptions, TestClient, TestServer, v3};
use serde_json::{Value, json};
use sqlx::PgPool;

/// Waits until everything that was written can be found.
pub async fn indexed(server: &TestServer) {
    let pool = PgPool::connect(&server.database().url())
        .await
        .expect("the database");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let done: bool = sqlx::query_scalar(
            "SELECT f.done AND r.position >= h.position
             FROM log_head h, search_filling f, log_readers r WHERE r.name = 'search'",
        )
        .fetch_one(&pool)
        .await
        .expect("the database");
        if done {
            break;
        }
        assert!(Instant::now() < deadline, "the words are not kept");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    pool.close().await;
}

/// The request with some criteria.
#[track_caller]
fn search(client: &TestClient, criteria: Value) -> Call {
    let body = json!({"search_categories": {"room_events": criteria}});
    client.post(v3(&["search"]), body)
}

/// What a search gives.
#[track_caller]
fn found(client: &TestClient, criteria: Value) -> impl Future<Output = Value> + use<> {
    let call = search(client, criteria);
    async move { call.await["search_categories"]["room_events"].take() }
}

/// The texts that a search for some words gives, newest first.
async fn texts(client: &TestClient, term: &str) -> Vec<String> {
    texts_of(&found(client, json!({"search_term": term, "order_by": "recent"})).await)
}

fn texts_of(found: &Value) -> Vec<String> {
    let results = found["results"].as_array().expect("results").iter();
    let texts = results.map(|result| {
        let content = &result["result"]["content"];
        let texts = ["body", "name", "topic"].map(|key| content[key].as_str());
        texts.into_iter().flatten().next().unwrap_or("").to_owned()
    });
    texts.collect()
}

#[tokio::test]
async fn messages_names_and_topics_are_found() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice
        .create_room(
            json!({"preset": "public_chat", "name": "Herring shop", "topic": "All about herring"}),
        )
        .await;
    bob.join(&room).await;
    alice.say(&room, "A red HERRING, a red herring").await;
    bob.say(&room, "A mackerel").await;
    indexed(&server).await;

    let all = found(&bob, json!({"search_term": "herring"})).await;
    assert_eq!(all["count"], 3);
    assert_eq!(all["highlights"], json!(["herring"]));
    assert!(all.get("next_batch").is_none());
    assert!(all.get("state").is_none() && all.get("groups").is_none());
    // The best one is that which says it twice.
    assert_eq!(texts_of(&all)[0], "A red HERRING, a red herring");
    assert!(all["results"][0]["rank"].as_f64() > all["results"][1]["rank"].as_f64());
    assert_eq!(all["results"][0]["result"]["room_id"], room);
    assert!(all["results"][0].get("context").is_none());

    for (key, text) in [
        ("content.body", "A red HERRING, a red herring"),
        ("content.name", "Herring shop"),
        ("content.topic", "All about herring"),
    ] {
        let some = found(&bob, json!({"search_term": "herring", "keys": [key]})).await;
        assert_eq!(texts_of(&some), [text]);
    }
    assert_eq!(texts(&bob, "herring red").await.len(), 1);
    assert_eq!(texts(&bob, "\"red herring\" -mackerel").await.len(), 1);
    assert_eq!(texts(&bob, "\"herring red\"").await.len(), 0);
    assert_eq!(texts(&bob, "herring mackerel").await.len(), 0);
    let nothing = found(&bob, json!({"search_term": " ... "})).await;
    assert_eq!(nothing["count"], 0);
    let empty = bob
        .post(v3(&["search"]), json!({"search_categories": {}}))
        .await;
    assert_eq!(empty, json!({"search_categories": {}}));
}

#[tokio::test]
async fn edits_replace_and_redactions_remove() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let edit = |of: &str, text: &str| {
        json!({"msgtype": "m.text", "body": format!("* {text}"),
               "m.new_content": {"msgtype": "m.text", "body": text},
               "m.relates_to": {"rel_type": "m.replace", "event_id": of}})
    };
    let first = alice.say(&room, "a trout").await;
    let second = alice.say(&room, "a salmon").await;
    indexed(&server).await;
    let change = alice
        .send(&room, "m.room.message", edit(&first, "a whale"))
        .await;
    // What others call an edit of it is none.
    bob.send(&room, "m.room.message", edit(&second, "a shark"))
        .await;
    indexed(&server).await;
    assert_eq!(texts(&alice, "trout").await.len(), 0);
    assert_eq!(texts(&alice, "shark").await.len(), 0);
    assert_eq!(texts(&alice, "salmon").await, ["a salmon"]);
    let whale = found(&alice, json!({"search_term": "whale"})).await;
    assert_eq!(whale["results"][0]["result"]["event_id"], first);
    assert_eq!(whale["highlights"], json!(["whale"]));

    alice.redact(&room, &change).await;
    indexed(&server).await;
    assert_eq!(texts(&alice, "whale").await.len(), 0);
    assert_eq!(texts(&alice, "trout").await, ["a trout"]);
    alice.redact(&room, &first).await;
    alice.redact(&room, &second).await;
    indexed(&server).await;
    assert_eq!(texts(&alice, "trout").await.len(), 0);
    assert_eq!(texts(&alice, "a").await.len(), 0);
}

#[tokio::test]
async fn nobody_finds_what_they_may_not_see() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let carol = server.user("carol").await;
    let closed =
        json!([{"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}]);
    let room = alice
        .create_room(json!({"preset": "public_chat", "initial_state": closed}))
        .await;
    alice.say(&room, "the secret plan").await;
    bob.join(&room).await;
    alice.say(&room, "the plan for all").await;
    bob.leave(&room).await;
    alice.say(&room, "the plan without bob").await;
    let open = alice.create_public_room().await;
    alice.say(&open, "the early plan").await;
    bob.join(&open).await;
    indexed(&server).await;

    assert_eq!(texts(&alice, "plan").await.len(), 4);
    let criteria = json!({"search_term": "plan", "order_by": "recent"});
    let seen = found(&bob, criteria.clone()).await;
    assert_eq!(texts_of(&seen), ["the early plan", "the plan for all"]);
    assert_eq!(seen["count"], 2);
    // Not even that there is something.
    let hidden = found(&bob, json!({"search_term": "secret"})).await;
    assert_eq!(hidden["count"], 0);
    assert!(hidden.get("next_batch").is_none());
    assert_eq!(hidden["highlights"], json!([]));
    assert_eq!(found(&carol, criteria).await["count"], 0);
    bob.forget(&room).await;
    assert_eq!(texts(&bob, "plan").await, ["the early plan"]);

    let list = json!({"ignored_users": {alice.id(): {}}});
    bob.put(
        v3(&["user", bob.id(), "account_data", "m.ignored_user_list"]),
        list,
    )
    .await;
    assert_eq!(texts(&bob, "plan").await.len(), 0);
}

#[tokio::test]
async fn pages_go_on_at_all_levels() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let (one, two) = (
        alice.create_public_room().await,
        alice.create_public_room().await,
    );
    for room in [&one, &two] {
        bob.join(room).await;
    }
    for n in 0..6 {
        alice.say(&one, &format!("fish {n}")).await;
        bob.say(&two, &format!("fish {n} fish")).await;
    }
    indexed(&server).await;
    for order in ["recent", "rank"] {
        let criteria = json!({
            "search_term": "fish", "order_by": order, "filter": {"limit": 5},
            "groupings": {"group_by": [{"key": "room_id"}, {"key": "sender"}]},
        });
        let mut seen = Vec::new();
        let mut page = found(&alice, criteria.clone()).await;
        let groups = page["groups"].clone();
        let first = texts_of(&page);
        loop {
            assert_eq!(page["count"], 12);
            seen.extend(texts_of(&page));
            let Some(next) = page["next_batch"].as_str() else {
                break;
            };
            let call = search(&alice, criteria.clone()).query("next_batch", next);
            page = call.await["search_categories"]["room_events"].take();
        }
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        assert_eq!((seen.len(), once.len()), (12, 12), "{order}: {seen:?}");
        // A group goes on by itself, through its own events alone.
        for (kind, name, suffix) in [
            ("room_id", two.as_str(), " fish"),
            ("sender", bob.id(), " fish"),
        ] {
            let group = &groups[kind][name];
            let on_page = first.iter().filter(|text| text.ends_with(suffix)).count();
            assert_eq!(group["results"].as_array().map(Vec::len), Some(on_page));
            let next = group["next_batch"].as_str().expect("more in the group");
            let mut criteria = criteria.clone();
            criteria["filter"]["limit"] = 50.into();
            let call = search(&alice, criteria).query("next_batch", next);
            let rest = call.await["search_categories"]["room_events"].take();
            let rest = texts_of(&rest);
            assert_eq!(rest.len(), 6 - on_page, "{order} {kind}");
            assert!(rest.iter().all(|text| text.ends_with(suffix)));
        }
    }
}

#[tokio::test]
async fn context_names_and_states_come_along() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let name = v3(&["profile", alice.id(), "displayname"]);
    alice.put(name, json!({"displayname": "Alice Then"})).await;
    let room = alice
        .create_room(json!({"preset": "public_chat", "name": "Fishmonger"}))
        .await;
    bob.join(&room).await;
    alice.say(&room, "one").await;
    alice.say(&room, "two").await;
    bob.say(&room, "a pike").await;
    alice.say(&room, "four").await;
    let name = v3(&["profile", alice.id(), "displayname"]);
    alice.put(name, json!({"displayname": "Alice Now"})).await;
    indexed(&server).await;
    let criteria = json!({
        "search_term": "pike", "include_state": true,
        "event_context": {"before_limit": 1, "after_limit": 5, "include_profile": true},
    });
    let answer = found(&bob, criteria.clone()).await;
    let context = &answer["results"][0]["context"];
    let bodies = |key: &str| -> Vec<Value> {
        let events = context[key].as_array().expect("events").iter();
        events
            .map(|event| event["content"]["body"].clone())
            .collect()
    };
    assert_eq!(bodies("events_before"), ["two"]);
    assert_eq!(bodies("events_after")[0], "four");
    let people = &context["profile_info"];
    assert_eq!(people[alice.id()]["displayname"], "Alice Then");
    assert!(people.get(bob.id()).is_some());
    let before = bob.messages(&room, "b", context["start"].as_str(), 1).await;
    assert_eq!(before["chunk"][0]["content"]["body"], "one");
    let state = answer["state"][&room].as_array().expect("the room's state");
    let has = |kind: &str| state.iter().filter(|event| event["type"] == kind).count();
    assert_eq!((has("m.room.name"), has("m.room.member")), (1, 2));

    // Whoever left gets the room as they left it.
    bob.leave(&room).await;
    alice
        .set_state(&room, "m.room.name", "", json!({"name": "Butcher"}))
        .await;
    indexed(&server).await;
    let answer = found(&bob, criteria).await;
    let state = answer["state"][&room].as_array().expect("the room's state");
    let named = state.iter().find(|event| event["type"] == "m.room.name");
    assert_eq!(named.expect("a name")["content"]["name"], "Fishmonger");
}

#[tokio::test]
async fn filters_are_kept() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let (one, two) = (
        alice.create_public_room().await,
        alice.create_public_room().await,
    );
    bob.join(&one).await;
    alice.say(&one, "carp 1").await;
    bob.say(&one, "carp 2").await;
    alice.say(&two, "carp 3").await;
    let picture = json!({"msgtype": "m.image", "body": "carp 4", "url": "mxc://localhost/carp"});
    alice.send(&two, "m.room.message", picture).await;
    alice
        .set_state(&two, "m.room.topic", "", json!({"topic": "carp 5"}))
        .await;
    indexed(&server).await;
    for (filter, numbers) in [
        (json!({"rooms": [one]}), vec![1, 2]),
        (json!({"not_rooms": [one]}), vec![3, 4, 5]),
        (json!({"rooms": [one, two], "not_rooms": [two]}), vec![1, 2]),
        (json!({"rooms": []}), vec![]),
        (json!({"senders": [bob.id()]}), vec![2]),
        (json!({"not_senders": [alice.id()]}), vec![2]),
        (json!({"types": ["m.room.topic"]}), vec![5]),
        (
            json!({"types": ["m.room.*"], "not_types": ["m.room.message"]}),
            vec![5],
        ),
        (json!({"types": ["m.other"]}), vec![]),
        (json!({"contains_url": true}), vec![4]),
        (json!({"contains_url": false, "rooms": [two]}), vec![3, 5]),
    ] {
        let what = filter.to_string();
        let answer = found(&alice, json!({"search_term": "carp", "filter": filter})).await;
        let mut texts = texts_of(&answer);
        texts.sort();
        let wanted: Vec<_> = numbers.iter().map(|n| format!("carp {n}")).collect();
        assert_eq!(texts, wanted, "{what}");
        assert_eq!(answer["count"], wanted.len(), "{what}");
    }
}

#[tokio::test]
async fn relations_narrow_what_is_found() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let root = alice.say(&room, "apple root").await;
    alice.say(&room, "apple alone").await;
    let relation = json!({"rel_type": "m.thread", "event_id": root});
    let reply = json!({"msgtype": "m.text", "body": "apple reply", "m.relates_to": relation});
    alice.send_event(&room, "m.room.message", reply).await;
    indexed(&server).await;
    for (filter, expected) in [
        (json!({}), vec!["apple reply", "apple alone", "apple root"]),
        (
            json!({"org.matrix.msc3874.rel_types": ["m.thread"]}),
            vec!["apple reply"],
        ),
        (
            json!({"org.matrix.msc3874.not_rel_types": ["m.thread"]}),
            vec!["apple alone", "apple root"],
        ),
        (
            json!({"related_by_rel_types": ["m.thread"]}),
            vec!["apple root"],
        ),
        (
            json!({"related_by_senders": [alice.id()]}),
            vec!["apple root"],
        ),
        (json!({"related_by_senders": ["@x:y.z"]}), vec![]),
    ] {
        let criteria = json!({"search_term": "apple", "order_by": "recent", "filter": filter});
        let found = found(&alice, criteria).await;
        assert_eq!(texts_of(&found), expected, "{filter}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_told() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let path = || v3(&["search"]);
    let no = |body: Value| alice.post(path(), body).malformed();
    no(json!({})).fails(400, "M_MISSING_PARAM").await;
    let of = |criteria: Value| json!({"search_categories": {"room_events": criteria}});
    no(of(json!({}))).fails(400, "M_MISSING_PARAM").await;
    for criteria in [
        json!({"search_term": "a", "order_by": "size"}),
        json!({"search_term": "a", "keys": ["content.format"]}),
        json!({"search_term": "a".repeat(2000)}),
        json!({"search_term": "a\u{0}b"}),
    ] {
        let call = no(of(criteria));
        let reply = call.reply().await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (400, "M_INVALID_PARAM"),
            "{}",
            reply.json()
        );
    }
    no(of(json!({"search_term": 7})))
        .fails(400, "M_BAD_JSON")
        .await;
    let call = search(&alice, json!({"search_term": "a"}));
    call.query("next_batch", "t1_2")
        .fails(400, "M_INVALID_PARAM")
        .await;
    search(&alice, json!({"search_term": "a"}))
        .anonymous()
        .fails(401, "M_MISSING_TOKEN")
        .await;
    for term in ["'", "a & | !", "\"\"", "-", "or", "((("] {
        found(&alice, json!({"search_term": term})).await;
    }
}

#[tokio::test]
async fn words_are_found_in_the_language_of_the_server() {
    let options = ServerOptions::default().set("search.language", "[\"english\", \"german\"]");
    let mut server = TestServer::start_with(options).await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    alice.say(&room, "She was running home").await;
    alice.say(&room, "Die Häuser brennen").await;
    indexed(&server).await;
    let run = found(&alice, json!({"search_term": "runs"})).await;
    assert_eq!(texts_of(&run), ["She was running home"]);
    assert_eq!(run["highlights"], json!(["running"]));
    assert_eq!(texts(&alice, "Haus").await, ["Die Häuser brennen"]);
    assert_eq!(texts(&alice, "Hausboot").await.len(), 0);

    // What was there before the words were kept is gone through.
    server.stop().await;
    let pool = PgPool::connect(&server.database().url()).await.unwrap();
    for statement in [
        "DELETE FROM search_words",
        "UPDATE search_filling SET languages = '{simple}'",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    server.restart().await;
    indexed_in(&server, "english").await;
    indexed(&server).await;
    assert_eq!(texts(&alice, "runs").await, ["She was running home"]);
}

async fn indexed_in(server: &TestServer, language: &str) {
    let pool = PgPool::connect(&server.database().url())
        .await
        .expect("the database");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let query = "SELECT languages FROM search_filling";
        let languages: Vec<String> = sqlx::query_scalar(query)
            .fetch_one(&pool)
            .await
            .expect("the database");
        if languages.iter().any(|name| name == language) {
            return;
        }
        assert!(Instant::now() < deadline, "the language is not changed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
