//! Which columns a table can have, and the fingerprint of a schema.
//!
//! Does not belong here: the types of a pipeline file (`crate::spec`).
//!
//! Invariant: the fingerprint follows from names, types, nullability and order of the columns alone, and
//! from our own names of the types, so that it outlives an update of Arrow.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use xxhash_rust::xxh3::xxh3_128;

use super::error::SinkError;

/// The fingerprint of `schema`, 32 hex digits; `table` is for the error only.
pub fn fingerprint(table: &str, schema: &Schema) -> Result<String, SinkError> {
    let mut text = String::new();
    for field in schema.fields() {
        let Some(name) = type_name(field.data_type()) else {
            return Err(SinkError::UnsupportedColumn {
                table: table.to_owned(),
                column: field.name().clone(),
                data_type: field.data_type().clone(),
            });
        };
        // The length in front keeps a name with a line break from looking like two columns.
        writeln!(text, "{} {} {name}{}", field.name().len(), field.name(), required(field))
            .expect("a string takes every write");
    }
    Ok(format!("{:032x}", xxh3_128(text.as_bytes())))
}

/// The first column in which two schemas differ, as (expected, found).
pub(super) fn difference(expected: &Schema, found: &Schema) -> Option<(String, String)> {
    if expected.fields() == found.fields() {
        return None;
    }
    let columns = expected.fields().len().max(found.fields().len());
    let column = |schema: &Schema, index: usize| match schema.fields().get(index) {
        Some(field) => format!("`{}` {}{}", field.name(), field.data_type(), required(field)),
        None => "no further column".to_owned(),
    };
    (0..columns)
        .map(|index| (column(expected, index), column(found, index)))
        .find(|(expected, found)| expected != found)
        // What is left differs in metadata, which no table has.
        .or_else(|| Some(("columns without metadata".to_owned(), "columns with metadata".to_owned())))
}

fn required(field: &Field) -> &'static str {
    if field.is_nullable() { "" } else { " required" }
}

/// Our name of the type; none for a type that tables cannot have.
fn type_name(data_type: &DataType) -> Option<String> {
    Some(match data_type {
        DataType::Boolean => "bool".to_owned(),
        DataType::Int32 => "int32".to_owned(),
        DataType::Int64 => "int64".to_owned(),
        DataType::Float64 => "float64".to_owned(),
        DataType::Utf8 => "string".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if &**zone == "UTC" => "timestamp".to_owned(),
        DataType::List(element) => format!("list<{}{}>", type_name(element.data_type())?, required(element)),
        DataType::Struct(fields) if !fields.is_empty() => {
            let field = |field: &Arc<Field>| {
                let (name, kind) = (field.name(), type_name(field.data_type())?);
                Some(format!("{} {name} {kind}{}", name.len(), required(field)))
            };
            format!("struct<{}>", fields.iter().map(field).collect::<Option<Vec<_>>>()?.join(", "))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(columns: &[(&str, DataType, bool)]) -> Schema {
        Schema::new(
            columns
                .iter()
                .map(|(name, kind, null)| Field::new(*name, kind.clone(), *null))
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn fingerprint_changes_with_name_type_nullability_and_order() {
        let list = |null| DataType::List(Arc::new(Field::new("element", DataType::Int64, null)));
        let structure = |fields: &[(&str, bool)]| {
            let field = |(name, null): &(&str, bool)| Field::new(*name, DataType::Int64, *null);
            DataType::Struct(fields.iter().map(field).collect())
        };
        let variants = [
            schema(&[("a", DataType::Int64, true), ("b", DataType::Utf8, true)]),
            schema(&[("b", DataType::Utf8, true), ("a", DataType::Int64, true)]),
            schema(&[("a", DataType::Int32, true), ("b", DataType::Utf8, true)]),
            schema(&[("a", DataType::Int64, false), ("b", DataType::Utf8, true)]),
            schema(&[("a", DataType::Int64, true), ("c", DataType::Utf8, true)]),
            schema(&[("a", DataType::Int64, true)]),
            schema(&[("a", list(true), true)]),
            schema(&[("a", list(false), true)]),
            schema(&[("a", structure(&[("b", true)]), true)]),
            schema(&[("a", structure(&[("b", false)]), true)]),
            schema(&[("a", structure(&[("c", true)]), true)]),
            schema(&[("a", structure(&[("b", true), ("c", true)]), true)]),
            schema(&[("a", structure(&[("b int64, 1 c", true)]), true)]),
        ];
        let mut seen: Vec<String> =
            variants.iter().map(|schema| fingerprint("t", schema).expect("supported")).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), variants.len());
    }

    #[test]
    fn fingerprint_is_the_same_in_every_version() {
        let films = schema(&[("id", DataType::Int64, false), ("title", DataType::Utf8, true)]);
        insta::assert_snapshot!(fingerprint("films", &films).expect("supported"), @"0ea78b0e9e625d0afe968844ff070b21");
    }

    #[test]
    fn unsupported_type_names_table_and_column() {
        let error = fingerprint("films", &schema(&[("poster", DataType::Binary, true)])).expect_err("binary");
        insta::assert_snapshot!(error, @"write table `films`: column `poster` has type Binary, which tables cannot have");
    }

    #[test]
    fn difference_is_the_first_column_that_differs() {
        let check = |found: &[(&str, DataType, bool)], expect: Option<(&str, &str)>| {
            let expected = schema(&[("id", DataType::Int64, false), ("title", DataType::Utf8, true)]);
            let expect = expect.map(|(a, b)| (a.to_owned(), b.to_owned()));
            assert_eq!(difference(&expected, &schema(found)), expect);
        };
        check(&[("id", DataType::Int64, false), ("title", DataType::Utf8, true)], None);
        check(
            &[("id", DataType::Int64, false), ("title", DataType::Int64, true)],
            Some(("`title` Utf8", "`title` Int64")),
        );
        check(&[("id", DataType::Int64, true)], Some(("`id` Int64 required", "`id` Int64")));
        check(&[("id", DataType::Int64, false)], Some(("`title` Utf8", "no further column")));
    }
}
