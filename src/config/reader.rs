//! Finds the value of a key in the layers (environment, file, defaults), and keeps account of
//! which keys exist and what is wrong, so that all mistakes are told at once.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    mistake::{Mistake, Place},
    tree::{self, Node, Tree},
};

/// Beginning of the environment variables that are settings.
pub(super) const PREFIX: &str = "CAUSEWAY_";

/// The layers of the settings, and what was found out while reading them.
pub(super) struct Reader {
    defaults: Tree,
    file: Tree,
    file_name: String,
    /// (table, key) -> (name of the variable, its value)
    environment: BTreeMap<(String, String), (String, String)>,
    known: BTreeMap<&'static str, BTreeSet<&'static str>>,
    mistakes: Vec<Mistake>,
}

impl Reader {
    /// `environment` may hold anything; only `CAUSEWAY_TABLE__KEY` is looked at.
    pub(super) fn new(
        defaults: Tree,
        file: Tree,
        file_name: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let settings = environment.into_iter().filter_map(|(name, value)| {
            let (table, key) = name.strip_prefix(PREFIX)?.split_once("__")?;
            let at = (table.to_ascii_lowercase(), key.to_ascii_lowercase());
            Some((at, (name, value)))
        });
        Self {
            defaults,
            file,
            file_name: file_name.to_owned(),
            environment: settings.collect(),
            known: BTreeMap::new(),
            mistakes: Vec::new(),
        }
    }

    /// Begins to read a table.
    pub(super) fn table(&mut self, name: &'static str) -> Section<'_> {
        self.known.entry(name).or_default();
        Section {
            reader: self,
            table: name,
        }
    }

    /// Adds a mistake at the place where a key got its value.
    pub(super) fn contradiction(&mut self, table: &str, key: &str, problem: &str, remedy: &str) {
        self.mistakes.push(Mistake {
            place: self.place(table, key),
            key: format!("{table}.{key}"),
            problem: problem.to_owned(),
            remedy: remedy.to_owned(),
        });
    }

    /// All mistakes, after every table was read: also the keys that nobody asked for.
    pub(super) fn finish(mut self) -> Vec<Mistake> {
        self.find_unknown_in_file();
        self.find_unknown_in_environment();
        self.mistakes.sort_by(|a, b| a.place.cmp(&b.place));
        self.mistakes
    }

    /// The keys that were read so far, by table.
    #[cfg(test)]
    pub(super) fn known(&self) -> &BTreeMap<&'static str, BTreeSet<&'static str>> {
        &self.known
    }

    fn place(&self, table: &str, key: &str) -> Place {
        if let Some((name, _)) = self.environment.get(&(table.to_owned(), key.to_owned())) {
            return Place::Environment(name.clone());
        }
        let in_table = self.file.get(table);
        match in_table.and_then(|node| node.tree.get(key)).or(in_table) {
            Some(node) => Place::Line(self.file_name.clone(), node.line),
            None => Place::Nowhere,
        }
    }

    fn find_unknown_in_file(&mut self) {
        let mut found = Vec::new();
        for (name, node) in self.file.entries() {
            let Some(keys) = self.known.get(name.as_str()) else {
                found.push((name.clone(), node.line, self.remedy_for_table(name)));
                continue;
            };
            if !matches!(node.tree, Tree::Table(_)) {
                let remedy = format!("write it as a table: [{name}]");
                found.push((name.clone(), node.line, remedy));
            }
            for (key, value) in node.tree.entries() {
                if !keys.contains(key.as_str()) {
                    let remedy = self.remedy_for_key(name, key);
                    found.push((format!("{name}.{key}"), value.line, remedy));
                }
            }
        }
        for (key, line, remedy) in found {
            let problem = if remedy.starts_with("write") {
                "not a table"
            } else {
                "unknown"
            };
            self.mistakes.push(Mistake {
                place: Place::Line(self.file_name.clone(), line),
                key,
                problem: problem.to_owned(),
                remedy,
            });
        }
    }

    fn find_unknown_in_environment(&mut self) {
        for ((table, key), (name, _)) in &self.environment {
            let remedy = match self.known.get(table.as_str()) {
                Some(keys) if keys.contains(key.as_str()) => continue,
                Some(_) => self.remedy_for_key(table, key),
                None => self.remedy_for_table(table),
            };
            self.mistakes.push(Mistake {
                place: Place::Environment(name.clone()),
                key: format!("{table}.{key}"),
                problem: "unknown".to_owned(),
                remedy,
            });
        }
    }

    fn remedy_for_table(&self, name: &str) -> String {
        // a key that was written above the first table, or a table that is a key elsewhere
        if let Some(table) = self.table_that_has(name) {
            return format!("`{name}` belongs in [{table}]");
        }
        match nearest(name, self.known.keys().copied()) {
            Some(table) => format!("did you mean [{table}]?"),
            None => {
                let tables: Vec<_> = self.known.keys().copied().collect();
                format!("the tables are {}", tables.join(", "))
            }
        }
    }

    fn remedy_for_key(&self, table: &str, key: &str) -> String {
        let empty = BTreeSet::new();
        let keys = self.known.get(table).unwrap_or(&empty);
        if let Some(near) = nearest(key, keys.iter().copied()) {
            return format!("did you mean `{near}`?");
        }
        if let Some(other) = self.table_that_has(key) {
            return format!("`{key}` belongs in [{other}]");
        }
        let keys: Vec<_> = keys.iter().copied().collect();
        format!("[{table}] has {}", keys.join(", "))
    }

    fn table_that_has(&self, key: &str) -> Option<&'static str> {
        self.known
            .iter()
            .find(|(_, keys)| keys.contains(key))
            .map(|(table, _)| *table)
    }
}

