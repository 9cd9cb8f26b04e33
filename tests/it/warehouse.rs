//! What the pages tell readers to write, run by those readers: DuckDB, Polars and pyarrow, where `python3` (or what
//! `TMDB_ETL_PYTHON` names) has them; else nothing is run.

use std::path::Path;
use std::process::{Command, Output};

use super::cli::place::{Place, text};

/// Python, if it has these modules.
fn python(modules: &str) -> Option<String> {
    let python = std::env::var("TMDB_ETL_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", &format!("import {modules}")]).output();
    let found = has.is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("not run: {python} has not all of {modules}");
    }
    found.then_some(python)
}

fn execute(python: &str, folder: &Path, code: &str) -> String {
    let Output { status, stdout, stderr } =
        Command::new(python).args(["-c", code]).current_dir(folder).output().unwrap();
    assert!(status.success(), "{code}\n{}", text(&stderr));
    text(&stdout)
}

/// The block of a page that begins with ```` ```LANGUAGE ```` and holds `part`.
fn block(page: &str, language: &str, part: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let page = std::fs::read_to_string(path).unwrap();
    let start = format!("```{language}\n");
    let blocks = page.split(&start).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.into_iter().find(|block| block.contains(part)).unwrap_or_else(|| panic!("a block with {part}"))
}

/// A run of `stages` below a seed of two films.
fn run(place: &Place, stages: &str) {
    let pipeline = format!(
        "version: 1\nname: small\napi: {{rate: 1000/s, keep: 0s}}\nmax_failures: 100%\nstages:\n{stages}"
    );
    place.write("small.yaml", &pipeline);
    let ran = place.run(&["run", "small.yaml", "--mock", "--progress", "none"], &[]);
    assert!(ran.status.success(), "{}", text(&ran.stderr));
}

#[test]
fn readers_put_files_of_grown_columns_together_as_the_page_says() {
    let Some(python) = python("duckdb, polars, pyarrow.dataset") else { return };
    let place = Place::new();
    for columns in ["id: int32, title: string", "id: int64, runtime: int32, title: string"] {
        run(
            &place,
            &format!(
                "  ids: {{kind: seed, ids: [1726, 24428]}}\n  movies: {{kind: fetch, path: '/movie/{{id}}'}}\n  \
                 films: {{kind: project, columns: {{{columns}}}, output: {{path: out/films, mode: append}}}}\n"
            ),
        );
    }
    let sql = block("PIPELINES.md", "sql", "union_by_name");
    let code = block("PIPELINES.md", "python", "unify_schemas");
    let shown = "key = lambda row: (row['id'], row['runtime'] or 0)\n\
         rows = lambda rows: sorted(({name: row[name] for name in ['id', 'runtime', 'title']} for row in rows), key=key)\n";
    let told = execute(
        &python,
        place.path(),
        &format!(
            "{code}\n{shown}import duckdb\nin_duckdb = duckdb.sql(\"\"\"{sql}\"\"\").to_arrow_table()\n\
             all = [rows(in_polars.to_dicts()), rows(in_arrow.to_pylist()), rows(in_duckdb.to_pylist())]\n\
             assert all[0] == all[1] == all[2], all\nprint(all[0])\n"
        ),
    );
    let expect = "[{'id': 1726, 'runtime': None, 'title': 'Iron Man'}, {'id': 1726, 'runtime': 126, 'title': 'Iron Man'}, \
                  {'id': 24428, 'runtime': None, 'title': 'The Avengers'}, {'id': 24428, 'runtime': 143, 'title': 'The Avengers'}]";
    assert_eq!(told.trim(), expect);
}

#[test]
fn the_view_of_the_page_shows_the_last_row_of_each_film_that_is_there() {
    let Some(python) = python("duckdb") else { return };
    let place = Place::new();
    // The second load has the first film again; the third says that the second one is gone.
    for (ids, table) in [("1726, 24428", "films"), ("1726", "films"), ("24428", "gone")] {
        let columns = "id: int64, fetched_at: {type: timestamp, value: $meta.fetched_at}";
        run(
            &place,
            &format!(
                "  ids: {{kind: seed, ids: [{ids}]}}\n  movies: {{kind: fetch, path: '/movie/{{id}}'}}\n  \
                 t: {{kind: project, columns: {{{columns}}}, output: {{path: out/{table}, mode: append}}}}\n"
            ),
        );
    }
    let view = block("SCHEDULING.md", "sql", "CREATE VIEW films");
    let code = format!(
        "import duckdb\nduckdb.sql(\"\"\"{view}\"\"\")\n\
         print(duckdb.sql('SELECT id, count(*) FROM films GROUP BY id').fetchall())\n\
         last = duckdb.sql(\"SELECT max(fetched_at) FROM read_parquet('out/films/*.parquet')\").fetchall()\n\
         print(duckdb.sql('SELECT fetched_at FROM films').fetchall() == last)\n"
    );
    assert_eq!(execute(&python, place.path(), &code), "[(1726, 1)]\nTrue\n");
}
