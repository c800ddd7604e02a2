//! Letters, their links and what stands against abuse.

use causeway_testkit::account::PASSWORD;
use causeway_testkit::{Authority, MailServer, Reply, TestServer, v3};
use serde_json::{Value, json};

use super::{PAGE, add, for_password, link_of, proof, submit, to_add, to_register, wish};

#[tokio::test]
async fn answers_do_not_tell_which_addresses_there_are() {
    let mail = MailServer::start().await;
    let server = TestServer::start_with(mail.options()).await;
    let alice = server.user("alice").await;
    add(&alice, &mail, "alice@example.org").await;
    let client = server.client();
    for path in [to_register(), to_add(), for_password()] {
        let secret = path.replace('/', ".");
        for address in ["alice@example.org", "nobody@example.org"] {
            let answer = client.post(&path, wish(address, &secret, 1)).await;
            let fields: Vec<_> = answer.as_object().into_iter().flatten().collect();
            assert_eq!(fields.len(), 1, "{answer}");
            let fits = (address == "alice@example.org") == (path == for_password());
            assert_eq!(
                mail.newest_to(address).link().is_some(),
                fits,
                "{path} {address}"
            );
        }
    }
    assert_eq!(mail.letters().len(), 7);
}

#[tokio::test]
async fn a_letter_is_sent_once_for_each_attempt() {
    let mail = MailServer::start().await;
    let server = TestServer::start_with(mail.options()).await;
    let client = server.client();
    let ask = |attempt| client.post(to_register(), wish("a@example.org", "s", attempt));
    let first = ask(2).await;
    let (sid, old) = link_of(&mail, "a@example.org");
    assert_eq!(first["sid"], json!(sid));
    assert_eq!((ask(2).await, ask(1).await), (first.clone(), first.clone()));
    assert_eq!(mail.letters().len(), 1);
    assert_eq!(ask(3).await, first);
    assert_eq!(mail.letters().len(), 2);
    // The newer letter's link has taken the place of the older one's.
    let (_, new) = link_of(&mail, "a@example.org");
    assert_eq!(submit(&client, &sid, &old).await["success"], false);
    assert_eq!(submit(&client, &sid, &new).await["success"], true);

    // A letter that could not be sent is sent when the attempt comes again.
    mail.refuse(true);
    ask(4).unspecified().fails(500, "M_UNKNOWN").await;
    mail.refuse(false);
    assert_eq!(ask(4).await, first);
    assert_eq!(mail.letters().len(), 3);
    assert!(
        !server.log().contains("cwe_"),
        "a link's token is in the log"
    );
}

#[tokio::test]
async fn nobodys_mailbox_is_filled_and_no_token_guessed() {
    let mail = MailServer::start().await;
    let server = TestServer::start_with(mail.options()).await;
    let client = server.client();
    for attempt in 0..20 {
        let secret = format!("s{attempt}");
        client
            .post(to_register(), wish("a@example.org", &secret, 1))
            .await;
    }
    let more = client
        .post(to_register(), wish("a@example.org", "more", 1))
        .reply()
        .await;
    assert_eq!(
        (more.status, more.code().as_str()),
        (429, "M_LIMIT_EXCEEDED")
    );
    assert!(more.json()["retry_after_ms"].as_u64() > Some(80_000_000));
    assert_eq!(mail.letters().len(), 20);
    client
        .post(to_register(), wish("b@example.org", "s", 1))
        .await;

    let (sid, token) = link_of(&mail, "b@example.org");
    for _ in 0..20 {
        assert_eq!(submit(&client, &sid, "guessed").await["success"], false);
    }
    // Even the right one is too late now.
    assert_eq!(submit(&client, &sid, &token).await["success"], false);
}

