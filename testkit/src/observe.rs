//! What the server says about itself: metrics and the log line of each request.

use serde_json::Value;

/// One reading of `/metrics`.
#[derive(Debug, Clone)]
pub struct Metrics {
    samples: Vec<(String, String, f64)>,
}

impl Metrics {
    /// Reads the Prometheus text format.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self {
            samples: lines.filter_map(sample).collect(),
        }
    }

    /// The sum of all samples of this name.
    #[must_use]
    pub fn sum(&self, name: &str) -> f64 {
        self.sum_where(name, "")
    }

    /// The sum of the samples of this name whose labels contain `part`, as in `method="PUT"`.
    #[must_use]
    pub fn sum_where(&self, name: &str, part: &str) -> f64 {
        let chosen = self
            .samples
            .iter()
            .filter(|(n, labels, _)| n == name && labels.contains(part));
        chosen.map(|(_, _, value)| value).sum()
    }

    /// Whether any sample has this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.samples.iter().any(|(n, _, _)| n == name)
    }
}

fn sample(line: &str) -> Option<(String, String, f64)> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    Some((
        name.to_owned(),
        labels.trim_end_matches('}').to_owned(),
        value.parse().ok()?,
    ))
}

/// The log line of one request, from the JSON log.
#[derive(Debug, Clone)]
pub struct RequestLine {
    /// All fields of the line.
    pub fields: Value,
}

impl RequestLine {
    /// Reads the request lines of a log in JSON, in order.
    #[must_use]
    pub fn all(log: &str) -> Vec<Self> {
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let flat = lines.map(|line| {
            let inner = line.get("fields").cloned();
            inner.unwrap_or(line)
        });
        flat.filter(|fields| fields.get("queries").is_some() && fields.get("status").is_some())
            .map(|fields| Self { fields })
            .collect()
    }

    /// How many queries the request made.
    #[must_use]
    pub fn queries(&self) -> u64 {
        number(&self.fields["queries"])
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u64 {
        number(&self.fields["status"])
    }

    /// Whether any field of the line contains `part`, such as a piece of the path.
    #[must_use]
    pub fn mentions(&self, part: &str) -> bool {
        self.fields.to_string().contains(part)
    }
}

fn number(value: &Value) -> u64 {
    let text = value.as_str().and_then(|text| text.parse().ok());
    value
        .as_u64()
        .or(text)
        .unwrap_or_else(|| panic!("{value} is not a number"))
}

#[cfg(test)]
#[path = "observe_test.rs"]
mod tests;
