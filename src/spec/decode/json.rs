//! YAML values as JSON, for `params` and for the items of a seed.

use serde_json::{Map, Number, Value};

use super::super::fault::Faults;
use super::super::scalar::{Core, Scalar};
use super::super::tree::{Node, NodeValue};

/// `node` as JSON; `None` with a fault for a number that JSON does not have.
pub(super) fn of(node: &Node, faults: &mut Faults) -> Option<Value> {
    match &node.value {
        NodeValue::Scalar(scalar) if scalar.broken => None,
        NodeValue::Scalar(scalar) => {
            let value = of_scalar(scalar);
            if value.is_none() {
                faults
                    .error("wrong-type", node.span, "JSON has no such number")
                    .help("quote it if it is text");
            }
            value
        }
        NodeValue::List(items) => {
            items.iter().map(|item| of(item, faults)).collect::<Option<_>>().map(Value::Array)
        }
        NodeValue::Map(entries) => entries
            .iter()
            .map(|entry| of(&entry.value, faults).map(|value| (entry.key.clone(), value)))
            .collect::<Option<Map<_, _>>>()
            .map(Value::Object),
    }
}

/// A scalar as JSON; `None` for an infinite number and for what is none.
pub(super) fn of_scalar(scalar: &Scalar) -> Option<Value> {
    Some(match scalar.core {
        Core::Null => Value::Null,
        Core::Bool(value) => Value::Bool(value),
        Core::Int(number) => Value::Number(number.into()),
        Core::Float(number) => Value::Number(Number::from_f64(number)?),
        Core::String => Value::String(scalar.text.clone()),
    })
}
