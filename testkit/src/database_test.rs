use super::with_database;

#[test]
fn the_database_is_replaced_in_every_form_of_address() {
    for (url, expected) in [
        (
            "postgres://u@h:5/postgres?host=/run",
            "postgres://u@h:5/x?host=/run",
        ),
        ("postgres://u@h:5/postgres", "postgres://u@h:5/x"),
        ("postgres://u@h:5", "postgres://u@h:5/x"),
        (
            "postgres://u@h?host=/run/pg",
            "postgres://u@h/x?host=/run/pg",
        ),
    ] {
        assert_eq!(with_database(url, "x"), expected);
    }
}
