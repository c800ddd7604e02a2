//! A settings file as a tree of values that know their line.

use toml_edit::{Document, Item, TableLike, Value};

use super::mistake::{Mistake, Place};

/// A value, without the way it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
    /// Something no setting takes: a date, a number with a fraction.
    Other(&'static str),
}

/// A value and the line (from 1) its key stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) tree: Tree,
    pub(super) line: usize,
}

impl Tree {
    /// What the value is, for a sentence that begins "this is ...".
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }

    /// The value below a key of a table.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        match self {
            Self::Table(entries) => entries.iter().find(|(k, _)| k == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The entries of a table; none for anything else.
    pub(super) fn entries(&self) -> &[(String, Node)] {
        match self {
            Self::Table(entries) => entries,
            _ => &[],
        }
    }
}

/// Reads TOML. `file` only names the place of a mistake.
pub(super) fn parse(text: &str, file: &str) -> Result<Tree, Mistake> {
    match Document::parse(text) {
        Ok(document) => Ok(table(document.as_table(), text)),
        Err(error) => Err(Mistake {
            place: Place::Line(
                file.to_owned(),
                line_of(text, error.span().map_or(0, |s| s.start)),
            ),
            key: String::new(),
            problem: format!("this is not TOML: {}", error.message()),
            remedy: "see https://toml.io for how a file is written".to_owned(),
        }),
    }
}

/// Reads one TOML value, as it may stand in an environment variable.
pub(super) fn parse_value(text: &str) -> Option<Tree> {
    let document = Document::parse(format!("value = {text}\n")).ok()?;
    let entries = document.as_table();
    (entries.len() == 1).then(|| entries.get("value").map(|found| item(found, text)))?
}

fn table(table: &dyn TableLike, text: &str) -> Tree {
    let entries = table.iter().map(|(key, value)| {
        let at = table
            .key(key)
            .and_then(toml_edit::Key::span)
            .or_else(|| value.span());
        let line = line_of(text, at.map_or(0, |span| span.start));
        (
            key.to_owned(),
            Node {
                tree: item(value, text),
                line,
            },
        )
    });
    Tree::Table(entries.collect())
}

fn item(item: &Item, text: &str) -> Tree {
    match item {
        Item::None => Tree::Other("nothing"),
        Item::Value(found) => value(found, text),
        Item::Table(found) => table(found, text),
        Item::ArrayOfTables(tables) => {
            let nodes = tables.iter().map(|found| {
                let line = line_of(text, found.span().map_or(0, |span| span.start));
                Node {
                    tree: table(found, text),
                    line,
                }
            });
            Tree::List(nodes.collect())
        }
    }
}

fn value(found: &Value, text: &str) -> Tree {
    match found {
        Value::String(it) => Tree::Text(it.value().clone()),
        Value::Integer(it) => Tree::Number(*it.value()),
        Value::Boolean(it) => Tree::Flag(*it.value()),
        Value::Float(_) => Tree::Other("a number with a fraction"),
        Value::Datetime(_) => Tree::Other("a date"),
        Value::InlineTable(it) => table(it, text),
        Value::Array(array) => {
            let nodes = array.iter().map(|it| {
                let line = line_of(text, it.span().map_or(0, |span| span.start));
                Node {
                    tree: value(it, text),
                    line,
                }
            });
            Tree::List(nodes.collect())
        }
    }
}

/// Line (from 1) of a byte of the text.
fn line_of(text: &str, at: usize) -> usize {
    let before = &text.as_bytes()[..at.min(text.len())];
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}
