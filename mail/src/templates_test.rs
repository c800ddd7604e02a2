use super::*;

#[test]
fn every_letter_has_a_subject_and_names_the_server() {
    let templates = Templates::load(None).expect("the built-in texts");
    for (at, kind) in Kind::ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, at);
        let (subject, text) =
            templates.write(kind, "example.org", "https://l.example/?a={hours}", 24);
        assert!(!subject.is_empty() && !subject.contains('{'), "{subject}");
        assert!(text.contains("example.org"), "{text}");
        let has_link = text.contains("https://l.example/?a={hours}");
        assert_eq!(has_link, kind.needs_link(), "{text}");
    }
}

#[test]
fn an_operators_text_takes_the_place_of_the_built_in_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password.txt");
    std::fs::write(&file, "Neues Kennwort\r\n\r\nHier: {link}\n").expect("a file");
    let templates = Templates::load(Some(folder.path())).expect("texts");
    let (subject, text) = templates.write(Kind::Password, "example.org", "L", 1);
    assert_eq!(
        (subject.as_str(), text.as_str()),
        ("Neues Kennwort", "Hier: L\n")
    );
    let (subject, _) = templates.write(Kind::Add, "example.org", "L", 1);
    assert_eq!(subject, "Confirm your e-mail address");

    for bad in ["Subject\n\nno link\n", "one line {link}", "\n\n{link}\n"] {
        std::fs::write(&file, bad).expect("a file");
        let error = Templates::load(Some(folder.path())).expect_err("a bad text");
        assert!(error.to_string().contains("password.txt"), "{error}");
    }
}
