//! Types in the words of the pipeline language where it has them, else in Arrow's.

use arrow::datatypes::{DataType, Field, TimeUnit};

/// The type of a column. Readers of Parquet may get wide or view variants of a type; the words are the same.
pub fn type_words(field: &Field) -> String {
    if field.metadata().get("tmdb-etl:type").is_some_and(|name| name == "json") {
        return "json".to_owned();
    }
    words(field.data_type())
}

fn words(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "bool".to_owned(),
        DataType::Int32 => "int32".to_owned(),
        DataType::Int64 => "int64".to_owned(),
        DataType::Float64 => "float64".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if &**zone == "UTC" => "timestamp".to_owned(),
        DataType::List(element) | DataType::LargeList(element) | DataType::ListView(element) => {
            format!("list<{}>", type_words(element))
        }
        DataType::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|field| format!("{}: {}", field.name(), type_words(field))).collect();
            format!("struct<{}>", fields.join(", "))
        }
        other => other.to_string(),
    }
}
