//! What a commit says of the files that come: where they are, and what their columns lie between.
//!
//! Does not belong here: which files those are (`work`).
//!
//! Invariant: statistics are those of the file's own footer, so they hold for whoever wrote it; where a footer does not tell,
//! none is told.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray as _, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array,
    MapBuilder, MapFieldNames, StringArray, StringBuilder, StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Field, Fields, Float64Type, Int32Type, Int64Type, Schema, TimeUnit,
    TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::errors::ParquetError;

use crate::sink::delta_entry::AddFile;
use crate::sink::encode::FormatError;

/// Columns whose statistics are told, from the left: as many as Delta's own writers tell.
const COLUMNS_MAX: usize = 32;

/// What is known of one column of one file.
#[derive(Clone, Debug, Default)]
struct Known {
    nulls: Option<i64>,
    bounds: Option<(Bound, Bound)>,
}

#[derive(Clone, Debug, PartialEq, PartialOrd)]
enum Bound {
    Whole(i64),
    Float(f64),
    Text(String),
}

/// The rows of the log's `add` for `files`, of a table with the columns of `schema`; `open` opens one of them.
pub(super) fn rows<E: From<FormatError>>(
    files: &[AddFile],
    schema: &Schema,
    modified_ms: i64,
    open: impl Fn(&AddFile) -> Result<File, E>,
) -> Result<RecordBatch, E> {
    let in_name =
        |name: &str| files.iter().flat_map(|file| &file.partition).any(|(column, _)| column == name);
    let fields = schema.fields().iter().filter(|field| !in_name(field.name()) && is_told(field.data_type()));
    let fields: Vec<Arc<Field>> = fields.take(COLUMNS_MAX).cloned().collect();
    let mut known: Vec<Vec<Known>> = vec![Vec::new(); fields.len()];
    for file in files {
        for (column, of_file) in known.iter_mut().zip(known_of(open(file)?, &fields).map_err(E::from)?) {
            column.push(of_file);
        }
    }
    batch(files, &fields, &known, modified_ms).map_err(|error| FormatError::from(error).into())
}

fn known_of(file: File, fields: &[Arc<Field>]) -> Result<Vec<Known>, FormatError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let metadata = builder.metadata();
    let known = |field: &Arc<Field>| -> Result<Known, ParquetError> {
        let converter =
            StatisticsConverter::try_new(field.name(), builder.schema(), builder.parquet_schema())?;
        let groups = metadata.row_groups();
        let nulls = converter.row_group_null_counts(groups.iter())?;
        let (mins, maxes) =
            (converter.row_group_mins(groups.iter())?, converter.row_group_maxes(groups.iter())?);
        let mut bounds: Option<(Bound, Bound)> = None;
        let mut whole = *field.data_type() != DataType::Boolean;
        for (index, group) in groups.iter().enumerate() {
            let empty = nulls.is_valid(index) && i64::try_from(nulls.value(index)) == Ok(group.num_rows());
            match (bound(&mins, index), bound(&maxes, index)) {
                (Some(min), Some(max)) => {
                    bounds = Some(match bounds {
                        None => (min, max),
                        Some((least, most)) => {
                            (if min < least { min } else { least }, if max > most { max } else { most })
                        }
                    });
                }
                _ => whole &= empty,
            }
        }
        let nulls: Option<u64> = (0..nulls.len()).map(|at| nulls.is_valid(at).then(|| nulls.value(at))).sum();
        let nulls = nulls.and_then(|nulls| i64::try_from(nulls).ok());
        Ok(Known { nulls, bounds: bounds.filter(|_| whole) })
    };
    fields.iter().map(|field| known(field).map_err(FormatError::from)).collect()
}

fn is_told(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Boolean
            | DataType::Int32
            | DataType::Int64
            | DataType::Float64
            | DataType::Utf8
            | DataType::Date32
            | DataType::Timestamp(TimeUnit::Microsecond, Some(_))
    )
}

fn bound(values: &ArrayRef, at: usize) -> Option<Bound> {
    if values.is_null(at) {
        return None;
    }
    Some(match values.data_type() {
        DataType::Int32 => Bound::Whole(values.as_primitive::<Int32Type>().value(at).into()),
        DataType::Int64 => Bound::Whole(values.as_primitive::<Int64Type>().value(at)),
        DataType::Date32 => Bound::Whole(values.as_primitive::<Date32Type>().value(at).into()),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Bound::Whole(values.as_primitive::<TimestampMicrosecondType>().value(at))
        }
        DataType::Float64 => Bound::Float(values.as_primitive::<Float64Type>().value(at)),
        DataType::Utf8 => Bound::Text(values.as_string::<i32>().value(at).to_owned()),
        _ => return None,
    })
}

