//! Values of the kinds that many keys take: text, expressions, numbers, words.
//!
//! Every function tells what it expected where it finds something else, and says nothing about a value
//! whose fault the parser has told.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use super::super::fault::{Fault, Faults, clip};
use super::super::model::Located;
use super::super::nearest::nearest;
use super::super::scalar::{Core, Scalar, Style};
use super::super::tree::{Entry, Node, NodeValue};

/// Tells that `name` takes something else.
pub(super) fn wrong<'f>(name: &str, node: &Node, takes: &str, faults: &'f mut Faults) -> &'f mut Fault {
    let fault = faults
        .error("wrong-type", node.span, format!("`{}` takes {takes}", clip(name)))
        .label(format!("this is {node}"));
    match &node.value {
        NodeValue::Scalar(scalar) if scalar.core == Core::Null => {
            fault.help("give it a value, or remove the key")
        }
        NodeValue::List(items) if let [Node { value: NodeValue::Scalar(only), .. }] = &items[..] => {
            fault.help(format!("write `{}`", clip(&only.text)))
        }
        NodeValue::List(_) | NodeValue::Map(_) if takes == "text" => {
            fault.help("text that starts with a bracket or a brace goes into '…'")
        }
        NodeValue::List(_) | NodeValue::Map(_) => fault.help("write it without brackets and braces"),
        NodeValue::Scalar(_) => fault.help(format!("write {takes}")),
    }
}

/// Whether the parser has told the value's fault.
pub(super) fn is_broken(node: &Node) -> bool {
    matches!(&node.value, NodeValue::Scalar(scalar) if scalar.broken)
}

/// A scalar that is not empty.
pub(super) fn scalar<'a>(name: &str, node: &'a Node, takes: &str, faults: &mut Faults) -> Option<&'a Scalar> {
    match &node.value {
        NodeValue::Scalar(scalar) if scalar.broken => None,
        NodeValue::Scalar(scalar) if scalar.core != Core::Null => Some(scalar),
        _ => {
            wrong(name, node, takes, faults);
            None
        }
    }
}

/// Text; what looks like a number or a boolean must be quoted.
pub(super) fn text(name: &str, node: &Node, faults: &mut Faults) -> Option<Located<String>> {
    let scalar = scalar(name, node, "text", faults)?;
    if scalar.core == Core::String {
        return Some(Located::new(scalar.text.clone(), node.span));
    }
    wrong(name, node, "text", faults).help(format!("quote it: '{}'", clip(&scalar.text)));
    None
}

/// A jq expression. Two traps of YAML are told apart: brackets without quotes are a list or a mapping,
/// and ` #` ends a plain value.
pub(super) fn expression(entry: &Entry, faults: &mut Faults) -> Option<Located<String>> {
    let name = entry.key.as_str();
    let node = &entry.value;
    match &node.value {
        NodeValue::List(_) | NodeValue::Map(_) => {
            faults
                .error("needs-quotes", node.span, format!("`{name}` takes an expression"))
                .label(format!("to YAML this is {node}"))
                .help("quote it: an expression that starts with a bracket or a brace goes into '…'");
            None
        }
        NodeValue::Scalar(scalar) if scalar.broken => None,
        NodeValue::Scalar(scalar) if scalar.core == Core::Null || scalar.text.trim().is_empty() => {
            let empty = scalar.text.trim().is_empty();
            let fault = wrong(name, node, "an expression", faults);
            if empty {
                fault.help("an expression is jq, as in `.vote_count`; or remove the key");
            } else {
                fault.help("quote it if it is an expression: 'null'");
            }
            None
        }
        NodeValue::Scalar(scalar) if scalar.cut => {
            faults
                .error("needs-quotes", node.span, format!("YAML ends `{name}` at the ` #`"))
                .label("all that is left of the expression")
                .help("quote it, whether the rest belongs to the expression or is a comment");
            None
        }
        NodeValue::Scalar(scalar) => Some(Located::new(scalar.text.clone(), node.span)),
    }
}

