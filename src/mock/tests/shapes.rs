//! Fields and types of our bodies against those of recorded answers, where the recordings are at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use super::super::marvel::MARVEL;
use super::*;

/// Type names by path, such as `genres[].id` → `int`.
type Shape = BTreeMap<String, BTreeSet<&'static str>>;

fn add(shape: &mut Shape, path: &str, value: &Value) {
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    shape.entry(path.to_owned()).or_default().insert(name);
    match value {
        Value::Array(elements) => {
            for element in elements {
                add(shape, &format!("{path}[]"), element);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                // Countries are values, not names of fields.
                let country = name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_uppercase());
                add(shape, &format!("{path}.{}", if country { "*" } else { name }), value);
            }
        }
        _ => {}
    }
}

fn recordings() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/tmdb/recordings");
    if folder.exists() {
        return Some(folder);
    }
    eprintln!("skipped: there are no recordings in {}", folder.display());
    None
}

/// Fields that may be null wherever they stand (seen null in some recording, or said so by TMDB's docs).
const NULLABLE: [&str; 18] = [
    "adult",
    "air_date",
    "backdrop_path",
    "deathday",
    "facebook_id",
    "freebase_id",
    "freebase_mid",
    "imdb_id",
    "instagram_id",
    "known_for_department",
    "logo_path",
    "poster_path",
    "profile_path",
    "runtime",
    "softcore",
    "still_path",
    "twitter_id",
    "wikidata_id",
];

fn is_allowed(path: &str, name: &str) -> bool {
    let field = path.rsplit('.').next().unwrap_or_default();
    // The one person recorded is alive, and never had the ids of services that are gone.
    match name {
        "null" => NULLABLE.contains(&field) || field == "tvrage_id" || field == "last_air_date",
        _ => field == "deathday",
    }
}

