//! `docs/COERCION.md` as tests: each line of its table through a projector, by both ways.

use super::*;

/// A value of a column, told with its type so that a text is told apart from JSON.
fn say(array: &ArrayRef, row: usize, column_type: &ColumnType) -> String {
    if array.is_null(row) {
        return "null".to_owned();
    }
    match column_type {
        Bool => array.as_boolean().value(row).to_string(),
        Int32 => array.as_primitive::<arrow::datatypes::Int32Type>().value(row).to_string(),
        Int64 => array.as_primitive::<arrow::datatypes::Int64Type>().value(row).to_string(),
        Float64 => format!("{:?}", array.as_primitive::<arrow::datatypes::Float64Type>().value(row)),
        Date => array.as_primitive::<arrow::datatypes::Date32Type>().value(row).to_string(),
        Timestamp => array.as_primitive::<TimestampMicrosecondType>().value(row).to_string(),
        Text => format!("{:?}", array.as_string::<i32>().value(row)),
        Json => array.as_string::<i32>().value(row).to_owned(),
        ColumnType::List(element_type) => {
            let elements = array.as_list::<i32>().value(row);
            let said: Vec<_> = (0..elements.len()).map(|at| say(&elements, at, element_type)).collect();
            format!("[{}]", said.join(","))
        }
        ColumnType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let said = fields
                .iter()
                .zip(columns)
                .map(|(field, column)| format!("{:?}:{}", field.name, say(column, row, &field.column_type)));
            format!("{{{}}}", said.collect::<Vec<_>>().join(","))
        }
    }
}

/// What becomes of `source`: the value, and how often something did not fit.
fn outcome(column_type: &ColumnType, source: &str) -> String {
    let columns = vec![column("c", column_type.clone(), ".v")];
    let outcome = both(&table(None, columns), &[document(format!("{{\"v\":{source}}}"))]);
    let value = say(outcome.batches[0].column(0), 0, column_type);
    match outcome.counts.columns[0].mismatches {
        0 => value,
        1 if value == "null" => "mismatch".to_owned(),
        1 => format!("{value}, mismatch"),
        several => format!("{value}, {several} mismatches"),
    }
}

/// Every line of the table in `docs/COERCION.md` is here, and the other way round.
#[test]
fn every_line_of_the_table_holds() {
    let document = include_str!("../../../docs/COERCION.md");
    let mut lines = 0;
    for line in document.lines() {
        let cells: Vec<&str> = line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        let [types, source, expected, _why] = cells[..] else { continue };
        let (Some(source), true) = (source.strip_prefix('`'), types.starts_with('`')) else { continue };
        let source = source.trim_end_matches('`');
        for name in types.trim_matches('`').split("`, `") {
            let column_type = name.parse().unwrap_or_else(|fault| panic!("{name}: {fault}"));
            let expected = expected.replace('`', "");
            assert_eq!(outcome(&column_type, source), expected, "{source} as {column_type}");
            lines += 1;
        }
    }
    assert!(lines > 120, "only {lines} lines were found in the table");
}
