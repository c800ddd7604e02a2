//! Documents: their links lead somewhere.

use super::{files, relative, report, text};

#[test]
fn links_in_documents_lead_somewhere() {
    let mut faults = Vec::new();
    for path in files(&[".md"]) {
        let directory = path.parent().expect("a file in a directory");
        for link in links(&text(&path)) {
            let target = link.split('#').next().unwrap_or_default();
            let outside = target.contains("://") || target.starts_with("mailto:");
            if !outside && !target.is_empty() && !directory.join(target).exists() {
                faults.push(format!("{}: {link}", relative(&path)));
            }
        }
    }
    report("links lead to files that exist", &faults);
}

/// The targets of `[text](target)` outside code blocks.
fn links(document: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut in_code = false;
    for line in document.lines() {
        in_code ^= line.trim_start().starts_with("```");
        if in_code {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            links.extend(rest.find(')').map(|end| rest[..end].to_owned()));
        }
    }
    links
}

#[test]
fn links_are_found_outside_code() {
    let document = "a [b](c.md) and [d](e/f.md#g)\n```\n[x](y)\n```\n";
    assert_eq!(links(document), ["c.md", "e/f.md#g"]);
}
