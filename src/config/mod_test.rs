use super::*;

fn read(text: &str) -> Result<Settings, Mistakes> {
    parse(text, "causeway.toml", [])
}

fn mistakes(text: &str) -> Vec<String> {
    read(text)
        .unwrap_err()
        .0
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn with_environment(text: &str, variables: &[(&str, &str)]) -> Result<Settings, Mistakes> {
    let variables = variables
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    parse(text, "causeway.toml", variables)
}

#[test]
fn the_example_alone_is_enough() {
    let settings = read("").unwrap();
    assert_eq!(settings.server.name, "localhost");
    assert_eq!(settings.server.default_room_version.as_str(), "12");
    assert_eq!(settings.listen.plain_address, ["127.0.0.1:8008"]);
    assert_eq!(settings.media.max_upload_bytes, 50 << 20);
    assert_eq!(settings.login.access_token_lifetime_ms, 3_600_000);
    assert_eq!(
        settings.limits.send,
        RateLimit {
            per_minute: 600,
            burst: 100
        }
    );
    assert!(settings.database.url.is_none());
    assert_eq!(settings.media_dir(), Path::new("./data/media"));
    assert_eq!(settings.public_base_url(), "http://127.0.0.1:8008");
    let named = read("[server]\nname = \"a.example\"\n").unwrap();
    assert_eq!(named.public_base_url(), "https://a.example");
}

#[test]
fn the_example_repeated_as_a_file_is_the_same() {
    let (repeated, alone) = (read(EXAMPLE).unwrap(), read("").unwrap());
    assert_eq!(format!("{repeated:?}"), format!("{alone:?}"));
}

#[test]
fn a_relay_needs_credentials_of_one_kind() {
    let uris = "[turn]\nuris = [\"turn:turn.example.org\"]\n";
    assert!(mistakes(uris)[0].contains("turn.uris"));
    let secret = format!("{uris}shared_secret = \"x\"\n");
    assert!(read(&secret).is_ok());
    let both = format!("{secret}username = \"u\"\npassword = \"p\"\n");
    assert!(mistakes(&both)[0].contains("turn.username"));
    assert!(mistakes(&format!("{uris}username = \"u\"\n"))[0].contains("turn.username"));
    assert!(mistakes("[turn]\nuris = [\"http://turn.example.org\"]\n")[0].contains("turn.uris"));
}

#[test]
fn a_mail_server_comes_with_what_it_needs() {
    let from = "from = \"Us <us@a.example>\"\n";
    let mail = |more: &str| format!("[mail]\nhost = \"mail.a.example\"\n{from}{more}");
    let settings = read(&mail("user = \"u\"\npassword = \"p\"\n")).unwrap();
    assert!(settings.mail.is_offered());
    assert!(settings.mail.login.is_some());
    assert!(!read("").unwrap().mail.is_offered());
    for (text, key) in [
        (
            "[mail]\nhost = \"mail.a.example\"\n".to_owned(),
            "mail.host",
        ),
        (mail("user = \"u\"\n"), "mail.user"),
        (mail("tls = \"ssl\"\n"), "mail.tls"),
        (mail("next_link_hosts = [1]\n"), "mail.next_link_hosts"),
        (
            "[mail]\nrequired_to_register = true\n".to_owned(),
            "mail.required_to_register",
        ),
    ] {
        let found = mistakes(&text);
        assert!(found.len() == 1 && found[0].contains(key), "{found:?}");
    }
}

#[test]
fn a_captcha_has_both_its_keys_and_a_service() {
    let keys = "site_key = \"public\"\nsecret = \"s\"\n";
    for (service, url) in [
        (
            "recaptcha",
            "https://www.recaptcha.net/recaptcha/api/siteverify",
        ),
        ("hcaptcha", "https://api.hcaptcha.com/siteverify"),
    ] {
        let settings = read(&format!("[captcha]\nservice = \"{service}\"\n{keys}")).unwrap();
        let captcha = settings.captcha.unwrap();
        assert_eq!(captcha.verify_url, url);
        assert!(
            !format!("{captcha:?}").contains("\"s\""),
            "the secret shows"
        );
    }
    assert!(read("").unwrap().captcha.is_none());
    for (text, key) in [
        (keys.to_owned(), "captcha.site_key"),
        ("service = \"hcaptcha\"\n".to_owned(), "captcha.site_key"),
        (
            format!("service = \"hcaptcha\"\nverify_url = \"x\"\n{keys}"),
            "captcha.verify_url",
        ),
    ] {
        let found = mistakes(&format!("[captcha]\n{text}"));
        assert!(found.len() == 1 && found[0].contains(key), "{found:?}");
    }
}

/// A key that stands commented out must exist: `#key = value` has no space, prose has one.
#[test]
fn every_commented_key_of_the_example_is_a_key() {
    let commented = |line: &str| match line.strip_prefix('#') {
        // secrets come from one place: keep the texts, leave out the files
        Some(rest) if rest.contains("_file = ") => String::new(),
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => {
            rest.to_owned()
        }
        _ => line.to_owned(),
    };
    let lines: Vec<_> = EXAMPLE.lines().map(commented).collect();
    let text = lines
        .join("\n")
        .replace("tls_address = []", "tls_address = [\"0.0.0.0:8448\"]")
        // these stand for each other
        .replace(
            "username = \"causeway\"\npassword = \"long-and-random\"\n",
            "",
        );
    let settings = read(&text).unwrap();
    assert!(matches!(
        settings.turn.credentials,
        Some(TurnCredentials::SharedSecret(_))
    ));
    assert_eq!(settings.registration.terms.len(), 1);
    assert_eq!(settings.well_known.support_contacts.len(), 1);
    assert_eq!(
        settings.redis.url.unwrap().expose(),
        "redis://127.0.0.1:6379"
    );
}

#[test]
fn every_key_that_is_read_stands_in_the_example() {
    let defaults = tree::parse(EXAMPLE, "").unwrap();
    let mut reader = reader::Reader::new(defaults, tree::parse("", "").unwrap(), "", []);
    read::settings(&mut reader);
    for (table, keys) in reader.known() {
        for key in keys {
            let written = [format!("\n{key} = "), format!("\n#{key} = ")];
            let as_table = format!("\n#[[{table}.{key}]]");
            let found =
                written.iter().any(|it| EXAMPLE.contains(it)) || EXAMPLE.contains(&as_table);
            assert!(found, "{table}.{key} is not in config.example.toml");
        }
    }
}

#[test]
fn all_mistakes_are_told_at_once_with_line_and_remedy() {
    let text = "\
[server]
name = \"not a name!\"
publik_base_url = \"https://a.example\"

[listen]
plain_address = 8008
max_connections = \"many\"

[datbase]
url = \"postgres://a\"

[media]
max_upload_bytes = \"50 megs\"
shared_secret = \"x\"
";
    let found = mistakes(text);
    let starts = [
        "causeway.toml:2: server.name: a text that does not fit; right would be a server name",
        "causeway.toml:3: server.publik_base_url: unknown; did you mean `public_base_url`?",
        "causeway.toml:6: listen.plain_address: a number that does not fit; right would be a list",
        "causeway.toml:7: listen.max_connections: a text that does not fit; right would be a whole \
         number from 1 to 1000000",
        "causeway.toml:9: datbase: unknown; did you mean [database]?",
        "causeway.toml:13: media.max_upload_bytes: a text that does not fit; right would be",
        "causeway.toml:14: media.shared_secret: unknown; `shared_secret` belongs in [registration]",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (found, start) in found.iter().zip(starts) {
        assert!(
            found.starts_with(start),
            "{found}\nshould start with\n{start}"
        );
    }
}

#[test]
fn contradictions_name_the_key_that_stands_in_the_way() {
    for (text, line, key) in [
        (
            "[registration]\nrequire_token = true",
            2,
            "registration.require_token",
        ),
        (
            "[listen]\ntls_address = [\"0.0.0.0:1\"]",
            2,
            "listen.tls_address",
        ),
        (
            "[listen]\ntls_certificate = \"a\"",
            2,
            "listen.tls_certificate",
        ),
        ("[listen]\n\nplain_address = []", 3, "listen.plain_address"),
        (
            "[listen]\ntls_certificate=\"a\"\ntls_private_key=\"b\"\ntls_address=\"127.0.0.1:8008\"",
            4,
            "listen.tls_address",
        ),
        (
            "[login]\npassword = false\ntoken = false",
            2,
            "login.password",
        ),
        (
            "[password]\nargon2_lanes = 8\nargon2_memory_kib = 32",
            3,
            "password.argon2_memory_kib",
        ),
        (
            "[redis]\nurl = \"redis://a\"\nurl_file = \"/nowhere\"",
            3,
            "redis.url_file",
        ),
        (
            "[redis]\nurl_file = \"/nowhere/at/all\"",
            2,
            "redis.url_file",
        ),
    ] {
        let found = mistakes(text);
        let start = format!("causeway.toml:{line}: {key}: ");
        assert!(
            found.iter().any(|it| it.starts_with(&start)),
            "{start} in {found:?}"
        );
    }
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    let found = mistakes("[server]\nname = \"a\"\nname = = 2\n");
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("causeway.toml:3: this is not TOML"),
        "{found:?}"
    );
}

#[test]
fn a_key_above_all_tables_is_sent_to_its_table() {
    let found = mistakes("public_base_url = \"https://a.example\"\n");
    assert_eq!(
        found,
        ["causeway.toml:1: public_base_url: unknown; `public_base_url` belongs in [server]"]
    );
    let found = mistakes("server = 3\n");
    assert_eq!(
        found,
        ["causeway.toml:1: server: not a table; write it as a table: [server]"]
    );
}

#[test]
fn the_environment_wins_over_the_file() {
    let settings = with_environment(
        "[server]\nname = \"file.example\"\n[database]\nurl = \"postgres://file\"\n",
        &[
            ("CAUSEWAY_SERVER__NAME", "environment.example"),
            ("CAUSEWAY_LISTEN__PLAIN_ADDRESS", "127.0.0.1:1, [::1]:2"),
            ("CAUSEWAY_LISTEN__TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"),
            ("CAUSEWAY_REGISTRATION__OPEN", "true"),
            ("CAUSEWAY_MEDIA__MAX_UPLOAD_BYTES", "2 MiB"),
            ("CAUSEWAY_DATABASE__POOL_SIZE", "50"),
            ("CAUSEWAY_DATABASE__URL", ""),
            ("CAUSEWAY_CONFIG", "not a setting"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!(settings.server.name, "environment.example");
    assert_eq!(settings.listen.plain_address, ["127.0.0.1:1", "[::1]:2"]);
    assert!(settings.listen.trusted_proxies[0].contains([10, 1, 2, 3].into()));
    assert!(!settings.listen.trusted_proxies[0].contains([11, 1, 2, 3].into()));
    assert!(settings.registration.open);
    assert_eq!(settings.media.max_upload_bytes, 2 << 20);
    assert_eq!(settings.database.pool_size, 50);
    assert!(settings.database.url.is_none());
}

#[test]
fn mistakes_of_the_environment_name_the_variable() {
    let variables = [
        ("CAUSEWAY_SERVER__NAMES", "a.example"),
        ("CAUSEWAY_WELL_KNOWN__CLIENT", "perhaps"),
        ("CAUSEWAY_CERVER__NAME", "a.example"),
    ];
    let found = with_environment("", &variables).unwrap_err().0;
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "environment CAUSEWAY_CERVER__NAME: cerver.name: unknown; did you mean [server]?",
            "environment CAUSEWAY_SERVER__NAMES: server.names: unknown; did you mean `name`?",
            "environment CAUSEWAY_WELL_KNOWN__CLIENT: well_known.client: this value does not fit; \
             right would be true or false",
        ]
    );
}

#[test]
fn a_secret_may_stand_in_a_file_and_is_never_shown() {
    let dir = std::env::temp_dir().join(format!("causeway-secret-{}", std::process::id()));
    std::fs::write(&dir, "from a file\nsecond line\n").unwrap();
    let text = format!(
        "[registration]\nshared_secret_file = \"{}\"\n[metrics]\nbearer_token = \"abc\"\n",
        dir.display()
    );
    let settings = read(&text);
    std::fs::remove_file(&dir).unwrap();
    let settings = settings.unwrap();
    assert_eq!(
        settings
            .registration
            .shared_secret
            .as_ref()
            .unwrap()
            .expose(),
        "from a file"
    );
    let shown = format!("{settings:?}");
    assert!(
        !shown.contains("from a file") && !shown.contains("abc"),
        "{shown}"
    );
}

#[test]
fn a_list_of_tables_is_read_whole_or_not_at_all() {
    let contact = "[[well_known.support_contacts]]\nrole = \"m.role.admin\"\n";
    assert!(mistakes(contact)[0].starts_with("causeway.toml:1: well_known.support_contacts: "));
    let settings = read(&format!("{contact}email_address = \"a@b.example\"\n")).unwrap();
    assert_eq!(settings.well_known.support_contacts[0].role, "m.role.admin");
    assert_eq!(
        mistakes(&format!("{contact}mail = \"a@b.example\"\n")).len(),
        1
    );
}

#[test]
fn a_missing_file_is_a_mistake_with_a_way_out() {
    let error = load(Some(Path::new("/nowhere/causeway.toml")), []).unwrap_err();
    assert!(error.to_string().contains("generate-config"), "{error}");
}
