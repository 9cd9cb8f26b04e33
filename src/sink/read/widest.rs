//! Which file of a table shows its columns, where files differ: a table that is added to only grows.
//!
//! Does not belong here: what may be added to what (`evolution`), as this reads what others wrote, too. Invariant: every value of
//! every file has a column there whose type holds it.

use arrow::datatypes::{DataType, Schema};

use super::TableFile;

/// The first of `files` that has the columns of all; `None` if they are not of one table.
pub fn widest(files: &[TableFile]) -> Option<usize> {
    files.iter().position(|file| files.iter().all(|other| covers(&file.schema, &other.schema)))
}

/// Whether the rows of a file with the columns `other` can be read under those of `schema`.
fn covers(schema: &Schema, other: &Schema) -> bool {
    other.fields().iter().all(|field| {
        schema.field_with_name(field.name()).is_ok_and(|column| {
            let wider = (column.data_type(), field.data_type()) == (&DataType::Int64, &DataType::Int32);
            wider || column.data_type() == field.data_type()
        })
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use arrow::datatypes::Field;

    use super::super::FileFormat;
    use super::*;

    fn file(columns: &[(&str, DataType)]) -> TableFile {
        let field = |(name, kind): &(&str, DataType)| Field::new(*name, kind.clone(), true);
        let fields: Vec<Field> = columns.iter().map(field).collect();
        TableFile {
            path: PathBuf::from("part-00000.parquet"),
            format: FileFormat::Parquet,
            bytes: 1,
            rows: 1,
            groups: 1,
            codecs: Vec::new(),
            nulls: Vec::new(),
            schema: Arc::new(Schema::new(fields)),
            written_by: None,
            metadata: Vec::new(),
        }
    }

    #[test]
    fn the_columns_of_a_table_are_those_of_the_file_that_has_all() {
        let old = file(&[("id", DataType::Int32)]);
        let new = file(&[("id", DataType::Int64), ("title", DataType::Utf8)]);
        let other = file(&[("id", DataType::Utf8)]);
        assert_eq!(widest(&[old.clone(), old.clone()]), Some(0));
        assert_eq!(widest(&[old.clone(), new.clone(), old.clone()]), Some(1));
        assert_eq!(widest(&[old, new, other]), None);
    }
}
