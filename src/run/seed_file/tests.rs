//! Files of every kind, whole and broken: what they give, or where they say that they are wrong.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array,
    Int32Array, Int64Array, LargeStringArray, ListArray, RecordBatch, StringArray, StructArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int32Type};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use tempfile::TempDir;

use super::*;

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    }
}

/// A line for each number.
fn lines(numbers: std::ops::Range<usize>, line: impl Fn(usize) -> String) -> String {
    numbers.map(line).collect::<Vec<_>>().join("\n") + "\n"
}

/// A file of `format` whose `column` is the id, for a fetch that asks for `needs`.
fn wanted(format: FileFormat, column: Option<&str>, needs: &[&str]) -> Wanted {
    let needs = needs.iter().map(|&need| need.to_owned()).collect();
    Wanted { format, column: column.map(str::to_owned), needs, reads: FieldSet::All }
}

/// Every item of a file, a line each; how many rows were skipped; and how it ended.
fn read(path: &Path, wanted: &Wanted, where_: Option<&str>) -> String {
    let tell = |error: &SeedFileError| {
        assert!(error.to_string().starts_with("read `"), "{error}");
        assert!(!error.fault.hint().is_empty());
        format!("error: {}", error.fault)
    };
    let mut file = match SeedFile::at(path, wanted) {
        Ok(file) => file,
        Err(error) => return format!("at once {}", tell(&error)),
    };
    let where_ = where_.map(|text| Expr::compile(text).expect("an expression"));
    let scope = RunScope { params: Arc::default(), run: String::new() };
    let mut told = Vec::new();
    let mut skipped = 0;
    loop {
        let batch = file.batch(where_.as_ref(), &scope);
        told.extend(batch.items.iter().map(|item| String::from_utf8_lossy(item.1.trim_ascii()).into_owned()));
        skipped += batch.skipped;
        match batch.ended {
            None => {}
            Some(ended) => {
                if skipped > 0 {
                    told.push(format!("skipped {skipped}"));
                }
                told.extend(ended.err().map(|error| tell(&error)));
                return told.join(" ");
            }
        }
    }
}

