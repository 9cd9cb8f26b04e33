//! Fused requests over HTTP: what they save, that no byte of a table shows them, and what hostile answers do to them.

use std::collections::BTreeMap;
use std::path::Path;

use tmdb_etl::mock::{self, Config, Mock};
use tmdb_etl::plan::{self, Plan, StageKind};
use tmdb_etl::spec::Source;

use crate::dataset::run;

/// Details, similar, credits and keywords, every one by a stage of its own.
const FOUR: &str = "
version: 1
name: four
api: {rate: none}
stages:
  ids: {kind: seed, ids: [1726, 24428, 299536, 2, 3, 5, 8, 999999999]}
  movies: {kind: fetch, path: '/movie/{id}', append: [external_ids]}
  similar: {kind: expand, path: '/movie/{id}/similar', PAGES}
  credits: {kind: expand, path: '/movie/{id}/credits', items: '. as $page | .cast[] | . + {film: $page.id}'}
  keywords: {kind: expand, path: '/movie/{id}/keywords', items: '.keywords[]', take: 3}
  films: {kind: project, from: keywords, columns: {id: int64, all: {type: json, value: $doc}, at: {type: string, value: '.external_ids.imdb_id'}}, output: {path: films.parquet}}
  links: {kind: project, from: similar.found, columns: {source: {type: int64, value: $parent.id}, id: int64, rank: {type: int32, value: $meta.rank}}, output: {path: links.parquet}}
  cast: {kind: project, from: credits.found, columns: {film: int64, id: int64, name: string}, output: {path: cast.parquet}}
  tags: {kind: project, from: keywords.found, columns: {film: {type: int64, value: $parent.id}, id: int64, name: string}, output: {path: tags.parquet}}
  gone: {kind: project, from: movies.missing, columns: {key: string, status: int32, id: {type: int64, value: .item.id}}, output: {path: gone.parquet}}
  unlisted: {kind: project, from: similar.missing, columns: {key: string}, output: {path: unlisted.parquet}}
";

fn plan(text: &str, out: &Path, mock: &Mock) -> Plan {
    let source = Source::new("p.yaml", text);
    let options = plan::Options {
        out: Some(out.to_owned()),
        base_url: Some(mock.base_url()),
        ..plan::Options::default()
    };
    plan::read(&source, &[], &|_| None, &options)
        .unwrap_or_else(|faults| panic!("{}", faults.render(&source)))
        .plan
}

/// Asks for every page by itself.
pub(crate) fn unfuse(plan: &mut Plan) {
    for stage in &mut plan.stages {
        if let StageKind::Expand(expand) = &mut stage.kind {
            expand.fuse = false;
        }
    }
    plan.fuse();
}

/// The tables of a run, by name, and how often each request arrived.
type Ran = (BTreeMap<String, Vec<u8>>, BTreeMap<String, u64>);

async fn ran(text: &str, fused: bool) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let mock = mock::start(Config { record: true, ..Config::default() }).await.unwrap();
    let mut plan = plan(text, &folder.path().join("out"), &mock);
    if !fused {
        unfuse(&mut plan);
    }
    let published =
        run(plan, &mock, &folder.path().join("state")).await.unwrap_or_else(|error| panic!("{error}"));
    let tables = published.tables.iter();
    let tables = tables.map(|table| (table.name.clone(), std::fs::read(&table.path).unwrap())).collect();
    let asked = mock.stats().asked;
    mock.stop().await;
    (tables, asked)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn details_similar_credits_and_keywords_cost_one_request_and_give_the_same_bytes() {
    let text = FOUR.replace("PAGES", "pages: 1");
    let (fused, asked) = ran(&text, true).await;
    let (apart, asked_apart) = ran(&text, false).await;
    assert!(fused == apart, "tables differ");
    assert!(fused.values().all(|table| table.len() > 300));
    let requests = |asked: &BTreeMap<String, u64>| asked.values().sum::<u64>();
    // Seven films, and one that does not exist.
    assert_eq!(requests(&asked), 8, "{asked:?}");
    assert_eq!(requests(&asked_apart), 4 * 7 + 1, "{asked_apart:?}");
    let sent = "/3/movie/1726?append_to_response=external_ids,similar,credits,keywords&language=en-US";
    assert_eq!(asked.get(sent), Some(&1), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn later_pages_are_asked_for_by_themselves() {
    let text = FOUR.replace("PAGES", "pages: 3");
    let (fused, asked) = ran(&text, true).await;
    let (apart, _) = ran(&text, false).await;
    assert!(fused == apart, "tables differ");
    let lists: Vec<&String> = asked.keys().filter(|request| request.contains("/similar")).collect();
    assert!(!lists.is_empty() && lists.iter().all(|request| request.contains("&page=")), "{lists:?}");
    assert!(asked.contains_key("/3/movie/1726/similar?language=en-US&page=2"), "{lists:?}");
}