/// One table while it is read.
pub(super) struct Section<'a> {
    reader: &'a mut Reader,
    table: &'static str,
}

impl Section<'_> {
    /// The value of a key whose default is absence. `right` says what would be right, `read`
    /// turns the value into what is wanted. A value that does not fit is a mistake, and then the
    /// next layer counts, so that the checks that follow have something to look at.
    pub(super) fn find<T>(
        &mut self,
        key: &'static str,
        right: &str,
        read: impl Fn(&Tree) -> Option<T>,
    ) -> Option<T> {
        self.reader.known.entry(self.table).or_default().insert(key);
        let at = (self.table.to_owned(), key.to_owned());
        if let Some((name, text)) = self.reader.environment.get(&at) {
            if text.is_empty() {
                return None;
            }
            match readings(text).iter().find_map(&read) {
                Some(value) => return Some(value),
                None => {
                    let place = Place::Environment(name.clone());
                    self.wrong(place, key, "this value does not fit".to_owned(), right);
                }
            }
        }
        let in_file = self
            .reader
            .file
            .get(self.table)
            .and_then(|node| node.tree.get(key));
        if let Some(Node { tree, line }) = in_file {
            match read(tree) {
                Some(value) => return Some(value),
                None => {
                    let place = Place::Line(self.reader.file_name.clone(), *line);
                    let problem = format!("{} that does not fit", tree.kind());
                    self.wrong(place, key, problem, right);
                }
            }
        }
        let default = self
            .reader
            .defaults
            .get(self.table)
            .and_then(|node| node.tree.get(key));
        default.and_then(|node| read(&node.tree))
    }

    /// The value of a key that has a default.
    pub(super) fn load<T>(
        &mut self,
        key: &'static str,
        right: &str,
        read: impl Fn(&Tree) -> Option<T>,
    ) -> T {
        let found = self.find(key, right, &read);
        let default = self
            .reader
            .defaults
            .get(self.table)
            .and_then(|node| node.tree.get(key));
        found
            .or_else(|| default.and_then(|node| read(&node.tree)))
            .unwrap_or_else(|| panic!("the compiled-in defaults lack {}.{key}", self.table))
    }

    /// Adds a mistake of a key of this table.
    pub(super) fn contradiction(&mut self, key: &str, problem: &str, remedy: &str) {
        self.reader.contradiction(self.table, key, problem, remedy);
    }

    fn wrong(&mut self, place: Place, key: &str, problem: String, right: &str) {
        self.reader.mistakes.push(Mistake {
            place,
            key: format!("{}.{key}", self.table),
            problem,
            remedy: format!("right would be {right}"),
        });
    }
}

/// What a text of the environment may mean: itself, a TOML value, a list separated by commas.
fn readings(text: &str) -> Vec<Tree> {
    let list = text.split(',').map(|part| Node {
        tree: Tree::Text(part.trim().to_owned()),
        line: 0,
    });
    let mut readings = vec![Tree::Text(text.to_owned())];
    readings.extend(tree::parse_value(text));
    readings.push(Tree::List(list.collect()));
    readings
}

/// The word that was probably meant.
fn nearest<'a>(word: &str, among: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    among
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out or changed to get from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    // a word longer than any key is no misspelling of one
    const LONGEST: usize = 64;
    if a.len() > LONGEST {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
