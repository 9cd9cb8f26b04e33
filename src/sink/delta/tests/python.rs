//! Tables as other programs read them: `deltalake`, Polars and DuckDB, where Python has them.
//!
//! `TMDB_ETL_PYTHON` names the interpreter; without it `python3` is tried. Where it or a package is missing, the test says so
//! and passes. (Polars 2.1 looks for files under the escaped name of a folder, so this one has a plain name.)

use std::process::Command;

use super::*;

/// Reads the table whose folder is its first argument with whatever is there, and prints one line for each reader: its name and
/// the rows, or why it did not read.
const READER: &str = r#"
import json, sys
def told(name, rows):
    print(name, json.dumps(sorted(rows)))
def run(name, read):
    try:
        told(name, read())
    except ImportError as error:
        print(name, "skipped:", error)
    except Exception as error:
        if name == "duckdb" and "extension" in str(error).lower():
            print(name, "skipped:", str(error).splitlines()[0])
        else:
            raise
path = sys.argv[1]
def by_deltalake():
    from deltalake import DeltaTable
    table = DeltaTable(path)
    rows = table.to_pyarrow_table(columns=["film", "credit", "version"]).to_pylist()
    return [[row["film"], row["credit"], row["version"]] for row in rows]
def by_polars():
    import polars
    import deltalake
    return [list(row) for row in polars.read_delta(path).select("film", "credit", "version").rows()]
def by_duckdb():
    import duckdb
    sql = f"select film, credit, version from delta_scan('{path}')"
    return [list(row) for row in duckdb.sql(sql).fetchall()]
run("deltalake", by_deltalake)
run("polars", by_polars)
run("duckdb", by_duckdb)
"#;

#[test]
#[expect(clippy::disallowed_methods, reason = "which interpreter there is")]
fn other_programs_read_the_same_rows() {
    let python = std::env::var_os("TMDB_ETL_PYTHON").unwrap_or_else(|| "python3".into());
    let mut read = 0;
    for (mode, partitioned) in [(Mode::Upsert, false), (Mode::Upsert, true), (Mode::Append, true)] {
        let world = World { partitioned, place: "out", ..World::new(mode) };
        for run in 1..=11 {
            world.load(run, &rows(&[(run, "a", run % 3, run, None), (1, "b", run, run, None)]));
        }
        let output = match Command::new(&python).args(["-c", READER]).arg(world.path()).output() {
            Ok(output) => output,
            Err(error) => {
                eprintln!("skipped: {}: {error}", python.display());
                return;
            }
        };
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
        let expect: Vec<(i64, &str, i64)> = world.seen().iter().map(|row| (row.0, row.1, row.2)).collect();
        let expect = serde_json::to_value(expect).expect("plain data");
        for line in told.lines() {
            let (reader, said) = line.split_once(' ').expect("a line of the reader");
            if let Some(why) = said.strip_prefix("skipped: ") {
                eprintln!("{reader} skipped: {why}");
                continue;
            }
            let found: serde_json::Value = serde_json::from_str(said).expect("JSON");
            assert_eq!(found, expect, "{reader}, {mode}, partitioned: {partitioned}");
            read += 1;
        }
    }
    eprintln!("{read} readings agree");
}
