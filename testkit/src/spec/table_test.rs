use super::*;

fn exercised(pairs: &[(&str, &str)]) -> Exercised {
    let mut exercised = Exercised::new();
    for (operation, test) in pairs {
        let tests = exercised.entry((*operation).to_owned()).or_default();
        tests.insert((*test).to_owned());
    }
    exercised
}

#[test]
fn a_row_names_a_test_and_keeps_it() {
    let specification = Specification::load();
    let first = exercised(&[("getVersions", "b::versions")]);
    let (text, _) = table(&specification, &first, "");
    let row = "| `GET /_matrix/client/versions` getVersions | `b::versions` |";
    assert!(text.lines().any(|line| line == row), "{text}");

    let more = exercised(&[
        ("getVersions", "a::versions"),
        ("getVersions", "b::versions"),
    ]);
    assert_eq!(table(&specification, &more, &text).0, text);
    let other = exercised(&[("getVersions", "a::versions")]);
    let (text, _) = table(&specification, &other, &text);
    assert!(text.contains("| `a::versions` |"), "{text}");
}

#[test]
fn operations_without_a_test_are_faults() {
    let (text, faults) = table(&Specification::load(), &Exercised::new(), "");
    assert!(faults.contains(&"no test exercises getVersions".to_owned()));
    assert!(text.contains("getVersions | ? |"));
}

#[test]
fn what_is_exercised_may_not_be_listed_as_missing() {
    let Some(missing) = NOT_YET.first() else {
        return;
    };
    let (_, faults) = table(&Specification::load(), &exercised(&[(missing, "a::b")]), "");
    assert!(faults.iter().any(|fault| fault.contains("take it off")));
}

#[test]
fn operations_that_are_listed_as_missing_exist() {
    let specification = Specification::load();
    let ids: Vec<&str> = specification.operations.iter().map(Operation::id).collect();
    for id in NOT_YET {
        assert!(ids.contains(id), "there is no operation {id}");
    }
}