fn batch(
    files: &[AddFile],
    fields: &[Arc<Field>],
    known: &[Vec<Known>],
    modified_ms: i64,
) -> Result<RecordBatch, ArrowError> {
    let paths: StringArray = files.iter().map(|file| Some(escaped(&file.path))).collect();
    let names =
        MapFieldNames { entry: "key_value".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
    let mut partitions = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for file in files {
        for (name, value) in &file.partition {
            partitions.keys().append_value(name);
            partitions.values().append_option(value.as_deref());
        }
        partitions.append(true)?;
    }
    let partitions = partitions.finish();
    let sizes: Int64Array = files.iter().map(|file| i64::try_from(file.bytes).ok()).collect();
    let modified = Int64Array::from(vec![modified_ms; files.len()]);
    let stats = stats(files, fields, known)?;
    let field = |name: &str, data_type: &DataType, nullable| Field::new(name, data_type.clone(), nullable);
    let schema = Schema::new(vec![
        field("path", &DataType::Utf8, false),
        field("partitionValues", partitions.data_type(), false),
        field("size", &DataType::Int64, false),
        field("modificationTime", &DataType::Int64, false),
        field("stats", stats.data_type(), true),
    ]);
    let columns: Vec<ArrayRef> =
        vec![Arc::new(paths), Arc::new(partitions), Arc::new(sizes), Arc::new(modified), Arc::new(stats)];
    RecordBatch::try_new(Arc::new(schema), columns)
}

fn stats(files: &[AddFile], fields: &[Arc<Field>], known: &[Vec<Known>]) -> Result<StructArray, ArrowError> {
    let rows: Int64Array = files.iter().map(|file| i64::try_from(file.rows).ok()).collect();
    let tight = BooleanArray::from(vec![true; files.len()]);
    let (mut nulls, mut mins, mut maxes) = (Columns::default(), Columns::default(), Columns::default());
    for (field, known) in fields.iter().zip(known) {
        nulls.push(field.name(), Arc::new(known.iter().map(|it| it.nulls).collect::<Int64Array>()));
        if *field.data_type() != DataType::Boolean {
            let side = |pick: fn(&(Bound, Bound)) -> &Bound| {
                array(field.data_type(), known.iter().map(|it| it.bounds.as_ref().map(pick)).collect())
            };
            mins.push(field.name(), side(|bounds| &bounds.0));
            maxes.push(field.name(), side(|bounds| &bounds.1));
        }
    }
    let mut all = Columns::default();
    all.push("numRecords", Arc::new(rows));
    for (name, columns) in [("nullCount", nulls), ("minValues", mins), ("maxValues", maxes)] {
        // A struct without fields is no column of a log.
        if !columns.0.is_empty() {
            all.push(name, Arc::new(columns.into_struct()?));
        }
    }
    all.push("tightBounds", Arc::new(tight));
    all.into_struct()
}

#[derive(Default)]
struct Columns(Vec<(Arc<Field>, ArrayRef)>);

impl Columns {
    fn push(&mut self, name: &str, values: ArrayRef) {
        self.0.push((Arc::new(Field::new(name, values.data_type().clone(), true)), values));
    }

    fn into_struct(self) -> Result<StructArray, ArrowError> {
        let (fields, arrays): (Vec<Arc<Field>>, Vec<ArrayRef>) = self.0.into_iter().unzip();
        StructArray::try_new(Fields::from(fields), arrays, None)
    }
}

fn array(data_type: &DataType, values: Vec<Option<&Bound>>) -> ArrayRef {
    let whole = || {
        values.iter().map(|value| match value {
            Some(Bound::Whole(value)) => Some(*value),
            _ => None,
        })
    };
    let small = || whole().map(|value| value.and_then(|value| i32::try_from(value).ok()));
    match data_type {
        DataType::Int32 => Arc::new(small().collect::<Int32Array>()),
        DataType::Date32 => Arc::new(small().collect::<Date32Array>()),
        DataType::Timestamp(..) => {
            Arc::new(whole().collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        DataType::Float64 => Arc::new(
            values
                .iter()
                .map(|value| match value {
                    Some(Bound::Float(value)) => Some(*value),
                    _ => None,
                })
                .collect::<Float64Array>(),
        ),
        DataType::Utf8 => Arc::new(
            values
                .iter()
                .map(|value| match value {
                    Some(Bound::Text(value)) => Some(value.as_str()),
                    _ => None,
                })
                .collect::<StringArray>(),
        ),
        _ => Arc::new(whole().collect::<Int64Array>()),
    }
}

/// A place in the table as the log names it: as in a URL. Our names are ASCII, and hold nothing else that a URL would not.
fn escaped(path: &str) -> String {
    path.replace('%', "%25")
}
