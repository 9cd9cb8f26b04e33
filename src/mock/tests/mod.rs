//! The embedded API judged as a whole: its answers, its wire, and its likeness to the recordings.

mod endpoints;
mod listings;
mod shapes;
mod wire;

use serde_json::Value;

use super::answer::Answer;
use super::catalogue::Catalogue;
use super::request::Request;
use super::route::Api;

const CATALOGUE: Catalogue = Catalogue { seed: 0, films: 5_000 };

fn answer(api: &Api, target: &str) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    api.answer(&Request::new(&format!("/3{path}"), Some(query)))
}

/// The body of an answer that has to be 200.
fn body(api: &Api, target: &str) -> Value {
    let answer = answer(api, target);
    assert_eq!(answer.status, 200, "{target}");
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{target}: {error}"))
}

/// The ids in a list of objects.
fn ids(list: &Value) -> Vec<u64> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_u64().unwrap()).collect()
}