#[test]
fn csv_gives_its_rows_or_says_where_it_is_wrong() {
    let files = Files::new();
    let check = |text: &[u8], column: Option<&str>, expect: &str| {
        let path = files.write("ids.csv", text);
        assert_eq!(
            read(&path, &wanted(FileFormat::Csv, column, &["id"]), None),
            expect,
            "{}",
            text.escape_ascii()
        );
    };
    let id = Some("id");
    check(b"id\n603\n604\n", id, r#"{"id":603} {"id":604}"#);
    check(b"id\r\n603\r\n604", id, r#"{"id":603} {"id":604}"#);
    check(b"\xef\xbb\xbfid,title\n603,\"The, \"\"Matrix\"\"\"\n", id, r#"{"id":603}"#);
    check(
        b"\xef\xbb\xbfid,title\n603,\"The, \"\"Matrix\"\"\"\n",
        None,
        r#"{"id":603,"title":"The, \"Matrix\""}"#,
    );
    check(b" id , title \n 603 , x y \n", None, r#"{"id":603,"title":"x y"}"#);
    check(
        b"id,season\n1399,1\n1399,\n,\n",
        None,
        r#"{"id":1399,"season":1} {"id":1399,"season":null} skipped 1"#,
    );
    check(b"title,id\na,1\nb,\nc,  \n", id, r#"{"id":1} skipped 2"#);
    check(b"id\n\n\n7\n", id, r#"{"id":7}"#);
    // Whole numbers in canonical form, and nothing else.
    check(
        b"id\n007\n+7\n-7\n7.0\n1e3\ntt0133093\n9223372036854775808\n",
        id,
        r#"{"id":"007"} {"id":"+7"} {"id":-7} {"id":"7.0"} {"id":"1e3"} {"id":"tt0133093"} {"id":"9223372036854775808"}"#,
    );
    // An index without a name, and a separator at the end of every line.
    check(b",id,\n0,603,\n", None, r#"{"id":603}"#);
    check(b"a,a,id\n1,2,3\n", id, r#"{"id":3}"#);
    check(b"", id, "at once error: it is empty, without the line that names its columns");
    check(b"603\n604\n", id, "at once error: line 1 names no columns, it has values: 603");
    check(b"603,1\n604,2\n", None, "at once error: line 1 names no columns, it has values: 603, 1");
    check(b"movie_id\n1\n", id, "at once error: it has no column `id`; it has `movie_id`");
    check(b"Id\n1\n", None, "at once error: it has no column `id`; it has `Id`");
    check(b"id,id\n1,2\n", id, "at once error: columns 1 and 2 are both called `id`");
    check(b"id,a,a\n1,2,3\n", None, "at once error: columns 2 and 3 are both called `a`");
    check(b"id,a\n1,2\n3\n", id, r#"{"id":1} error: line 3 has 1, and the header has 2"#);
    check(
        b"id,a\r\n\r\n1,2\r\n\r\n3,4,5\r\n6,7\r\n",
        id,
        r#"{"id":1} error: line 5 has 3, and the header has 2"#,
    );
    check(
        b"id,a\n1,\"x\n\ny\"\n\n3",
        None,
        r#"{"id":1,"a":"x\n\ny"} error: line 6 has 1, and the header has 2"#,
    );
    check(b"a,id\n1,2\n1,\xff\n", id, r#"{"id":2} error: line 3, column `id`, is not UTF-8"#);
    check(b"a,i\xe9d\n1,2\n", id, "at once error: line 1 is not UTF-8");
    check(b"\xff\xfei\0d\0\n\0", id, "at once error: it is UTF-16");
    check(
        b"id\n1\n\"2\n3\n4\n",
        id,
        r#"{"id":1} error: line 3, column `id`, has text of several lines (is a double quote open?), and an id is a whole number or text"#,
    );
}

#[test]
fn tsv_has_tabs_and_the_hints_know_separators() {
    let files = Files::new();
    let path = files.write("ids.tsv", b"id\ttitle\n603\tThe, Matrix\n");
    let all = wanted(FileFormat::Tsv, None, &["id"]);
    assert_eq!(read(&path, &all, None), r#"{"id":603,"title":"The, Matrix"}"#);
    let hint = |text: &str, needs: &str, column: Option<&str>| {
        let path = files.write("ids.csv", text.as_bytes());
        let error = SeedFile::at(&path, &wanted(FileFormat::Csv, column, &[needs])).err().expect("a fault");
        error.fault.hint()
    };
    assert_eq!(hint("id\ttitle\n", "id", Some("id")), "the columns are separated by tabs: say `format: tsv`");
    assert!(hint("id;title\n", "id", None).contains("separated by `;`"));
    assert_eq!(hint("movie_id,title\n", "x", Some("movie-id")), "did you mean `column: movie_id`?");
    assert!(hint("movie_ids,title\n", "movie_id", None).contains("`{movie_ids}` in the `path`"));
}

#[test]
fn jsonl_gives_its_lines_or_says_where_it_is_wrong() {
    let files = Files::new();
    let check = |text: &[u8], column: Option<&str>, expect: &str| {
        let path = files.write("ids.jsonl", text);
        let wanted = wanted(FileFormat::Jsonl, column, &["id"]);
        assert_eq!(read(&path, &wanted, None), expect, "{}", text.escape_ascii());
    };
    let id = Some("id");
    check(b"", None, "");
    check(b"603\n\n  \"tt1\"  \r\n604", None, r#"{"id":603} {"id":"tt1"} {"id":604}"#);
    check(b"603.0\n1e3\n", None, r#"{"id":603} {"id":1000}"#);
    check(b"null\n\"\"\n1\n", None, r#"{"id":1} skipped 2"#);
    check(b"\xef\xbb\xbf{\"id\":1,\"a\":[{\"b\":2}]}\n", None, r#"{"id":1,"a":[{"b":2}]}"#);
    check(
        b"{\"adult\":false,\"id\":3924}\n{\"x\":1}\n{\"id\":null}\n5\n",
        id,
        r#"{"id":3924} {"id":5} skipped 2"#,
    );
    check(b"{\"movie\":1}\n", id, "at once error: it has no field `id`; it has `movie`");
    check(b"{\"movie\":1}\n", None, "at once error: it has no field `id`; it has `movie`");
    // A sparse field may come late: it is only told at once if it cannot come any more, or if its neighbour is there.
    let sparse =
        |name: &str, last: &str| [format!("{{\"{name}\":1}}\n").repeat(150), last.to_owned()].concat();
    check(sparse("x", "{\"id\":7}").as_bytes(), id, r#"{"id":7} skipped 150"#);
    check(sparse("x", "{\"y\":7}").as_bytes(), id, "skipped 151 error: it has no field `id`; it has `x`");
    check(sparse("ids", "{\"id\":7}").as_bytes(), id, "at once error: it has no field `id`; it has `ids`");
    check(b"[{\"id\":1}]\n", None, "at once error: line 1, character 1 is not JSON");
    check(b"[\n{\"id\":1}\n]\n", None, "at once error: line 1, character 3 is not JSON");
    check(b"{\n\"id\":1\n}\n", None, "at once error: line 1, character 3 is not JSON");
    check(b"1\n{\"id\":1\n", None, r#"{"id":1} error: line 2, character 9 is not JSON"#);
    check(b"1\n{\"id\":\"\xff\"}\n", None, r#"{"id":1} error: line 2 is not UTF-8"#);
    check(b"1\n[2]\n", None, r#"{"id":1} error: line 2 has a list, and an id is a whole number or text"#);
    check(
        b"{\"id\":1}\n{\"id\":{\"a\":1}}\n",
        id,
        r#"{"id":1} error: line 2, column `id`, has the object {"a":1}, and an id is a whole number or text"#,
    );
    check(
        b"1\n2.5\n",
        None,
        r#"{"id":1} error: line 2 has the number 2.5, and an id is a whole number or text"#,
    );
}

#[test]
fn a_line_without_an_end_is_refused_and_one_of_the_longest_is_read() {
    let files = Files::new();
    let quote = LINE_BYTES_MAX * 3;
    let long = |head: &str, fill: usize, tail: &str| [head, &"x".repeat(fill), tail].concat();
    let check = |name: &str, text: String, format, expect: &str| {
        let path = files.write(name, text.as_bytes());
        let told = read(&path, &wanted(format, Some("id"), &[]), None);
        assert!(told.ends_with(expect), "{}", &told[told.len().saturating_sub(200)..]);
    };
    check("q.csv", long("id\n1\n\"", quote, ""), FileFormat::Csv, "line 3 is longer than 1048576 bytes");
    check("h.csv", long("", quote, ""), FileFormat::Csv, "line 1 is longer than 1048576 bytes");
    check("q.jsonl", long("1\n\"", quote, ""), FileFormat::Jsonl, "line 2 is longer than 1048576 bytes");
    check("l.jsonl", long("1\n\"", LINE_BYTES_MAX - 3, "\"\n2\n"), FileFormat::Jsonl, r#"x"} {"id":2}"#);
    check("l.csv", long("id\n1\n", LINE_BYTES_MAX - 9000, "\n2\n"), FileFormat::Csv, r#"x"} {"id":2}"#);
}

#[test]
fn gzip_is_known_by_its_bytes_and_damage_is_told() {
    let files = Files::new();
    let packed = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).expect("in memory");
        encoder.finish().expect("in memory")
    };
    let id = wanted(FileFormat::Csv, Some("id"), &[]);
    let two = [packed("id\n1\n"), packed("2\n")].concat();
    assert_eq!(read(&files.write("two.csv.gz", &two), &id, None), r#"{"id":1} {"id":2}"#);
    assert_eq!(read(&files.write("plain.csv.gz", b"id\n1\n"), &id, None), r#"{"id":1}"#);
    let rows = lines(0..50_000, |row| (row * 7919 % 50_021).to_string());
    let whole = packed(&format!("id\n{rows}"));
    let cut = files.write("cut.csv.gz", &whole[..whole.len() / 2]);
    let told = read(&cut, &id, None);
    assert!(told.contains("error: its gzip data is damaged or cut off"), "{}", &told[told.len() - 200..]);
    let jsonl = wanted(FileFormat::Jsonl, Some("id"), &[]);
    assert!(read(&cut, &jsonl, None).starts_with("at once error"));
}

#[test]
fn what_is_no_file_is_told_at_once() {
    let files = Files::new();
    for (format, name) in [(FileFormat::Csv, "none.csv"), (FileFormat::Parquet, "none.parquet")] {
        let told = read(&files.0.path().join(name), &wanted(format, None, &[]), None);
        assert_eq!(told, "at once error: there is no such file");
        assert_eq!(read(files.0.path(), &wanted(format, None, &[]), None), "at once error: it is a folder");
    }
    let torn = files.write("torn.parquet", b"PAR1 and then nothing");
    assert!(read(&torn, &wanted(FileFormat::Parquet, None, &[]), None).starts_with("at once error: "));
}

#[test]
fn batches_end_by_rows_and_where_looks_at_every_item() {
    let files = Files::new();
    let text = lines(1..5001, |id| id.to_string());
    let path = files.write("ids.csv", format!("id\n{text}").as_bytes());
    let id = wanted(FileFormat::Csv, Some("id"), &[]);
    assert_eq!(read(&path, &id, Some(".id % 2500 == 0")), r#"{"id":2500} {"id":5000}"#);
    let mut file = SeedFile::at(&path, &id).expect("a file");
    let scope = RunScope { params: Arc::default(), run: String::new() };
    let never = Expr::compile("false").expect("an expression");
    let batch = file.batch(Some(&never), &scope);
    assert_eq!(
        (batch.items.len(), batch.ended.is_none()),
        (0, true),
        "a batch ends although nothing is found"
    );
}

fn parquet(path: &Path, codec: Codec, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    let properties = WriterProperties::builder().set_compression(codec).build();
    let file = std::fs::File::create(path).expect("created");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("a schema");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
}

#[test]
fn parquet_gives_its_rows_or_says_what_it_cannot_use() {
    let files = Files::new();
    let path = files.0.path().join("ids.parquet");
    let genres =
        ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), Some(vec![]), None]);
    let name: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("c")]));
    let nested = StructArray::from(vec![(Arc::new(Field::new("name", DataType::Utf8, true)), name)]);
    let decimals = Decimal128Array::from(vec![5, 6, 7]).with_precision_and_scale(9, 0).expect("a scale");
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(vec![Some(603), None, Some(604)]))),
        ("small", Arc::new(Int32Array::from(vec![1, 2, 3]))),
        ("large", Arc::new(UInt64Array::from(vec![u64::MAX, 0, 1]))),
        ("float", Arc::new(Float64Array::from(vec![Some(603.0), None, Some(0.5)]))),
        ("text", Arc::new(LargeStringArray::from(vec![Some("tt1"), Some(""), None]))),
        ("words", Arc::new(DictionaryArray::<Int32Type>::from_iter(["x", "y", "x"]))),
        ("truth", Arc::new(BooleanArray::from(vec![true, false, true]))),
        ("day", Arc::new(Date32Array::from(vec![0, 1, 365]))),
        ("whole", Arc::new(decimals)),
        ("genres", Arc::new(genres)),
        ("nested", Arc::new(nested)),
        ("raw", Arc::new(BinaryArray::from(vec![&b"a"[..], b"b", b"c"]))),
    ];
    for codec in [
        Codec::UNCOMPRESSED,
        Codec::SNAPPY,
        Codec::GZIP(GzipLevel::default()),
        Codec::LZ4_RAW,
        Codec::ZSTD(ZstdLevel::default()),
    ] {
        parquet(&path, codec, columns.clone());
        let id = wanted(FileFormat::Parquet, Some("id"), &[]);
        assert_eq!(read(&path, &id, None), r#"{"id":603} {"id":604} skipped 1"#, "{codec}");
    }
    let check = |column: &str, expect: &str| {
        assert_eq!(read(&path, &wanted(FileFormat::Parquet, Some(column), &[]), None), expect, "{column}");
    };
    check("small", r#"{"id":1} {"id":2} {"id":3}"#);
    check("large", r#"{"id":18446744073709551615} {"id":0} {"id":1}"#);
    check(
        "float",
        r#"{"id":603} skipped 1 error: line 3, column `float`, has the number 0.5, and an id is a whole number or text"#,
    );
    check("text", r#"{"id":"tt1"} skipped 2"#);
    check("words", r#"{"id":"x"} {"id":"y"} {"id":"x"}"#);
    check("day", r#"{"id":"1970-01-01"} {"id":"1970-01-02"} {"id":"1971-01-01"}"#);
    check("whole", r#"{"id":5} {"id":6} {"id":7}"#);
    check("truth", "at once error: its column `truth` is Boolean");
    check("raw", "at once error: its column `raw` is Binary");
    assert!(
        read(&path, &wanted(FileFormat::Parquet, Some("genres"), &[]), None)
            .contains("its column `genres` is List(")
    );
    assert!(
        read(&path, &wanted(FileFormat::Parquet, Some("idd"), &[]), None)
            .contains("no column `idd`; it has `id`, `small`")
    );
    assert!(read(&path, &wanted(FileFormat::Parquet, None, &["movie"]), None).contains("no column `movie`"));
    // Every field of an item would be one that nobody can read; those that are read are no trouble.
    assert!(
        read(&path, &wanted(FileFormat::Parquet, None, &["id"]), None).contains("its column `raw` is Binary")
    );
    let some = ["id", "genres", "nested", "truth"].map(str::to_owned);
    let some = Wanted { reads: FieldSet::Fields(some.into()), ..wanted(FileFormat::Parquet, None, &["id"]) };
    assert_eq!(
        read(&path, &some, None),
        r#"{"id":603,"truth":true,"genres":[1,null],"nested":{"name":"a"}} {"id":null,"truth":false,"genres":[],"nested":{"name":null}} {"id":604,"truth":true,"genres":null,"nested":{"name":"c"}}"#,
    );
}

#[test]
fn memory_does_not_grow_with_the_file() {
    // Ten batches are read one by one, none larger than its bounds.
    let files = Files::new();
    let text = lines(0..10 * BATCH_ROWS, |id| format!("{{\"id\":{id},\"overview\":\"{id:0>4000}\"}}"));
    let path = files.write("ids.jsonl", text.as_bytes());
    let mut file = SeedFile::at(&path, &wanted(FileFormat::Jsonl, None, &["id"])).expect("a file");
    let scope = RunScope { params: Arc::default(), run: String::new() };
    let (mut items, mut batches) = (0, 0);
    loop {
        let batch = file.batch(None, &scope);
        let bytes: usize = batch.items.iter().map(|(_, item)| item.len()).sum();
        assert!(bytes < BATCH_BYTES + LINE_BYTES_MAX && batch.items.len() <= BATCH_ROWS, "{bytes}");
        items += batch.items.len();
        batches += 1;
        if batch.ended.is_some() {
            break;
        }
    }
    assert_eq!(items, 10 * BATCH_ROWS);
    assert!(batches > 30, "{batches}");
}