#[tokio::test]
async fn a_page_asks_before_it_confirms() {
    let mail = MailServer::start().await;
    let options = mail
        .options()
        .set("mail.next_link_hosts", "[\"127.0.0.1\"]");
    let server = TestServer::start_with(options).await;
    let client = server.client();
    let with_next = |secret: &str, link: &str| {
        let mut body = wish("a+b@example.org", secret, 1);
        body["next_link"] = json!(link);
        client.post(to_register(), body)
    };
    for bad in [
        "javascript:alert(1)",
        "https://evil.example/",
        "https://127.0.0.1@evil.example/",
    ] {
        with_next("bad", bad)
            .malformed()
            .fails(400, "M_INVALID_PARAM")
            .await;
    }
    let next = format!("{}/_matrix/client/versions", server.url());
    let begun = with_next("s", &next).await;
    let (sid, token) = link_of(&mail, "a+b@example.org");
    let page = || {
        client
            .get(PAGE)
            .query("sid", &sid)
            .query("token", &token)
            .unspecified()
    };
    let shown: Reply = page().reply().await;
    assert_eq!(shown.status, 200);
    assert!(shown.header("content-type").starts_with("text/html"));
    assert!(
        shown
            .header("content-security-policy")
            .contains("default-src 'none'")
    );
    assert_eq!(shown.header("referrer-policy"), "no-referrer");
    assert!(String::from_utf8_lossy(&shown.bytes).contains("a+b@example.org"));

    // Having seen the page is no proof yet.
    let stage = |secret: &str| {
        let mut body = json!({"username": "alice", "password": PASSWORD, "inhibit_login": true});
        body["auth"] = proof(&begun["sid"], secret);
        client.post(v3(&["register"]), body)
    };
    assert_eq!(stage("s").reply().await.status, 401);
    let pressed = |token: &str| {
        let form = format!("sid={sid}&token={token}");
        let kind = "application/x-www-form-urlencoded";
        client.post(PAGE, Value::Null).raw(kind, form).unspecified()
    };
    let wrong = pressed("%3Cscript%3E").reply().await;
    let wrong = String::from_utf8_lossy(&wrong.bytes).into_owned();
    assert!(
        wrong.contains("does not work") && !wrong.contains("<script"),
        "{wrong}"
    );
    let led = pressed(&token).reply().await;
    assert_eq!(led.status, 303);
    assert_eq!(led.header("location"), next);
    assert_eq!(stage("s").reply().await.status, 200);
    // Its work is done.
    let gone = page().reply().await;
    assert!(String::from_utf8_lossy(&gone.bytes).contains("does not work"));
}

#[tokio::test]
async fn letters_go_by_tls_to_a_server_that_is_proved() {
    let authority = Authority::new();
    let mail = MailServer::start_strict(&authority).await;
    let options = mail
        .options()
        .text("mail.user", "causeway")
        .text("mail.password", "secret");
    let file = authority.file().display().to_string();
    let trusting = options.clone().text("mail.trusted_authorities", &file);
    let server = TestServer::start_with(trusting).await;
    let client = server.client();
    client
        .post(to_register(), wish("a@example.org", "s", 1))
        .await;
    let letter = mail.newest_to("a@example.org");
    // "\0causeway\0secret"
    assert_eq!(letter.login.as_deref(), Some("AGNhdXNld2F5AHNlY3JldA=="));
    assert!(letter.by_tls);

    let doubting = TestServer::start_with(options).await;
    let refused = doubting
        .client()
        .post(to_register(), wish("a@example.org", "s", 1));
    refused.unspecified().fails(500, "M_UNKNOWN").await;
    assert_eq!(mail.letters().len(), 1);
}

#[tokio::test]
async fn wishes_for_letters_are_looked_at_closely() {
    let mail = MailServer::start().await;
    let options = mail.options().set("registration.open", "false");
    let server = TestServer::start_with(options).await;
    let client = server.client();
    let closed = client.post(to_register(), wish("a@example.org", "s", 1));
    closed.fails(403, "M_FORBIDDEN").await;
    for bad in [
        "",
        "a",
        "a@b@c",
        "a@example.org\r\nRCPT TO:<b@example.org>",
        "<a@example.org>",
    ] {
        let call = client.post(to_add(), wish(bad, "s", 1)).malformed();
        call.fails(400, "M_INVALID_PARAM").await;
    }
    for secret in ["", "with space", &"x".repeat(256)] {
        let call = client
            .post(to_add(), wish("a@example.org", secret, 1))
            .malformed();
        let reply = call.reply().await;
        assert_eq!(reply.status, 400, "{}", reply.json());
    }
    assert!(mail.letters().is_empty());
}
