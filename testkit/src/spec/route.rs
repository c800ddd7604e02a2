//! One operation of the specification, and which requests are meant for it.

use reqwest::Method;
use serde_json::Value;

/// A method on a path template, with its parameters, bodies and answers.
pub struct Operation {
    method: String,
    template: String,
    schema: Value,
}

impl Operation {
    pub(super) fn new(method: &str, template: &str, schema: Value) -> Self {
        // The description tells two operations on one path apart by a blank at the end.
        let template = template.trim_end().to_owned();
        Self {
            method: method.to_uppercase(),
            template,
            schema,
        }
    }

    /// Method and path template.
    #[must_use]
    pub fn name(&self) -> String {
        format!(
            "{} {} ({})",
            self.method, self.template, self.schema["operationId"]
        )
    }

    /// The specification's name of the operation.
    #[must_use]
    pub fn id(&self) -> &str {
        self.schema["operationId"].as_str().unwrap_or_default()
    }

    /// Its method, in capitals.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Its path, with the parameters' names in braces.
    #[must_use]
    pub fn template(&self) -> &str {
        &self.template
    }

    /// The chapter of the specification that it belongs to.
    pub(super) fn chapter(&self) -> &str {
        self.schema["tags"][0].as_str().unwrap_or("Others")
    }

    /// Method, path and name as a cell of a table.
    pub(super) fn heading(&self) -> String {
        let deprecated = if self.schema["deprecated"] == true {
            super::table::DEPRECATED
        } else {
            ""
        };
        let (method, template, id) = (&self.method, &self.template, self.id());
        format!("`{method} {template}` {id}{deprecated}")
    }

    /// Operations on one path stand together.
    pub(super) fn sort_key(&self) -> (&str, &str, &str) {
        (&self.template, &self.method, self.id())
    }

    pub(super) fn matches(&self, method: &Method, path: &str) -> bool {
        if self.method != method.as_str() {
            return false;
        }
        // An empty state key may be left out together with its slash.
        let with_key = if self.template.ends_with("/state/{eventType}/{stateKey}")
            && path.split('/').count() + 1 == self.template.split('/').count()
        {
            format!("{path}/")
        } else {
            path.to_owned()
        };
        let (wanted, given) = (self.template.split('/'), with_key.split('/'));
        wanted.clone().count() == given.clone().count()
            && wanted
                .zip(given)
                .all(|(want, have)| want.starts_with('{') || want == have)
    }

    /// How exact the template is: a literal segment wins over a parameter.
    pub(super) fn literal_segments(&self) -> usize {
        self.template
            .split('/')
            .filter(|segment| !segment.starts_with('{'))
            .count()
    }

    pub(super) fn query_schema(&self, name: &str) -> Option<&Value> {
        self.parameters()
            .find(|p| p["in"] == "query" && p["name"] == name)
            .map(|p| &p["schema"])
    }

    pub(super) fn required_query(&self) -> impl Iterator<Item = &str> {
        self.parameters()
            .filter(|p| p["in"] == "query" && p["required"] == true)
            .filter_map(|p| p["name"].as_str())
    }

    /// The schema of its body, where it is JSON.
    #[must_use]
    pub fn body_schema(&self) -> Option<&Value> {
        self.schema
            .pointer("/requestBody/content/application~1json/schema")
    }

    pub(super) fn needs_body(&self) -> bool {
        self.schema.pointer("/requestBody/required") == Some(&Value::Bool(true))
    }

    pub(super) fn has_no_body(&self) -> bool {
        self.schema.get("requestBody").is_none()
    }

    pub(super) fn answer(&self, status: u16) -> Option<&Value> {
        self.schema["responses"].get(status.to_string())
    }

    /// The parameters of its path, query and headers, as OpenAPI describes them.
    pub fn parameters(&self) -> impl Iterator<Item = &Value> {
        self.schema["parameters"].as_array().into_iter().flatten()
    }
}
