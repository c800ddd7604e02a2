//! Licences as crates state them: SPDX expressions.

/// Whether what is allowed is enough for an expression: one side of an `OR`, both sides of an
/// `AND`. An exception (`WITH`) belongs to its licence, and a slash is an old way to write `OR`.
/// What is no expression is not allowed.
pub(super) fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ");
    let spaced = spaced.replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let verdict = any_of(&mut words, allowed);
    words.next().is_none() && verdict == Some(true)
}

type Words<'a, 'b> = &'a mut std::iter::Peekable<std::str::SplitWhitespace<'b>>;

fn any_of(words: Words<'_, '_>, allowed: &[&str]) -> Option<bool> {
    let mut verdict = all_of(words, allowed)?;
    while words.next_if_eq(&"OR").is_some() {
        // both sides are read, or the rest would not be looked at
        let other = all_of(words, allowed)?;
        verdict |= other;
    }
    Some(verdict)
}

fn all_of(words: Words<'_, '_>, allowed: &[&str]) -> Option<bool> {
    let mut verdict = one(words, allowed)?;
    while words.next_if_eq(&"AND").is_some() {
        let other = one(words, allowed)?;
        verdict &= other;
    }
    Some(verdict)
}

fn one(words: Words<'_, '_>, allowed: &[&str]) -> Option<bool> {
    match words.next()? {
        "(" => {
            let verdict = any_of(words, allowed)?;
            words.next_if_eq(&")")?;
            Some(verdict)
        }
        ")" | "AND" | "OR" | "WITH" => None,
        licence => {
            // a plus allows later versions, too
            let mut name = licence.trim_end_matches('+').to_owned();
            if words.next_if_eq(&"WITH").is_some() {
                name = format!("{licence} WITH {}", words.next()?);
            }
            Some(allowed.contains(&name.as_str()))
        }
    }
}

#[test]
fn one_side_of_an_or_is_enough_and_both_of_an_and_are_needed() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"];
    for right in [
        "MIT",
        "GPL-3.0 OR MIT",
        "MIT/GPL-3.0",
        "(GPL-3.0 OR MIT) AND ISC",
        "MIT AND ISC OR GPL-3.0",
        "MIT+",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(is_allowed(right, &allowed), "{right}");
    }
    for wrong in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR ISC) AND GPL-3.0",
        "Apache-2.0",
        "MIT WITH LLVM-exception",
        "(MIT",
        "MIT)",
        "MIT ISC",
        "MIT OR",
    ] {
        assert!(!is_allowed(wrong, &allowed), "{wrong}");
    }
}
