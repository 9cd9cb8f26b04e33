//! Tables that are appended to while the columns of the pipeline change, by `run` and `inspect`.

use serde_json::Value;
use tmdb_etl::mock::Config;

use super::Server;
use super::place::{Place, text};

/// A place, and a server for all of its runs: a table has one source.
struct Scene {
    place: Place,
    server: Server,
}

impl Scene {
    fn new() -> Self {
        Self { place: Place::new(), server: Server::start(Config::default()) }
    }

    /// Appends two films with these columns: the exit code, what was said, and how many requests came.
    fn run(&self, columns: &str, output: &str) -> (Option<i32>, String, u64) {
        let pipeline = format!(
            "version: 1\nname: grows\napi: {{rate: 1000/s, keep: 0s}}\nstages:\n  \
             ids: {{kind: seed, ids: [1726, 24428]}}\n  movies: {{kind: fetch, path: '/movie/{{id}}'}}\n  \
             films:\n    kind: project\n    columns: {{{columns}}}\n    \
             output: {{path: out/films, mode: append{output}}}\n"
        );
        self.place.write("grows.yaml", &pipeline);
        let before = self.server.mock.stats().requests;
        let env = [("TMDB_BASE_URL", &*self.server.base_url()), ("TMDB_TOKEN", "t")];
        let ran = self.place.run(&["run", "grows.yaml", "--progress", "none"], &env);
        let asked = self.server.mock.stats().requests - before;
        (ran.status.code(), text(&ran.stderr), asked)
    }

    fn inspected(&self) -> Value {
        let ran = self.place.run(&["inspect", "out/films", "--output", "json"], &[]);
        serde_json::from_str(&text(&ran.stdout)).unwrap()
    }
}

#[test]
fn added_and_wider_columns_are_appended_and_shown_as_one_table() {
    let scene = Scene::new();
    for columns in [
        "id: {type: int32, required: true}, title: string",
        "id: {type: int64, required: true}, runtime: int32, title: string",
        "id: int64, runtime: int64, title: string, tagline: string",
    ] {
        let (code, said, _) = scene.run(columns, "");
        assert_eq!(code, Some(0), "{said}");
    }
    let inspected = scene.inspected();
    let [table] = &inspected["tables"].as_array().unwrap()[..] else { panic!("{inspected}") };
    let columns: Vec<String> = table["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| {
            let word = |name: &str| column[name].as_str().unwrap();
            format!("{} {}", word("name"), word("type"))
        })
        .collect();
    assert_eq!(columns, ["id int64", "runtime int64", "title string", "tagline string"]);
    assert_eq!((&table["rows"], table["files"].as_array().unwrap().len()), (&6.into(), 3));
    assert_eq!(table["manifest"]["schema"].as_array().unwrap().len(), 4);
    let titles: Vec<_> = table["first_rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (&row["id"], row["title"].is_string()))
        .collect();
    assert!(titles.iter().all(|(id, titled)| id.is_i64() && *titled), "{titles:?}");
}

#[test]
fn what_does_not_go_together_is_refused_with_every_difference_before_the_first_request() {
    let scene = Scene::new();
    let columns =
        "id: {type: int64, required: true}, title: string, votes: {type: int32, value: .vote_count}";
    assert_eq!(scene.run(columns, "").0, Some(0));
    let published = std::fs::read_link(scene.place.path().join("out/films")).unwrap();
    for (columns, output, expect) in [
        (
            "id: int32, votes: {type: float64, value: .vote_count}, year: {type: int32, value: .release_date, required: true}",
            "",
            &[
                "`id` int64 required is there, `id` int32 would come",
                "`title` string is there, and not in this run",
                "`votes` int32 is there, `votes` float64 would come",
                "`year` int32 required would come, and rows that are there have none",
            ][..],
        ),
        ("title: string", "", &["`votes` int32 is there, and not in this run"]),
        (columns, ", partition_by: title", &["it is partitioned by nothing, this run by `title`"]),
    ] {
        let (code, said, asked) = scene.run(columns, output);
        assert_eq!((code, asked), (Some(2), 0), "{said}");
        assert!(expect.iter().all(|difference| said.contains(difference)), "{said}");
    }
    assert_eq!(std::fs::read_link(scene.place.path().join("out/films")).unwrap(), published);
    // As before, it goes on.
    let (code, said, asked) = scene.run(columns, "");
    assert_eq!((code, asked), (Some(0), 2), "{said}");
}
