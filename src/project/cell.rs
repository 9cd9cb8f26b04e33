//! What stands between an expression and a column: one value, as loosely as JSON has it.

use std::borrow::Cow;

use jaq_json::{Num, Val};
use serde_json::Value;

use crate::plan::expr::scan::{Kind, Scanner};
use crate::plan::expr::{Json, JsonFault, Output, write_float, write_string};
use crate::spec::{ColumnType, StructField};

/// The outcome of a column's expression for one row. Borrows from the body where it can.
#[derive(Clone, Debug)]
pub(super) enum Cell<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// A number that an expression calculated.
    Float(f64),
    /// Any other number, as the body has it.
    Decimal(Cow<'a, str>),
    Text(Cow<'a, str>),
    /// An array, where the column is a list.
    List(Vec<Cell<'a>>),
    /// An object, where the column is a struct: the fields that are both in the object and in the type, by
    /// their number in the type, each once. Absent ones take no room, as a hostile body is full of `{}`.
    Struct(Vec<(usize, Cell<'a>)>),
    /// An array or an object, where the column is no list or no struct.
    Tree(Tree<'a>),
    /// The expression failed.
    Error,
    /// The expression gave more than one value.
    Many,
}

/// An array or an object that is only looked at if a column wants its text.
#[derive(Clone, Debug)]
pub(super) enum Tree<'a> {
    /// As the body has it, already checked.
    Source(&'a str),
    Value(Val),
}

impl Tree<'_> {
    fn text(&self) -> String {
        match self {
            Self::Source(text) => parse_again(text).to_text(),
            Self::Value(val) => Json(val.clone()).to_text(),
        }
    }
}

/// The value of a part of a body.
fn parse_again(source: &str) -> Json {
    Json::parse(source.as_bytes()).expect("the scanner has read it before")
}

/// The number of the field called `name`.
fn field_number(fields: &[StructField], name: &[u8]) -> Option<usize> {
    fields.iter().position(|field| field.name.as_bytes() == name)
}

impl<'a> Cell<'a> {
    /// Reads the next value for a column of `column_type`.
    pub(super) fn scan(scanner: &mut Scanner<'a>, column_type: &ColumnType) -> Result<Self, JsonFault> {
        Ok(match scanner.peek()? {
            Kind::Null => {
                scanner.null()?;
                Self::Null
            }
            Kind::Bool => Self::Bool(scanner.bool()?),
            Kind::Number => {
                let text = scanner.number()?;
                text.parse().map_or(Self::Decimal(Cow::Borrowed(text)), Self::Int)
            }
            Kind::String => Self::Text(scanner.string()?),
            Kind::Array => match column_type {
                ColumnType::List(element_type) => {
                    let mut elements = Vec::new();
                    scanner.array(|scanner| {
                        elements.push(Self::scan(scanner, element_type)?);
                        Ok::<_, JsonFault>(())
                    })?;
                    Self::List(elements)
                }
                _ => Self::Tree(Tree::Source(scanner.raw()?)),
            },
            Kind::Object => match column_type {
                ColumnType::Struct(fields) => {
                    let mut found = Vec::new();
                    scanner.object(|scanner, key| {
                        match field_number(fields, key.as_bytes()) {
                            Some(number) => {
                                found.push((number, Self::scan(scanner, &fields[number].column_type)?));
                            }
                            None => scanner.skip()?,
                        }
                        Ok::<_, JsonFault>(())
                    })?;
                    Self::structure(found)
                }
                _ => Self::Tree(Tree::Source(scanner.raw()?)),
            },
        })
    }

    /// A struct of what was found in an object, in its order; the last of duplicate keys holds.
    fn structure(mut found: Vec<(usize, Self)>) -> Self {
        if !found.is_sorted_by(|(left, _), (right, _)| left < right) {
            found.reverse();
            found.sort_by_key(|(number, _)| *number);
            found.dedup_by_key(|(number, _)| *number);
        }
        Self::Struct(found)
    }

    /// Whatever arrays a path in brackets led to, for a column that is no list.
    pub(super) fn collected(values: Vec<Json>) -> Self {
        let values: Vec<Val> = values.into_iter().map(|json| json.0).collect();
        Self::Tree(Tree::Value(Val::Arr(values.into())))
    }

    /// What jq gave for a column of `column_type`.
    pub(super) fn output(output: &'a Output, column_type: &ColumnType) -> Self {
        match output {
            Output::None => Self::Null,
            Output::One(json) => Self::val(&json.0, column_type),
            Output::Many => Self::Many,
            Output::Error => Self::Error,
        }
    }

    fn val(val: &'a Val, column_type: &ColumnType) -> Self {
        match val {
            Val::Null => Self::Null,
            Val::Bool(bool) => Self::Bool(*bool),
            Val::Num(Num::Int(int)) => {
                i64::try_from(*int).map_or_else(|_| Self::Decimal(int.to_string().into()), Self::Int)
            }
            Val::Num(Num::BigInt(int)) => Self::Decimal(int.to_string().into()),
            Val::Num(Num::Float(float)) => Self::Float(*float),
            Val::Num(Num::Dec(text)) => Self::Decimal(Cow::Borrowed(text)),
            Val::BStr(bytes) | Val::TStr(bytes) => Self::Text(String::from_utf8_lossy(bytes)),
            Val::Arr(elements) => match column_type {
                ColumnType::List(element_type) => {
                    Self::List(elements.iter().map(|element| Self::val(element, element_type)).collect())
                }
                _ => Self::Tree(Tree::Value(val.clone())),
            },
            Val::Obj(members) => match column_type {
                ColumnType::Struct(fields) => {
                    let field = |(key, value): (&'a Val, &'a Val)| {
                        let (Val::BStr(name) | Val::TStr(name)) = key else { return None };
                        let number = field_number(fields, name)?;
                        Some((number, Self::val(value, &fields[number].column_type)))
                    };
                    Self::structure(members.iter().filter_map(field).collect())
                }
                _ => Self::Tree(Tree::Value(val.clone())),
            },
        }
    }

    /// A value of an item or a parameter, for a column of `column_type`.
    pub(super) fn value(value: &'a Value, column_type: &ColumnType) -> Self {
        match (value, column_type) {
            (Value::Null, _) => Self::Null,
            (Value::Bool(bool), _) => Self::Bool(*bool),
            (Value::Number(number), _) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(int), ..) => Self::Int(int),
                (_, Some(int), _) => Self::Decimal(int.to_string().into()),
                (.., float) => Self::Float(float.unwrap_or(f64::NAN)),
            },
            (Value::String(text), _) => Self::Text(Cow::Borrowed(text)),
            (Value::Array(elements), ColumnType::List(element_type)) => {
                Self::List(elements.iter().map(|element| Self::value(element, element_type)).collect())
            }
            (Value::Object(members), ColumnType::Struct(fields)) => {
                let field = |(number, field): (usize, &StructField)| {
                    Some((number, Self::value(members.get(&field.name)?, &field.column_type)))
                };
                Self::Struct(fields.iter().enumerate().filter_map(field).collect())
            }
            (Value::Array(_) | Value::Object(_), _) => Self::Tree(Tree::Value(Json::from_value(value).0)),
        }
    }

    /// As minified JSON: what a `json` column holds, and what a message shows. What has parts is told by the
    /// part that does not fit, so lists and structs have no text.
    pub(super) fn text(&self) -> Cow<'_, str> {
        let mut text = String::new();
        match self {
            Self::Null | Self::Error => return "null".into(),
            Self::Many => return "more than one value".into(),
            Self::List(_) => return "a list".into(),
            Self::Struct(_) => return "an object".into(),
            Self::Bool(bool) => return if *bool { "true".into() } else { "false".into() },
            Self::Int(int) => return int.to_string().into(),
            Self::Decimal(decimal) => return Cow::Borrowed(decimal),
            Self::Tree(tree) => return tree.text().into(),
            Self::Float(float) => write_float(&mut text, *float),
            Self::Text(string) => write_string(&mut text, string),
        }
        text.into()
    }
}
