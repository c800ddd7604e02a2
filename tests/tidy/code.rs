//! What may stand in a source, how long it may be and how it may be called.

use super::{files, is_test, program_lines, relative, report, text};

/// A source file is shorter than this.
const LINES_BELOW: usize = 500;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] = [
    "utils", "util", "helpers", "helper", "common", "manager", "misc", "shared",
];

/// What holds state for a whole process. A server is a value; ten of them run in one process.
const GLOBALS: [&str; 6] = [
    "static mut ",
    "LazyLock<",
    "lazy_static!",
    "thread_local!",
    "OnceCell<",
    "once_cell",
];

/// Kinds of `static` items that somebody can write to.
const WRITABLE: [&str; 5] = ["Mutex<", "RwLock<", "Atomic", "OnceLock<", "ArcSwap"];

/// What must not stand in any source. Put together, so that this file may be looked at, too.
const MARKS: [&str; 6] = [
    concat!("unbounded", "_channel"),
    concat!("mpsc::", "unbounded"),
    concat!("to", "do!("),
    concat!("unimplemen", "ted!("),
    concat!("FIX", "ME"),
    concat!("#[ig", "nore"),
];

/// Kinds of items whose meaning others have to learn somewhere.
const ITEMS: [&str; 8] = [
    "fn ", "struct ", "enum ", "trait ", "const ", "type ", "static ", "async ",
];

#[test]
fn files_are_short() {
    let mut faults = Vec::new();
    for path in files(&[".rs", ".py", ".mjs", ".sh", ".sql"]) {
        let lines = text(&path).lines().count();
        if lines >= LINES_BELOW {
            faults.push(format!("{}: {lines} lines", relative(&path)));
        }
    }
    report(&format!("a file has under {LINES_BELOW} lines"), &faults);
}

#[test]
fn names_say_something() {
    let mut faults = Vec::new();
    for path in files(&[".rs"]) {
        let name = relative(&path);
        let parts = name.trim_end_matches(".rs").split('/');
        for part in parts.filter(|part| EMPTY_NAMES.contains(part)) {
            faults.push(format!("{name}: `{part}`"));
        }
    }
    report("a file is named after what it is about", &faults);
}

#[test]
fn routes_stand_on_the_router_pages() {
    let mut faults = Vec::new();
    program_lines(|file, number, line| {
        let page = file.ends_with("/router.rs") || file.starts_with("src/server/");
        let registers = [".route(", ".ruma(Access", ".ruma_also_at(", "Router::new()"];
        if file.starts_with("src/")
            && !page
            && !is_test(file)
            && registers.iter().any(|r| line.contains(r))
        {
            faults.push(format!("{file}:{number}: {}", line.trim()));
        }
    });
    report("routes stand on one page per API, router.rs", &faults);
}

#[test]
fn nothing_is_global() {
    let mut faults = Vec::new();
    program_lines(|file, number, line| {
        let item = line
            .trim_start()
            .trim_start_matches("pub ")
            .trim_start_matches("pub(crate) ");
        let writable = item.starts_with("static ") && WRITABLE.iter().any(|w| item.contains(w));
        if writable || GLOBALS.iter().any(|global| line.contains(global)) {
            faults.push(format!("{file}:{number}: {}", line.trim()));
        }
    });
    report("there is no state outside values", &faults);
}

#[test]
fn nothing_is_unbounded_unfinished_or_left_out() {
    let mut faults = Vec::new();
    for path in files(&[".rs"]) {
        for (number, line) in text(&path).lines().enumerate() {
            if MARKS.iter().any(|mark| line.contains(mark)) {
                let name = relative(&path);
                faults.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    report(
        "every queue has a limit, nothing is left for later, each test runs",
        &faults,
    );
}

/// The compiler's `missing_docs` sees only what a library shows to other crates; here also the
/// binary's own.
#[test]
fn public_items_say_what_they_are() {
    let mut faults = Vec::new();
    for path in files(&[".rs"]) {
        let name = relative(&path);
        if !is_test(&name) {
            let code = text(&path);
            let lines = undocumented(&code);
            faults.extend(
                lines
                    .iter()
                    .map(|(at, line)| format!("{name}:{at}: {line}")),
            );
        }
    }
    report("public items have doc comments", &faults);
}

/// Lines (with their numbers) of public items that no doc comment precedes.
fn undocumented(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut has_docs = false;
    let mut in_attribute = false;
    for (number, line) in code.lines().enumerate() {
        let line = line.trim();
        if in_attribute {
            in_attribute = !(line.starts_with(")]") || line.ends_with(")]"));
        } else if line.starts_with("///") || line.starts_with("$(#[$doc]") {
            has_docs = true;
        } else if line.starts_with("#[") {
            in_attribute = !line.ends_with(']');
        } else {
            let item = line.strip_prefix("pub ");
            if !has_docs && item.is_some_and(|it| ITEMS.iter().any(|kind| it.starts_with(kind))) {
                found.push((number + 1, line));
            }
            has_docs = false;
        }
    }
    found
}

#[test]
fn items_without_words_are_found() {
    let code = "/// Words.\n#[expect(\n    a,\n    reason = \"b\"\n)]\npub fn a() {}\n\
                #[derive(Debug)]\npub struct B;\n    pub async fn c() {}\npub use d;\n";
    let lines: Vec<_> = undocumented(code).into_iter().map(|(at, _)| at).collect();
    assert_eq!(lines, [8, 9]);
}
