//! The specification's OpenAPI description as a judge of requests and answers.

mod coverage;
mod formats;
mod route;
pub mod table;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::{Draft, Validator};
use reqwest::Method;
use serde_json::{Map, Value};

use coverage::Coverage;
pub use coverage::folder as coverage_folder;
pub use route::Operation;

/// The client-server API of the specification: its operations and their schemas.
pub struct Specification {
    operations: Vec<Operation>,
    /// Compiled on first use: a test touches few of the several hundred schemas.
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
    coverage: Coverage,
}

/// Statuses that any endpoint may answer with, in the standard error shape.
const COMMON_ERRORS: [u16; 7] = [400, 401, 403, 404, 405, 413, 429];

impl Specification {
    /// Reads `tests/spec/client-server.json`.
    ///
    /// # Panics
    /// When the file is missing or is not an OpenAPI description.
    #[must_use]
    pub fn load() -> Arc<Self> {
        let file = crate::repository().join("tests/spec/client-server.json");
        let text = std::fs::read(&file).expect("tests/spec/client-server.json");
        let mut document: Value = serde_json::from_slice(&text).expect("the specification as JSON");
        loosen_alternatives(&mut document);
        let paths = document["paths"]
            .as_object()
            .expect("paths in the specification");
        let mut operations = Vec::new();
        for (path, methods) in paths {
            for (method, schema) in methods.as_object().into_iter().flatten() {
                operations.push(Operation::new(method, path, schema.clone()));
            }
        }
        assert!(
            operations.len() > 100,
            "the specification lost its operations"
        );
        Arc::new(Self {
            operations,
            compiled: Mutex::new(HashMap::new()),
            coverage: Coverage::of_this_test(),
        })
    }

    /// All operations, in the order of the description.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operations that a request may mean. Several share one path where the specification
    /// describes forms of a request separately (an invite by user id and by e-mail address).
    #[must_use]
    pub fn find(&self, method: &Method, path: &str) -> Vec<&Operation> {
        let path = path.replacen("/_matrix/client/r0/", "/_matrix/client/v3/", 1);
        let matching = self
            .operations
            .iter()
            .filter(|op| op.matches(method, &path));
        let best = matching.clone().map(Operation::literal_segments).max();
        matching
            .filter(|op| Some(op.literal_segments()) == best)
            .collect()
    }

    /// What is wrong with a request, for the best of the operations it may mean.
    ///
    /// # Errors
    /// A list of the faults, one per line.
    pub fn check_request(
        &self,
        operations: &[&Operation],
        query: &[(String, String)],
        body: Option<&Value>,
    ) -> Result<(), String> {
        best_of(operations, |operation| {
            let mut faults = self.query_faults(operation, query);
            faults.extend(self.body_faults(operation, body));
            faults
        })
    }

    /// What is wrong with an answer, for the best of the operations that were asked for.
    ///
    /// # Errors
    /// A list of the faults, one per line.
    pub fn check_answer(
        &self,
        operations: &[&Operation],
        status: u16,
        content_type: &str,
        body: &[u8],
    ) -> Result<(), String> {
        best_of(operations, |operation| {
            let Some(answer) = operation.answer(status) else {
                if COMMON_ERRORS.contains(&status) {
                    return error_faults(content_type, body);
                }
                return vec![format!("status {status} is not one of this endpoint")];
            };
            let Some(content) = answer.get("content").and_then(Value::as_object) else {
                return if status >= 400 {
                    error_faults(content_type, body)
                } else {
                    Vec::new()
                };
            };
            let Some(schema) = content.get("application/json").map(|c| &c["schema"]) else {
                return Vec::new();
            };
            let value = match json_body(content_type, body) {
                Ok(value) => value,
                Err(fault) => return vec![fault],
            };
            let mut faults = self.faults(
                &format!("{} answers {status}", operation.name()),
                schema,
                &value,
            );
            if status >= 400 && !is_interactive_authentication(&value) {
                faults.extend(error_shape_faults(&value));
            }
            faults
        })
    }

    /// Notes that a request got a good answer. Of operations that share a path it means those
    /// whose form it has.
    pub fn note_success(
        &self,
        operations: &[&Operation],
        query: &[(String, String)],
        body: Option<&Value>,
    ) {
        for operation in operations {
            let form = [*operation];
            if operations.len() == 1 || self.check_request(&form, query, body).is_ok() {
                self.coverage.note(operation.id());
            }
        }
    }

    /// Notes that a right request was refused, of an operation that this server does not have and
    /// refuses as the specification says.
    pub fn note_refusal(&self, operations: &[&Operation], code: &str) {
        let refused = operations.iter().filter(|operation| {
            let refusal = table::REFUSED.iter().find(|(id, _)| *id == operation.id());
            refusal.is_some_and(|(_, expected)| *expected == code)
        });
        refused.for_each(|operation| self.coverage.note(operation.id()));
    }

