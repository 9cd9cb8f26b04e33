//! How many values of a column are there, and how many of them are null.
//!
//! Does not belong here: what is said about it (`crate::report`, `crate::cli`).
//!
//! Invariant: the counts follow from the rows alone, not from how they were cut into batches.

use arrow::array::{Array, AsArray as _};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};

/// One column of a table, or something within one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnFacts {
    /// Name of the column; within one, `.name` of a struct's field or `[]` of a list's elements.
    pub name: String,
    /// How many values there are: the table's rows, or the elements of its lists.
    pub values: u64,
    /// How many of them are null, by themselves or with the struct around them.
    pub nulls: u64,
    /// What the column was made from, as [`TableSpec::definitions`](super::TableSpec::definitions) has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// What is within it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inside: Vec<ColumnFacts>,
}

impl ColumnFacts {
    /// What is without a value although there are places for it: paths like `title`, `director.name`
    /// or `genres[].id`. What is within something that is named is not.
    pub fn empty(&self) -> Vec<String> {
        if self.values > 0 && self.nulls == self.values {
            return vec![self.name.clone()];
        }
        let inside = self.inside.iter().flat_map(Self::empty);
        inside.map(|path| format!("{}{path}", self.name)).collect()
    }

    fn new(name: String, field: &Field) -> Self {
        let inside = match field.data_type() {
            DataType::Struct(fields) => {
                fields.iter().map(|field| Self::new(format!(".{}", field.name()), field)).collect()
            }
            DataType::List(element) => vec![Self::new("[]".to_owned(), element)],
            _ => Vec::new(),
        };
        Self { name, values: 0, nulls: 0, definition: None, inside }
    }

    /// Adds `array`, whose values are null wherever `around` is.
    fn add(&mut self, array: &dyn Array, around: Option<&NullBuffer>) {
        let nulls = NullBuffer::union(around, array.logical_nulls().as_ref());
        self.values += array.len() as u64;
        self.nulls += nulls.as_ref().map_or(0, NullBuffer::null_count) as u64;
        match array.data_type() {
            DataType::Struct(_) => {
                for (facts, field) in self.inside.iter_mut().zip(array.as_struct().columns()) {
                    facts.add(field, nulls.as_ref());
                }
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let elements = list.value_offsets();
                let at = |index: usize| usize::try_from(elements[index]).expect("offsets are positive");
                let (first, end) = (at(0), at(list.len()));
                self.inside[0].add(&list.values().slice(first, end - first), None);
            }
            _ => {}
        }
    }
}

/// The columns of a table that has no rows yet.
pub(super) fn columns(schema: &Schema, definitions: &[String]) -> Vec<ColumnFacts> {
    let column = |(index, field): (usize, &std::sync::Arc<Field>)| {
        let facts = ColumnFacts::new(field.name().clone(), field);
        ColumnFacts { definition: definitions.get(index).cloned(), ..facts }
    };
    schema.fields().iter().enumerate().map(column).collect()
}

/// Adds the rows of `batch`, which has these columns.
pub(super) fn count(columns: &mut [ColumnFacts], batch: &RecordBatch) {
    for (facts, array) in columns.iter_mut().zip(batch.columns()) {
        facts.add(array, None);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, ListArray, StringArray, StructArray};
    use arrow::buffer::OffsetBuffer;

    use super::*;

    fn field(name: &str, kind: DataType) -> Arc<Field> {
        Arc::new(Field::new(name, kind, true))
    }

    /// Five rows: a flat column, a struct that is null twice and whose `name` is null elsewhere, and lists of structs
    /// of which two have elements, whose `id` is always null.
    fn batch() -> RecordBatch {
        let flat: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3), None, Some(5)]));
        let name: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None, None, None, Some("y")]));
        let seats: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(2), Some(3), None, None]));
        let director: ArrayRef = Arc::new(StructArray::new(
            vec![field("name", DataType::Utf8), field("seats", DataType::Int64)].into(),
            vec![name, seats],
            Some(NullBuffer::from(vec![false, true, true, true, false])),
        ));
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![None::<i64>; 3]));
        let genre = StructArray::new(vec![field("id", DataType::Int64)].into(), vec![ids], None);
        let genres: ArrayRef = Arc::new(ListArray::new(
            field("element", genre.data_type().clone()),
            OffsetBuffer::new(vec![0, 2, 2, 2, 3, 3].into()),
            Arc::new(genre),
            Some(NullBuffer::from(vec![true, true, false, true, true])),
        ));
        let columns = [("flat", flat), ("director", director), ("genres", genres)];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
            .expect("columns fit")
    }

    fn counted(cut: usize) -> Vec<ColumnFacts> {
        let batch = batch();
        let mut columns = columns(batch.schema_ref(), &["d1".to_owned()]);
        for start in (0..batch.num_rows()).step_by(cut) {
            count(&mut columns, &batch.slice(start, cut.min(batch.num_rows() - start)));
        }
        columns
    }

    fn lines(columns: &[ColumnFacts], above: &str) -> String {
        let line = |facts: &ColumnFacts| {
            let path = format!("{above}{}", facts.name);
            format!("{path} {}/{}\n{}", facts.nulls, facts.values, lines(&facts.inside, &path))
        };
        columns.iter().map(line).collect()
    }

    #[test]
    fn nulls_are_counted_through_structs_and_lists() {
        insta::assert_snapshot!(lines(&counted(5), ""), @"
        flat 2/5
        director 2/5
        director.name 5/5
        director.seats 3/5
        genres 1/5
        genres[] 0/3
        genres[].id 3/3
        ");
    }

    #[test]
    fn counts_do_not_show_how_rows_were_cut() {
        assert_eq!(counted(2), counted(5));
        assert_eq!(counted(1), counted(5));
    }

    #[test]
    fn what_is_within_something_empty_is_not_named() {
        let empty: Vec<String> = counted(5).iter().flat_map(ColumnFacts::empty).collect();
        assert_eq!(empty, ["director.name", "genres[].id"]);
        let mut columns = counted(5);
        columns[1].nulls = 5;
        assert_eq!(columns[1].empty(), ["director"]);
        let nothing = ColumnFacts { values: 0, nulls: 0, ..columns[0].clone() };
        assert_eq!(nothing.empty(), [""; 0], "a table without rows says nothing");
    }

    #[test]
    fn definitions_stand_at_their_columns() {
        let definitions: Vec<_> = counted(5).into_iter().map(|facts| facts.definition).collect();
        assert_eq!(definitions, [Some("d1".to_owned()), None, None]);
    }
}