/// A whole number within `range`.
pub(super) fn integer(entry: &Entry, range: RangeInclusive<u64>, faults: &mut Faults) -> Option<u64> {
    let takes = format!("a whole number from {} to {}", range.start(), range.end());
    let scalar = scalar(&entry.key, &entry.value, &takes, faults)?;
    let Core::Int(number) = scalar.core else {
        let fault = wrong(&entry.key, &entry.value, &takes, faults);
        match meant(&scalar.text) {
            Some(_) if scalar.style == Style::Quoted && matches!(Core::of(&scalar.text), Core::Int(_)) => {
                fault.help("remove the quotes")
            }
            Some(number) => fault.help(format!("write `{number}`")),
            None if entry.key == "take" && ["none", "all", "unlimited"].contains(&scalar.text.as_str()) => {
                fault.help("remove `take`: without it all are taken")
            }
            None => {
                let (least, most) = (range.start(), range.end());
                fault.help(format!("as in `{}: {}`", entry.key, 4.clamp(*least, *most)))
            }
        };
        return None;
    };
    let within = u64::try_from(number).ok().filter(|number| range.contains(number));
    if within.is_none() {
        let below = i128::from(number) < i128::from(*range.start());
        faults.error("out-of-range", entry.value.span, format!("`{}` takes {takes}", entry.key)).help(
            if below {
                format!("write `{}` or more", range.start())
            } else {
                format!("write `{}` or less", range.end())
            },
        );
    }
    within
}

/// The whole number that somebody meant who separates thousands or writes a fraction of nothing.
fn meant(text: &str) -> Option<i64> {
    // A number of something has no unit: `10/s`, `5 pages`.
    let text = text
        .split_once(['/', ' '])
        .filter(|(_, word)| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic()))
        .map_or(text, |(number, _)| number);
    let grouped = text.split(['_', ',', '\'', ' ']).skip(1).all(|group| group.len() == 3);
    let digits = text.replace(['_', ',', '\'', ' '], "");
    match Core::of(&digits) {
        Core::Int(number) if grouped => Some(number),
        #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and fits")]
        Core::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => Some(number as i64),
        _ => None,
    }
}

/// A whole number from 1 to `most`.
pub(super) fn count(entry: &Entry, most: u32, faults: &mut Faults) -> Option<NonZeroU32> {
    let number = integer(entry, 1..=u64::from(most), faults)?;
    u32::try_from(number).ok().and_then(NonZeroU32::new)
}

/// `true` or `false`.
pub(super) fn boolean(entry: &Entry, faults: &mut Faults) -> Option<bool> {
    let scalar = scalar(&entry.key, &entry.value, "true or false", faults)?;
    if let Core::Bool(value) = scalar.core {
        return Some(value);
    }
    let fault = wrong(&entry.key, &entry.value, "true or false", faults);
    match scalar.text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" | "true" | "1" => fault.help("write `true`, without quotes"),
        "no" | "off" | "n" | "false" | "0" => fault.help("write `false`, without quotes"),
        _ => fault.help("write `true` or `false`"),
    };
    None
}

/// One of a few words.
pub(super) fn choice<T: Copy>(entry: &Entry, words: &[(&str, T)], faults: &mut Faults) -> Option<T> {
    let names: Vec<&str> = words.iter().map(|&(word, _)| word).collect();
    let takes = format!("one of {}", names.join(", "));
    let node = &entry.value;
    let NodeValue::Scalar(scalar) = &node.value else {
        wrong(&entry.key, node, &takes, faults);
        return None;
    };
    if scalar.broken {
        return None;
    }
    // `null` and `none` are words like others here.
    if let Some(&(_, value)) = words.iter().find(|(word, _)| *word == scalar.text) {
        return Some(value);
    }
    let fault = faults.error("unknown-value", node.span, format!("`{}` takes {takes}", entry.key));
    match nearest(&scalar.text, names.iter().copied()) {
        Some(name) => fault.did_you_mean(Some(name)),
        None => fault.help(format!("as in `{}: {}`", entry.key, names[0])),
    };
    None
}

/// A list.
pub(super) fn list<'a>(entry: &'a Entry, takes: &str, faults: &mut Faults) -> Option<&'a [Node]> {
    match &entry.value.value {
        NodeValue::List(items) => Some(items),
        NodeValue::Scalar(scalar) if scalar.broken => None,
        NodeValue::Scalar(scalar) if scalar.core != Core::Null => {
            let help = if scalar.text.trim_start().starts_with('[') {
                "remove the quotes".to_owned()
            } else {
                // Nobody writes more than a few of them without brackets.
                let text: String = scalar.text.chars().take(60).collect();
                let words: Vec<_> = text.split([',', ' ']).filter(|word| !word.is_empty()).collect();
                format!("write `[{}]`", clip(&words.join(", ")))
            };
            wrong(&entry.key, &entry.value, takes, faults).help(help);
            None
        }
        NodeValue::Map(_) => {
            let help = match entry.key.as_str() {
                "ids" => "list them, as in `[1726, 10138]`; ids that follow each other are `range: 1..1000`",
                _ => "put brackets around it: `[…]`",
            };
            wrong(&entry.key, &entry.value, takes, faults).help(help);
            None
        }
        NodeValue::Scalar(_) => {
            wrong(&entry.key, &entry.value, takes, faults);
            None
        }
    }
}