    fn query_faults(&self, operation: &Operation, query: &[(String, String)]) -> Vec<String> {
        let mut faults = Vec::new();
        for (name, text) in query {
            let Some(schema) = operation.query_schema(name) else {
                faults.push(format!(
                    "query parameter {name} is not in the specification"
                ));
                continue;
            };
            let items = if schema["type"] == "array" {
                &schema["items"]
            } else {
                schema
            };
            let value = query_value(items, text);
            let key = format!("{} query {name}", operation.name());
            faults.extend(self.faults(&key, items, &value));
        }
        for name in operation.required_query() {
            if !query.iter().any(|(given, _)| given == name) {
                faults.push(format!("query parameter {name} is missing"));
            }
        }
        faults
    }

    fn body_faults(&self, operation: &Operation, body: Option<&Value>) -> Vec<String> {
        match (operation.body_schema(), body) {
            (Some(schema), Some(body)) => {
                self.faults(&format!("{} body", operation.name()), schema, body)
            }
            (Some(_), None) if operation.needs_body() => vec!["the body is missing".to_owned()],
            (None, Some(Value::Object(map))) if map.is_empty() => Vec::new(),
            (None, Some(_)) if operation.has_no_body() => vec!["there is no body here".to_owned()],
            _ => Vec::new(),
        }
    }

    fn faults(&self, key: &str, schema: &Value, value: &Value) -> Vec<String> {
        let validator = {
            let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
            let known = compiled.get(key).cloned();
            known.unwrap_or_else(|| {
                let validator = Arc::new(compile(key, schema));
                compiled.insert(key.to_owned(), Arc::clone(&validator));
                validator
            })
        };
        validator
            .iter_errors(value)
            .map(|error| format!("{key}: at {}: {error}", error.instance_path()))
            .collect()
    }
}

/// The specification writes `oneOf` where an answer may fit several of the alternatives, such as
/// an event's content (any object) or the event itself.
fn loosen_alternatives(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(alternatives) = map.remove("oneOf") {
                map.insert("anyOf".to_owned(), alternatives);
            }
            map.values_mut().for_each(loosen_alternatives);
        }
        Value::Array(items) => items.iter_mut().for_each(loosen_alternatives),
        _ => {}
    }
}

fn compile(key: &str, schema: &Value) -> Validator {
    let options = formats::register(jsonschema::options().with_draft(Draft::Draft202012));
    match options.should_validate_formats(true).build(schema) {
        Ok(validator) => validator,
        Err(error) => panic!("the schema of {key} does not compile: {error}"),
    }
}

fn best_of<F>(operations: &[&Operation], faults_of: F) -> Result<(), String>
where
    F: Fn(&Operation) -> Vec<String>,
{
    let fewest = operations
        .iter()
        .map(|op| faults_of(op))
        .min_by_key(Vec::len);
    match fewest {
        None => Err("the specification has no such endpoint".to_owned()),
        Some(faults) if faults.is_empty() => Ok(()),
        Some(faults) => Err(faults.join("\n")),
    }
}

fn query_value(schema: &Value, text: &str) -> Value {
    match schema["type"].as_str() {
        Some("integer" | "number" | "boolean") => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
        }
        _ => Value::String(text.to_owned()),
    }
}

fn json_body(content_type: &str, body: &[u8]) -> Result<Value, String> {
    if !content_type.starts_with("application/json") {
        return Err(format!(
            "content type {content_type:?} instead of application/json"
        ));
    }
    serde_json::from_slice(body).map_err(|error| format!("the answer is not JSON: {error}"))
}

/// The faults of an answer that must be a standard error, or ask for authentication.
#[must_use]
pub fn error_faults(content_type: &str, body: &[u8]) -> Vec<String> {
    match json_body(content_type, body) {
        // Endpoints ask for authentication without the specification listing it for each.
        Ok(value) if is_interactive_authentication(&value) => Vec::new(),
        Ok(value) => error_shape_faults(&value),
        Err(fault) => vec![fault],
    }
}

fn error_shape_faults(value: &Value) -> Vec<String> {
    let empty = Map::new();
    let map = value.as_object().unwrap_or(&empty);
    let mut faults = Vec::new();
    let code = map
        .get("errcode")
        .and_then(Value::as_str)
        .unwrap_or_default();
    // Codes of proposals stand in their namespaces.
    if !code.starts_with("M_") && !code.contains(".M_") {
        faults.push(format!("errcode is {code:?}"));
    }
    if map
        .get("error")
        .and_then(Value::as_str)
        .is_none_or(str::is_empty)
    {
        faults.push("there is no `error` text".to_owned());
    }
    faults
}

/// A 401 that asks for the next stage needs no `errcode` (section User-Interactive Authentication).
fn is_interactive_authentication(value: &Value) -> bool {
    value.get("flows").is_some() && value.get("errcode").is_none()
}

#[cfg(test)]
#[path = "spec/spec_test.rs"]
mod tests;