/// Compares everything under `field` ("" is the whole body) in the union of our bodies and of the recorded
/// ones: the same fields, and no type of ours that was never recorded but for those known to be possible.
fn check(files: &[&str], targets: impl Iterator<Item = String>, field: &str) {
    let Some(folder) = recordings() else { return };
    let api = Api::new(CATALOGUE);
    let pick = |body: &Value| if field.is_empty() { body.clone() } else { body[field].clone() };
    let (mut theirs, mut ours) = (Shape::new(), Shape::new());
    for file in files {
        let text = fs::read(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        add(&mut theirs, "", &pick(&serde_json::from_slice(&text).unwrap()));
    }
    for target in targets {
        add(&mut ours, "", &pick(&body(&api, &target)));
    }
    let names = |shape: &Shape| shape.keys().cloned().collect::<BTreeSet<_>>();
    let differing: Vec<_> = names(&theirs).symmetric_difference(&names(&ours)).cloned().collect();
    assert!(differing.is_empty(), "{files:?}: only on one side: {differing:?}");
    let mut strange = Vec::new();
    for (path, types) in &ours {
        let new = types.difference(&theirs[path]).filter(|name| !is_allowed(path, name));
        strange.extend(new.map(|name| format!("{path} is {name}")));
    }
    assert!(strange.is_empty(), "{files:?}: never recorded: {strange:?}");
}

fn films(suffix: &'static str) -> impl Iterator<Item = String> {
    CATALOGUE.ids().take(400).map(move |id| format!("/movie/{id}{suffix}"))
}

fn people(suffix: &'static str) -> impl Iterator<Item = String> {
    let marvel = MARVEL.person_ids.iter().copied().take(9);
    marvel.chain(100_000..100_300).map(move |id| format!("/person/{id}{suffix}"))
}

fn series(suffix: &'static str) -> impl Iterator<Item = String> {
    (1..200).filter(|&id| CATALOGUE.series(id).is_some()).map(move |id| format!("/tv/{id}{suffix}"))
}

fn one(target: &str) -> impl Iterator<Item = String> {
    std::iter::once(target.to_owned())
}

#[test]
fn film_details_have_the_recorded_fields() {
    check(
        &["movie-47964.json", "movie-994816.json", "movie-123-de.json", "movie-168259-de.json"],
        films(""),
        "",
    );
}

#[test]
fn list_items_have_the_recorded_fields() {
    let listed = [
        "similar-movie-47964.json",
        "similar-movie-47964-de.json",
        "discover-movie.json",
        "search-movie-007-p1.json",
    ];
    check(&listed, films("/similar"), "");
    check(&listed, (1..30).map(|page| format!("/discover/movie?page={page}")), "results");
    check(&["keyword-33705-movies.json"], (3_001..3_020).map(|id| format!("/keyword/{id}/movies")), "");
    let typed = ["recommendations-movie-47964.json", "recommendations-movie-47964-de.json"];
    check(&typed, films("/recommendations"), "");
    check(&["trending-movie-week.json"], one("/trending/movie/week"), "");
    check(
        &["list-movie-now_playing-p1.json", "list-movie-now_playing-p2.json"],
        one("/movie/now_playing"),
        "",
    );
    check(&["movie-credits-person-62.json"], people("/movie_credits"), "");
    check(&["collection-264.json"], (700_001..700_009).map(|id| format!("/collection/{id}")), "");
}

#[test]
fn parts_of_films_have_the_recorded_fields() {
    check(&["credits-movie-47964.json"], films("/credits"), "");
    check(&["keywords-movie-47964.json", "keywords-movie-1122573.json"], films("/keywords"), "");
    check(&["release-dates-movie-47964.json"], films("/release_dates"), "");
    check(&["external-ids-movie-335984.json"], films("/external_ids"), "");
    check(
        &["watch-providers-movie-47964.json", "watch-providers-movie-530442.json"],
        films("/watch/providers"),
        "",
    );
    check(&["company-25-movies.json"], one("/company/420/movies"), "");
    check(&["list-movie-top_rated-p1.json", "list-movie-top_rated-p2.json"], one("/movie/top_rated"), "");
    check(&["changes-movie-all-p1.json"], one("/movie/changes"), "");
    check(&["genre-movie-list.json"], one("/genre/movie/list"), "");
    check(&["configuration.json"], one("/configuration"), "");
}

#[test]
fn people_have_the_recorded_fields() {
    check(&["person-62.json", "person-62-da.json", "person-latest.json"], people(""), "");
    check(&["external-ids-person-62.json"], people("/external_ids"), "");
}

#[test]
fn series_have_the_recorded_fields() {
    check(&["tv-1396.json", "tv-1668.json", "tv-321518-zh-CN.json"], series(""), "");
    check(&["similar-tv-1396.json"], series("/similar"), "");
    check(&["credits-tv-1396.json"], series("/credits"), "");
    check(&["external-ids-tv-1399.json"], series("/external_ids"), "");
    check(&["season-tv-1396-s1.json"], series("/season/1"), "");
    let api = Api::new(CATALOGUE);
    let specials = series("/season/0").filter(|target| answer(&api, target).status == 200);
    check(&["season-tv-1396-s1.json"], specials, "");
}

/// The order in which the fields of the first object stand.
#[test]
fn fields_stand_in_the_recorded_order() {
    let Some(folder) = recordings() else { return };
    let api = Api::new(CATALOGUE);
    let check = |file: &str, target: &str, pointer: &str| {
        let names = |body: &Value| -> Vec<String> {
            body.pointer(pointer).unwrap().as_object().unwrap().keys().cloned().collect()
        };
        let theirs: Value = serde_json::from_slice(&fs::read(folder.join(file)).unwrap()).unwrap();
        assert_eq!(names(&body(&api, target)), names(&theirs), "{target}{pointer}");
    };
    check("movie-47964.json", "/movie/1726", "");
    check("similar-movie-47964.json", "/movie/1726/similar", "");
    check("similar-movie-47964.json", "/movie/1726/similar", "/results/0");
    check("recommendations-movie-47964.json", "/movie/1726/recommendations", "/results/0");
    check("discover-movie.json", "/discover/movie", "/results/0");
    check("credits-movie-47964.json", "/movie/1726/credits", "");
    check("credits-movie-47964.json", "/movie/1726/credits", "/cast/0");
    check("credits-movie-47964.json", "/movie/1726/credits", "/crew/0");
    check("keywords-movie-47964.json", "/movie/1726/keywords", "");
    check("person-62.json", "/person/15277", "");
    check("movie-credits-person-62.json", "/person/3223/movie_credits", "");
    check("movie-credits-person-62.json", "/person/3223/movie_credits", "/cast/0");
    check("tv-1396.json", "/tv/1", "");
    check("season-tv-1396-s1.json", "/tv/1/season/1", "");
    check("list-movie-now_playing-p1.json", "/movie/now_playing", "");
    check("keyword-33705-movies.json", "/keyword/3001/movies", "");
    check("movie-47964.json", "/movie/1726", "/production_companies/0");
    check("movie-47964.json", "/movie/1726", "/spoken_languages/0");
    check("list-movie-top_rated-p1.json", "/movie/top_rated", "");
    check("list-movie-top_rated-p1.json", "/movie/top_rated", "/results/0");
    check("movie-credits-person-62.json", "/person/15277/movie_credits", "/crew/0");
    for pointer in ["/created_by/0", "/last_episode_to_air", "/networks/0", "/seasons/0"] {
        check("tv-1396.json", "/tv/1", pointer);
    }
    for pointer in ["/networks/0", "/episodes/0", "/episodes/0/crew/0"] {
        check("season-tv-1396-s1.json", "/tv/1/season/1", pointer);
    }
    let starred = (1..100).find(|id| {
        let target = format!("/tv/{id}/season/1");
        let answer = answer(&api, &target);
        answer.status == 200 && body(&api, &target).pointer("/episodes/0/guest_stars/0").is_some()
    });
    let target = format!("/tv/{}/season/1", starred.unwrap());
    check("season-tv-1396-s1.json", &target, "/episodes/0/guest_stars/0");
    check("company-25.json", "/company/420", "");
    check("company-25-movies.json", "/company/420/movies", "");
}
