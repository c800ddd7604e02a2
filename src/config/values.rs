//! Readings of single values: numbers in a range, sizes, times, addresses, URLs.

use std::{ops::RangeInclusive, path::PathBuf};

use super::{
    reader::Section,
    settings::{IpRange, Secret},
    tree::Tree,
};

const KIB: u64 = 1 << 10;
const SECOND_MS: u64 = 1_000;

/// `false` or `true`.
pub(super) fn flag(section: &mut Section<'_>, key: &'static str) -> bool {
    section.load(key, "true or false", |tree| match tree {
        Tree::Flag(flag) => Some(*flag),
        _ => None,
    })
}

/// A whole number in a range.
pub(super) fn number<T: TryFrom<u64>>(
    section: &mut Section<'_>,
    key: &'static str,
    range: RangeInclusive<u64>,
) -> T {
    let right = format!("a whole number from {} to {}", range.start(), range.end());
    section.load(key, &right, |tree| in_range(whole(tree)?, &range))
}

/// A size in bytes: a whole number, or a text with a unit (`"50 MiB"`).
pub(super) fn bytes<T: TryFrom<u64>>(
    section: &mut Section<'_>,
    key: &'static str,
    range: RangeInclusive<u64>,
) -> T {
    section.load(key, &right_size(&range), |tree| size_in(tree, &range))
}

/// A size in bytes that may be absent.
pub(super) fn find_bytes<T: TryFrom<u64>>(
    section: &mut Section<'_>,
    key: &'static str,
    range: RangeInclusive<u64>,
) -> Option<T> {
    section.find(key, &right_size(&range), |tree| size_in(tree, &range))
}

fn right_size(range: &RangeInclusive<u64>) -> String {
    format!(
        "a number of bytes from {} to {}, or a text such as \"64 MiB\"",
        range.start(),
        range.end()
    )
}

fn size_in<T: TryFrom<u64>>(tree: &Tree, range: &RangeInclusive<u64>) -> Option<T> {
    let units = [
        ("B", 1),
        ("KiB", KIB),
        ("MiB", KIB * KIB),
        ("GiB", KIB * KIB * KIB),
    ];
    in_range(with_unit(tree, &units)?, range)
}

/// A time in milliseconds: a whole number, or a text with a unit (`"30s"`).
pub(super) fn millis(
    section: &mut Section<'_>,
    key: &'static str,
    range: RangeInclusive<u64>,
) -> u64 {
    let right = format!(
        "a number of milliseconds from {} to {}, or a text such as \"30s\", \"5m\", \"1h\", \"7d\"",
        range.start(),
        range.end()
    );
    let units = [
        ("ms", 1),
        ("s", SECOND_MS),
        ("m", 60 * SECOND_MS),
        ("h", 3_600 * SECOND_MS),
        ("d", 86_400 * SECOND_MS),
    ];
    section.load(key, &right, |tree| {
        in_range(with_unit(tree, &units)?, &range)
    })
}

/// A text that must be there.
pub(super) fn text<T>(
    section: &mut Section<'_>,
    key: &'static str,
    right: &str,
    read: impl Fn(&str) -> Option<T>,
) -> T {
    section.load(key, right, |tree| read(as_text(tree)?))
}

/// A text that may be absent.
pub(super) fn find_text<T>(
    section: &mut Section<'_>,
    key: &'static str,
    right: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    section.find(key, right, |tree| read(as_text(tree)?))
}

/// A path that may be absent.
pub(super) fn find_path(section: &mut Section<'_>, key: &'static str) -> Option<PathBuf> {
    find_text(section, key, "a path", |path| {
        (!path.is_empty()).then(|| PathBuf::from(path))
    })
}

/// A list of texts; a single text is a list of one.
pub(super) fn texts<T>(
    section: &mut Section<'_>,
    key: &'static str,
    right: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Vec<T> {
    section.load(key, right, |tree| match tree {
        Tree::List(nodes) => nodes
            .iter()
            .map(|node| read(as_text(&node.tree)?))
            .collect(),
        _ => Some(vec![read(as_text(tree)?)?]),
    })
}

/// A secret: the value of `key`, or the first line of the file that `file_key` names.
pub(super) fn find_secret(
    section: &mut Section<'_>,
    key: &'static str,
    file_key: &'static str,
    right: &str,
    fits: impl Fn(&str) -> bool,
) -> Option<Secret> {
    let read = |text: &str| fits(text).then(|| Secret::new(text));
    let direct = find_text(section, key, right, read);
    let Some(path) = find_path(section, file_key) else {
        return direct;
    };
    if direct.is_some() {
        let problem = format!("both `{key}` and `{file_key}` are given");
        section.contradiction(file_key, &problem, "keep one of them");
        return direct;
    }
    let content = match std::fs::read_to_string(&path) {
        Ok(content) => content,
        Err(error) => {
            let problem = format!("{} cannot be read: {error}", path.display());
            section.contradiction(file_key, &problem, "name a file that this user may read");
            return None;
        }
    };
    let secret = read(content.lines().next().unwrap_or_default().trim());
    if secret.is_none() {
        let problem = format!("the first line of {} does not fit", path.display());
        section.contradiction(file_key, &problem, &format!("right would be {right}"));
    }
    secret
}

/// `host:port`, `[::1]:8008` for IPv6; with port 0 the system picks one.
pub(super) fn address(text: &str) -> Option<String> {
    let (host, port) = text.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let host_fits = match bare {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let letters = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
            !host.is_empty() && host.chars().all(letters)
        }
    };
    host_fits.then(|| text.to_owned())
}

/// An address or a range of addresses.
pub(super) fn ip_range(text: &str) -> Option<IpRange> {
    IpRange::parse(text)
}

/// `http://` or `https://` with a host, without query; slashes at the end are taken away.
pub(super) fn web_url(text: &str) -> Option<String> {
    let uri: http::Uri = text.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let fits = matches!(scheme, "http" | "https") && uri.host().is_some_and(|h| !h.is_empty());
    (fits && uri.query().is_none()).then(|| text.trim_end_matches('/').to_owned())
}

/// A text with something in it.
pub(super) fn filled(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_owned())
}

fn as_text(tree: &Tree) -> Option<&str> {
    match tree {
        Tree::Text(text) => Some(text),
        _ => None,
    }
}

fn whole(tree: &Tree) -> Option<u64> {
    match tree {
        Tree::Number(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

fn with_unit(tree: &Tree, units: &[(&str, u64)]) -> Option<u64> {
    let Tree::Text(text) = tree else {
        return whole(tree);
    };
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn in_range<T: TryFrom<u64>>(number: u64, range: &RangeInclusive<u64>) -> Option<T> {
    range.contains(&number).then(|| T::try_from(number).ok())?
}
