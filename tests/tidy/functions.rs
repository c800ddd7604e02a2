//! How long a function may be. The sources are laid out by rustfmt (`make format` sees to it), so
//! a function ends where a brace closes at the depth where it began.

use super::{files, relative, report, text};

/// Longest function, from its first line to the closing brace.
const MAX_LINES: usize = 70;

/// Functions that are longer, and wait for whoever works on them next. None is to be added.
const TOO_LONG: [(&str, &str); 2] = [
    ("store/src/log/write_state.rs", "redactions"),
    ("sync/src/delta.rs", "joined_room"),
];

/// Longest head of a function; what has no body after so many lines is no function.
const MAX_HEAD_LINES: usize = 30;

/// A function: the line (from 1) it begins on, its name, and how many lines it has.
#[derive(Debug, PartialEq, Eq)]
struct Function<'a> {
    line: usize,
    name: &'a str,
    lines: usize,
}

#[test]
fn functions_are_short() {
    let mut faults = Vec::new();
    for path in files(&[".rs"]) {
        let file = relative(&path);
        for Function { line, name, lines } in functions(&text(&path)) {
            if lines > MAX_LINES && !TOO_LONG.contains(&(&file, name)) {
                faults.push(format!("{file}:{line}: {name} has {lines}"));
            }
        }
    }
    report(
        &format!("a function has at most {MAX_LINES} lines"),
        &faults,
    );
}

fn functions(code: &str) -> Vec<Function<'_>> {
    let lines: Vec<_> = code.lines().collect();
    let found = lines.iter().enumerate().filter_map(|(at, line)| {
        let name = name_of(line)?;
        let depth = line.len() - line.trim_start().len();
        let rest = &lines[at..];
        // the body opens on the line that ends the head; a trait's function may have none
        let ends_head = |line: &&str| line.ends_with('{') || line.ends_with('}');
        let head = rest.iter().take(MAX_HEAD_LINES).position(ends_head)?;
        if rest[..=head].iter().any(|line| line.ends_with(';')) {
            return None;
        }
        let closing = format!("{}}}", &line[..depth]);
        let length = match rest[head].ends_with('}') {
            true => head + 1,
            false => 1 + rest.iter().position(|line| line.starts_with(&closing))?,
        };
        Some(Function {
            line: at + 1,
            name,
            lines: length,
        })
    });
    found.collect()
}

/// The name of the function that a line begins.
fn name_of(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let words = ["", "pub", "const", "async", "unsafe", "default"];
    let is_head = before
        .split_whitespace()
        .all(|word| words.contains(&word) || word.starts_with("pub("));
    let end = after.find(['(', '<'])?;
    is_head.then(|| &after[..end])
}

#[test]
fn functions_are_found_with_their_length() {
    let code = "fn a() {}\n\
                pub(crate) async fn b<T>(\n    c: T,\n) -> T\nwhere\n    T: Copy,\n{\n    {\n    }\n    c\n}\n\
                trait D {\n    fn e(\n        &self,\n    );\n    fn f(&self) {\n        g();\n    }\n}\n\
                // an fn in a comment (\n";
    let expected = [(1, "a", 1), (2, "b", 10), (16, "f", 3)];
    let expected = expected.map(|(line, name, lines)| Function { line, name, lines });
    assert_eq!(functions(code), expected);
}
