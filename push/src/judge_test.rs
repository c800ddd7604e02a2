use super::*;

fn outcome(highlight: bool) -> Outcome {
    Outcome {
        highlight,
        actions: r#"["notify"]"#.into(),
    }
}

fn counts(user: &ForUser) -> (i16, i16) {
    (user.notified, user.highlighted)
}

#[test]
fn what_an_event_means_besides_adds_up_to_what_it_means() {
    let shared = outcome(false);
    // The sender is told nothing.
    assert_eq!(
        counts(&ForUser::besides("@a:b", None, Some(&shared))),
        (-1, 0)
    );
    // Whoever is mentioned gets a highlight on top.
    let mention = ForUser::besides("@a:b", Some(outcome(true)), Some(&shared));
    assert_eq!(counts(&mention), (0, 1));
    // Where it means nothing to the others, all of it.
    let mention = ForUser::besides("@a:b", Some(outcome(true)), None);
    assert_eq!(counts(&mention), (1, 1));
    let room = outcome(true);
    assert_eq!(
        counts(&ForUser::besides("@a:b", None, Some(&room))),
        (-1, -1)
    );
    assert!(
        ForUser::besides("@a:b", None, Some(&room))
            .actions
            .is_none()
    );
    assert_eq!(counts(&ForUser::whole("@a:b", outcome(true))), (1, 1));
}
