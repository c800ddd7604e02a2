use causeway_sso::Protocol;

use crate::config::parse;

fn read(text: &str) -> Result<Vec<causeway_sso::ProviderSettings>, String> {
    let settings = parse(text, "causeway.toml", []);
    settings
        .map(|settings| settings.sso.providers)
        .map_err(|error| error.0[0].to_string())
}

#[test]
fn a_provider_needs_little() {
    let text = "[[sso.providers]]\nid = \"one\"\nissuer = \"https://id.example.org/\"\n\
                client_id = \"us\"\n[[sso.providers]]\nid = \"two\"\nprotocol = \"cas\"\n\
                server_url = \"https://cas.example.org/cas/\"\n";
    let providers = read(text).unwrap();
    let Protocol::OpenId(openid) = &providers[0].protocol else {
        panic!("{:?}", providers[0]);
    };
    assert_eq!(openid.issuer, "https://id.example.org/");
    assert_eq!(openid.scopes, ["openid", "profile"]);
    assert!(openid.client_secret.is_none() && !openid.user_info);
    assert!(providers[0].creates_accounts && !providers[0].links_existing);
    assert_eq!(providers[0].name, "one");
    assert!(
        matches!(&providers[1].protocol, Protocol::Cas { server_url, validate_path }
        if server_url == "https://cas.example.org/cas" && validate_path == "/p3/serviceValidate")
    );
}

#[test]
fn a_secret_comes_from_a_file_and_is_not_shown() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "top secret\nmore\n").unwrap();
    let path = file.path().display();
    let text = format!(
        "[[sso.providers]]\nid = \"one\"\nissuer = \"https://id.example.org\"\n\
         client_id = \"us\"\nclient_secret_file = \"{path}\"\n"
    );
    let providers = read(&text).unwrap();
    let Protocol::OpenId(openid) = &providers[0].protocol else {
        panic!("{:?}", providers[0]);
    };
    assert!(openid.client_secret.is_some());
    assert!(!format!("{providers:?}").contains("top"));
}

#[test]
fn what_a_provider_lacks_is_told() {
    let good = "id = \"one\"\nissuer = \"https://id.example.org\"\nclient_id = \"us\"\n";
    for (keys, part) in [
        ("", "with `id`"),
        ("id = \"a b\"\n", "an `id` of letters"),
        ("id = \"one\"\n", "with `issuer`"),
        ("id = \"one\"\nissuer = \"x\"\n", "an `issuer`"),
        ("id = \"one\"\nprotocol = \"saml\"\n", "protocol = "),
        ("id = \"one\"\nprotocol = \"cas\"\n", "a `server_url`"),
        (
            "id = \"one\"\nprotocol = \"cas\"\nissuer = \"x\"\n",
            "without `issuer`",
        ),
        (&format!("{good}secret = \"x\"\n"), "without `secret`"),
        (
            &format!("{good}token_endpoint = \"https://a.example\"\n"),
            "all of",
        ),
        (
            &format!("{good}localpart = \"everybody\"\n"),
            "a claim in braces",
        ),
        (&format!("{good}client_auth = \"jwt\"\n"), "client_auth = "),
        (
            &format!("{good}icon = \"https://a.example\"\n"),
            "an `icon`",
        ),
        (&format!("{good}scopes = \"openid\"\n"), "a list of texts"),
        (
            &format!("{good}client_secret_file = \"/nowhere\"\n"),
            "a file that can be read",
        ),
        (&format!("{good}create_accounts = 1\n"), "true or false"),
        (&format!("{good}[[sso.providers]]\n{good}"), "given twice"),
    ] {
        let mistake = read(&format!("[[sso.providers]]\n{keys}")).unwrap_err();
        assert!(mistake.contains(part), "{keys}: {mistake}");
    }
}
