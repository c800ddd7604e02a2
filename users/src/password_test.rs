use super::*;

#[tokio::test]
async fn the_right_password_and_no_other_is_accepted() {
    let hasher = Hasher::new(HashCost::CHEAPEST);
    let stored = hasher.hash(Secret::new("übers3kr1t")).await.unwrap();
    assert!(stored.starts_with("$argon2id$"), "{stored}");
    assert!(
        hasher
            .verify(Secret::new("übers3kr1t"), Some(stored.clone()))
            .await
            .unwrap()
    );
    assert!(
        !hasher
            .verify(Secret::new("ubers3kr1t"), Some(stored.clone()))
            .await
            .unwrap()
    );
    assert!(!hasher.verify(Secret::new(""), Some(stored)).await.unwrap());
}

#[tokio::test]
async fn two_hashes_of_one_password_differ() {
    let hasher = Hasher::new(HashCost::CHEAPEST);
    let first = hasher.hash(Secret::new("same")).await.unwrap();
    let second = hasher.hash(Secret::new("same")).await.unwrap();
    assert_ne!(first, second);
}

#[tokio::test]
async fn an_account_without_a_hash_accepts_nothing() {
    let hasher = Hasher::new(HashCost::CHEAPEST);
    assert!(
        !hasher
            .verify(Secret::new("no account"), None)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_hash_of_other_cost_is_still_understood() {
    let old = Hasher::new(HashCost {
        memory_kib: 64,
        iterations: 2,
        lanes: 1,
    });
    let stored = old.hash(Secret::new("kept")).await.unwrap();
    let new = Hasher::new(HashCost::CHEAPEST);
    assert!(new.verify(Secret::new("kept"), Some(stored)).await.unwrap());
}

#[test]
fn length_is_counted_in_characters_and_bounded_in_bytes() {
    assert!(check_strength("äöü", 3).is_ok());
    assert!(matches!(
        check_strength("äö", 3),
        Err(PasswordError::Weak(_))
    ));
    let long = "x".repeat(MAX_PASSWORD_BYTES + 1);
    assert!(matches!(
        check_strength(&long, 1),
        Err(PasswordError::Weak(_))
    ));
}
