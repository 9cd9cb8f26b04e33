//! The folders of a partitioned table, as Hive names them: `year=1999`, one level for each column.
//!
//! Does not belong here: the files in them (`folder`), and the order of rows (`sort`).
//!
//! Invariant: two rows are in one folder if and only if their values are the same; an empty text counts as no value, as
//! Hive has no name for it. A name is ASCII, holds no separator, and gives the value back by percent-decoding.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, StringArray};
use arrow::datatypes::{DataType, Date32Type, Field, Int32Type, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::SinkError;
use super::ranges::date;

/// Folders that a table may have. Each costs readers a listing and at least one file; what has more is no partition but
/// a key. (Tests make more than that.)
pub(super) const PARTITIONS_MAX: usize = if cfg!(test) { 200 } else { 10_000 };

/// The folder of rows without a value.
pub(super) const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// Longest name of a file on the systems that matter.
const NAME_BYTES_MAX: usize = 255;

/// What a name does not have to escape.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The columns by which a table is partitioned.
#[derive(Clone, Debug)]
pub(super) struct Partitions {
    /// Places and names of the columns, in the order of the nesting.
    columns: Vec<(usize, String)>,
    /// Places of the columns that stay in the files.
    rest: Vec<usize>,
    /// The columns that stay in the files.
    pub files: SchemaRef,
    /// All columns of rows that were settled.
    pub settled: SchemaRef,
}

impl Partitions {
    /// Of a table with the columns of `schema`, which has those of `names`, and others.
    pub fn new(schema: &Schema, names: &[String]) -> Self {
        let place = |name: &String| {
            let column = schema.index_of(name).expect("the plan knows every column of `partition_by`");
            (column, name.clone())
        };
        let columns: Vec<(usize, String)> = names.iter().map(place).collect();
        let in_name = |column: &usize| columns.iter().any(|(named, _)| named == column);
        let rest: Vec<usize> = (0..schema.fields().len()).filter(|column| !in_name(column)).collect();
        let fields: Vec<Arc<Field>> = rest.iter().map(|column| schema.fields()[*column].clone()).collect();
        // Names of folders say nothing of nulls, and a file has none of these columns.
        let settled = |(column, field): (usize, &Arc<Field>)| {
            if in_name(&column) {
                Arc::new(field.as_ref().clone().with_nullable(true))
            } else {
                field.clone()
            }
        };
        let settled: Vec<Arc<Field>> = schema.fields().iter().enumerate().map(settled).collect();
        let (files, settled) = (Arc::new(Schema::new(fields)), Arc::new(Schema::new(settled)));
        Self { columns, rest, files, settled }
    }

    /// The places of its columns.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().map(|(column, _)| *column)
    }

    /// The same rows with no value where a text is empty.
    pub fn settle(&self, batch: &RecordBatch) -> RecordBatch {
        let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
        for column in self.places() {
            if *columns[column].data_type() == DataType::Utf8 {
                let texts = columns[column].as_string::<i32>();
                if texts.iter().any(|text| text == Some("")) {
                    let settled = texts.iter().map(|text| text.filter(|text| !text.is_empty()));
                    columns[column] = Arc::new(settled.collect::<StringArray>());
                }
            }
        }
        RecordBatch::try_new(self.settled.clone(), columns).expect("the same columns")
    }

    /// The first row of each stretch of rows that are in one folder.
    pub fn starts(&self, batch: &RecordBatch) -> Vec<usize> {
        let same = |column: usize, row: usize| {
            let values = batch.column(column);
            let both = (values.is_null(row - 1), values.is_null(row));
            both == (true, true) || (both == (false, false) && equal(values, row - 1, row))
        };
        (0..batch.num_rows())
            .filter(|&row| row == 0 || self.places().any(|column| !same(column, row)))
            .collect()
    }

    /// The folder of a row.
    pub fn folder(&self, batch: &RecordBatch, row: usize, table: &str) -> Result<String, SinkError> {
        let mut folder = String::new();
        for (column, name) in &self.columns {
            let value = text(batch.column(*column), row);
            let level = Self::level(name, value.as_deref(), table)?;
            if !folder.is_empty() {
                folder.push('/');
            }
            folder.push_str(&level);
        }
        Ok(folder)
    }

    /// The folder of a table without rows.
    pub fn folder_of_nothing(&self, table: &str) -> Result<String, SinkError> {
        let levels = self.columns.iter().map(|(_, name)| Self::level(name, None, table));
        Ok(levels.collect::<Result<Vec<_>, _>>()?.join("/"))
    }

    /// The folder of rows with these values of the columns in `names`.
    #[cfg(feature = "delta")]
    pub fn folder_of(
        names: &[String],
        values: &[(String, Option<String>)],
        table: &str,
    ) -> Result<String, SinkError> {
        let value = |name: &String| {
            values.iter().find(|(column, _)| column == name).and_then(|(_, it)| it.as_deref())
        };
        let levels = names.iter().map(|name| Self::level(name, value(name), table));
        Ok(levels.collect::<Result<Vec<_>, _>>()?.join("/"))
    }

    fn level(name: &str, value: Option<&str>, table: &str) -> Result<String, SinkError> {
        let value = value.map_or_else(|| NO_VALUE.to_owned(), escaped);
        let level = format!("{}={value}", escaped(name));
        if level.len() > NAME_BYTES_MAX {
            let (table, column) = (table.to_owned(), name.to_owned());
            return Err(SinkError::PartitionName { table, column, length: level.len() });
        }
        Ok(level)
    }

    /// The columns that stay in the files.
    pub fn rest(&self, batch: &RecordBatch) -> RecordBatch {
        let columns = self.rest.iter().map(|column| batch.column(*column).clone()).collect();
        RecordBatch::try_new(self.files.clone(), columns).expect("columns of the table")
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// Whether two rows of a column hold the same value.
fn equal(values: &ArrayRef, a: usize, b: usize) -> bool {
    match values.data_type() {
        DataType::Boolean => values.as_boolean().value(a) == values.as_boolean().value(b),
        DataType::Int32 => {
            values.as_primitive::<Int32Type>().value(a) == values.as_primitive::<Int32Type>().value(b)
        }
        DataType::Int64 => {
            values.as_primitive::<Int64Type>().value(a) == values.as_primitive::<Int64Type>().value(b)
        }
        DataType::Date32 => {
            values.as_primitive::<Date32Type>().value(a) == values.as_primitive::<Date32Type>().value(b)
        }
        DataType::Utf8 => values.as_string::<i32>().value(a) == values.as_string::<i32>().value(b),
        other => unreachable!("the language lets no {other} name a folder"),
    }
}

/// A value as text; none if there is none, or a date beyond the years that have four digits.
fn text(values: &ArrayRef, row: usize) -> Option<String> {
    if values.is_null(row) {
        return None;
    }
    match values.data_type() {
        DataType::Boolean => Some(values.as_boolean().value(row).to_string()),
        DataType::Int32 => Some(values.as_primitive::<Int32Type>().value(row).to_string()),
        DataType::Int64 => Some(values.as_primitive::<Int64Type>().value(row).to_string()),
        DataType::Date32 => {
            let days = values.as_primitive::<Date32Type>().value(row);
            Some(date(days).map_or_else(|| days.to_string(), |date| date.to_string()))
        }
        DataType::Utf8 => Some(values.as_string::<i32>().value(row).to_owned()),
        other => unreachable!("the language lets no {other} name a folder"),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{BooleanArray, Date32Array, Int32Array};

    use super::*;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, it)| (name, it, true)))
            .expect("a batch")
    }

    #[test]
    fn folders_are_named_as_hive_names_them() {
        let check = |name: &str, values: ArrayRef, expect: &[&str]| {
            let id: ArrayRef = Arc::new(Int32Array::from(vec![0; values.len()]));
            let batch = batch(vec![("id", id), (name, values)]);
            let partitions = Partitions::new(batch.schema_ref(), &[name.to_owned()]);
            let batch = partitions.settle(&batch);
            let folders: Vec<String> = (0..batch.num_rows())
                .map(|row| partitions.folder(&batch, row, "t").expect("short"))
                .collect();
            assert_eq!(folders, expect);
        };
        let texts = vec![Some("en"), Some("a/b=c d"), Some("é"), Some(".."), Some(""), None, Some("100%")];
        check(
            "language",
            Arc::new(StringArray::from(texts)),
            &[
                "language=en",
                "language=a%2Fb%3Dc%20d",
                "language=%C3%A9",
                "language=..",
                "language=__HIVE_DEFAULT_PARTITION__",
                "language=__HIVE_DEFAULT_PARTITION__",
                "language=100%25",
            ],
        );
        check(
            "year",
            Arc::new(Int32Array::from(vec![Some(1999), Some(-1), None])),
            &["year=1999", "year=-1", "year=__HIVE_DEFAULT_PARTITION__"],
        );
        check("adult", Arc::new(BooleanArray::from(vec![true, false])), &["adult=true", "adult=false"]);
        check(
            "day",
            Arc::new(Date32Array::from(vec![17_897, i32::MAX])),
            &["day=2019-01-01", "day=2147483647"],
        );
        check("in use", Arc::new(Int32Array::from(vec![1])), &["in%20use=1"]);
    }

    #[test]
    fn stretches_end_where_a_value_of_any_column_changes() {
        let year: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(1), Some(2), Some(2), None, None]));
        let language: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "b", "b", "b", "b"]));
        let id: ArrayRef = Arc::new(Int32Array::from(vec![0; 6]));
        let batch = batch(vec![("year", year), ("id", id), ("language", language)]);
        let partitions = Partitions::new(batch.schema_ref(), &["language".to_owned(), "year".to_owned()]);
        assert_eq!(partitions.starts(&batch), [0, 1, 2, 4]);
        assert_eq!(partitions.folder(&batch, 2, "t").expect("short"), "language=b/year=2");
        let nothing = partitions.folder_of_nothing("t").expect("short");
        assert_eq!(nothing, "language=__HIVE_DEFAULT_PARTITION__/year=__HIVE_DEFAULT_PARTITION__");
        let names: Vec<&str> = partitions.files.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["id"]);
        assert_eq!(partitions.rest(&batch).num_columns(), 1);
    }

    #[test]
    fn value_that_is_too_long_for_a_name_is_an_error() {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["é".repeat(50)]));
        let id: ArrayRef = Arc::new(Int32Array::from(vec![0]));
        let batch = batch(vec![("id", id), ("title", text)]);
        let partitions = Partitions::new(batch.schema_ref(), &["title".to_owned()]);
        let error = partitions.folder(&batch, 0, "films").expect_err("too long").to_string();
        assert_eq!(error, "write table `films`: a value of `title` is too long to name a folder: 306 bytes");
    }
}
