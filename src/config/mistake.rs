//! What is wrong with the settings, in words that lead to the right ones.

use std::fmt;

/// Where a value was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A file and a line of it, from 1.
    Line(String, usize),
    /// An environment variable.
    Environment(String),
    /// Nowhere: it is a default, or missing.
    Nowhere,
}

/// One mistake: where, which key, what is wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where it was read.
    pub place: Place,
    /// `table.key`; empty when the file as a whole cannot be read.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What would be right.
    pub remedy: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Line(file, line) => write!(f, "{file}:{line}: ")?,
            Place::Environment(name) => write!(f, "environment {name}: ")?,
            Place::Nowhere => {}
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; {}", self.problem, self.remedy)
    }
}

/// All mistakes of a set of settings, in the order of the file, then the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => writeln!(f, "there is a mistake in the settings:")?,
            n => writeln!(f, "there are {n} mistakes in the settings:")?,
        }
        for mistake in &self.0 {
            writeln!(f, "  {mistake}")?;
        }
        write!(
            f,
            "(`causeway generate-config` prints every setting with its meaning and default)"
        )
    }
}

impl std::error::Error for Mistakes {}
