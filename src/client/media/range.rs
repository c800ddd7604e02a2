//! Which part of a file is asked for (RFC 9110, "Range Requests"): a single range of bytes.
//! Anything else is answered with the whole file, which the RFC allows.

/// What to send of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The whole file.
    All,
    /// `length` bytes, at least one, from `from` on.
    Part {
        /// The first byte.
        from: u64,
        /// How many.
        length: u64,
    },
    /// What is asked for lies behind the end.
    Nothing,
}

/// Reads a `Range` header for a file of `size` bytes.
pub fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some(range) = header.and_then(|header| header.strip_prefix("bytes=")) else {
        return Wanted::All;
    };
    let Some((first, last)) = range.split_once('-') else {
        return Wanted::All;
    };
    match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(from), _) if last.trim().is_empty() => part(from, u64::MAX, size),
        (Ok(from), Ok(to)) if from <= to => part(from, to, size),
        (Err(_), Ok(0)) if first.trim().is_empty() => Wanted::Nothing,
        (Err(_), Ok(end)) if first.trim().is_empty() => {
            part(size.saturating_sub(end), u64::MAX, size)
        }
        _ => Wanted::All,
    }
}

fn part(from: u64, to: u64, size: u64) -> Wanted {
    if from >= size {
        return Wanted::Nothing;
    }
    Wanted::Part {
        from,
        length: to.min(size - 1) - from + 1,
    }
}

#[cfg(test)]
#[path = "range_test.rs"]
mod range_test;
