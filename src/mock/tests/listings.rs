//! What stands in lists: their filters, their order, their pages.

use std::collections::BTreeSet;

use super::super::marvel::MARVEL;
use super::*;

fn api() -> Api {
    Api::new(CATALOGUE)
}

#[test]
fn pages_end_with_empty_results_and_the_real_totals() {
    let api = api();
    for target in
        ["/discover/movie", "/movie/top_rated", "/movie/1726/similar", "/movie/1726/recommendations"]
    {
        let first = body(&api, target);
        let pages = first["total_pages"].as_u64().unwrap();
        let rows = first["total_results"].as_u64().unwrap();
        assert_eq!(pages, rows.div_ceil(20).max(1), "{target}");
        assert!(pages < 499, "{target}");
        let last = body(&api, &format!("{target}?page={pages}"));
        assert_eq!(last["results"].as_array().unwrap().is_empty(), rows == 0, "{target}");
        let past = body(&api, &format!("{target}?page={}", pages + 1));
        assert_eq!(past["results"], Value::Array(vec![]), "{target}");
        assert_eq!(past["total_pages"], pages, "{target}");
    }
    let none = body(&api, "/search/movie?query=no+such+film+anywhere");
    assert_eq!((&none["total_pages"], &none["total_results"]), (&1.into(), &0.into()));
}

#[test]
fn pages_of_discover_have_duplicates_and_gaps_as_the_real_ones() {
    let api = api();
    let pages: Vec<Vec<u64>> =
        (1..=200).map(|page| ids(&body(&api, &format!("/discover/movie?page={page}"))["results"])).collect();
    let short = pages.iter().filter(|page| page.len() == 19).count();
    let repeated = pages.windows(2).filter(|pair| pair[0].iter().any(|id| pair[1].contains(id))).count();
    assert!((2..40).contains(&short), "{short}");
    assert!((5..50).contains(&repeated), "{repeated}");
}

#[test]
fn slices_of_days_are_all_that_has_a_date_and_no_page_is_beyond_500() {
    let api = Api::new(Catalogue { seed: 1, films: 30_000 });
    for (path, date) in [("/discover/movie", "primary_release_date"), ("/discover/tv", "first_air_date")] {
        let total = |query: &str| body(&api, &format!("{path}?{query}"))["total_results"].as_u64().unwrap();
        let all = total("");
        assert!(all > 25_000, "{path}: {all}");
        let early = total(&format!("{date}.lte=1999-12-31"));
        let late = total(&format!("{date}.gte=2000-01-01"));
        let some = total(&format!("{date}.gte=1990-01-01&{date}.lte=1999-12-31"));
        assert!(early > some && some > 100 && late > 100);
        let undated = all - early - late;
        assert!((all / 30..all / 10).contains(&undated), "{path}: {undated} of {all}");
        // What has no date begins one of the two orders.
        let first = body(&api, &format!("{path}?sort_by={date}.asc"));
        let field = if path.ends_with("tv") { "first_air_date" } else { "release_date" };
        let named = first["results"][0].get(field).and_then(Value::as_str).unwrap_or_default();
        assert_eq!(named, "", "{path}");
        assert_eq!(answer(&api, &format!("{path}?page=501")).status, 422);
    }
}

#[test]
fn pages_of_recommendations_may_hold_21_and_repeat_the_last() {
    let api = api();
    let page =
        |id: u32, page: u32| ids(&body(&api, &format!("/movie/{id}/recommendations?page={page}"))["results"]);
    let id = CATALOGUE.ids().find(|&id| page(id, 1).len() == 21).unwrap();
    assert_eq!(page(id, 1)[20], page(id, 2)[0]);
}

#[test]
fn discover_keeps_its_filters_and_its_order() {
    let api = api();
    let films = |query: &str| -> Vec<Value> {
        let body = body(&api, &format!("/discover/movie?{query}"));
        assert!(body["total_results"].as_u64().unwrap() > 0, "{query}");
        body["results"].as_array().unwrap().clone()
    };
    let number = |film: &Value, name: &str| film[name].as_f64().unwrap();
    for (query, name) in [
        ("", "popularity"),
        ("sort_by=vote_count.desc", "vote_count"),
        ("sort_by=vote_average.desc", "vote_average"),
    ] {
        assert!(films(query).is_sorted_by(|one, two| number(one, name) >= number(two, name)), "{query}");
    }
    let date = |film: &Value| film["release_date"].as_str().unwrap_or_default().to_owned();
    assert!(films("sort_by=primary_release_date.desc").is_sorted_by(|one, two| date(one) >= date(two)));
    let all = |query: &str, of: &dyn Fn(&Value) -> bool| assert!(films(query).iter().all(of), "{query}");
    let has = |film: &Value, genre: u64| film["genre_ids"].as_array().unwrap().contains(&genre.into());
    all("with_genres=28", &|film| has(film, 28));
    all("with_genres=28,12", &|film| has(film, 28) && has(film, 12));
    all("with_genres=99|37", &|film| has(film, 99) || has(film, 37));
    all("vote_count.gte=1000", &|film| number(film, "vote_count") >= 1000.0);
    all("vote_average.gte=7.5&vote_count.gte=10", &|film| number(film, "vote_average") >= 7.5);
    all("primary_release_year=2019", &|film| date(film).starts_with("2019"));
    all("year=2018", &|film| date(film).starts_with("2018"));
    all("with_original_language=ja", &|film| film["original_language"] == "ja");
    all("", &|film| film["adult"] == false && film["video"] == false);
    let part = |film: &Value, name: &str| body(&api, &format!("/movie/{}{name}", film["id"]));
    let made_by =
        |film: &Value, company: u64| ids(&part(film, "")["production_companies"]).contains(&company);
    all("with_companies=1001", &|film| made_by(film, 1001));
    all("with_companies=1001|1002", &|film| made_by(film, 1001) || made_by(film, 1002));
    all("without_companies=1001", &|film| !made_by(film, 1001));
    all("with_origin_country=JP", &|film| part(film, "")["original_language"] == "ja");
    all("without_keywords=3001", &|film| !ids(&part(film, "/keywords")["keywords"]).contains(&3001));
    let works = |film: &Value, person: u64, kinds: &[&str]| {
        let credits = part(film, "/credits");
        kinds.iter().any(|kind| ids(&credits[kind]).contains(&person))
    };
    all("with_cast=3223", &|film| works(film, 3223, &["cast"]));
    all("with_cast=3223,16828", &|film| works(film, 3223, &["cast"]) && works(film, 16828, &["cast"]));
    all("with_crew=15277", &|film| works(film, 15277, &["crew"]));
    all("with_people=15277|3223", &|film| {
        [15277, 3223].into_iter().any(|person| works(film, person, &["cast", "crew"]))
    });
    let keyworded = films("with_keywords=3005");
    let first = keyworded[0]["id"].as_u64().unwrap();
    assert!(ids(&body(&api, &format!("/movie/{first}/keywords"))["keywords"]).contains(&3005));
}

#[test]
fn studio_of_the_marvel_films_has_them_all() {
    let api = api();
    let listed: BTreeSet<u64> = (1..=2)
        .flat_map(|page| {
            ids(&body(&api, &format!("/discover/movie?with_companies=420&page={page}"))["results"])
        })
        .collect();
    assert_eq!(listed.len(), MARVEL.films.len());
    assert!(MARVEL.films.iter().all(|film| listed.contains(&u64::from(film.id))));
    assert_eq!(body(&api, "/company/420")["name"], "Marvel Studios");
    assert_eq!(body(&api, "/company/420/movies")["total_results"], MARVEL.films.len());
}

#[test]
fn top_rated_films_come_best_first_and_have_votes() {
    let api = api();
    let page = body(&api, "/movie/top_rated");
    let films = page["results"].as_array().unwrap();
    let number = |film: &Value, name: &str| film[name].as_f64().unwrap();
    assert!(films.is_sorted_by(|one, two| number(one, "vote_average") >= number(two, "vote_average")));
    assert!(films.iter().all(|film| number(film, "vote_count") >= 300.0));
}

#[test]
fn search_finds_titles_whatever_their_case() {
    let found = body(&api(), "/search/movie?query=iron%20man");
    let found = ids(&found["results"]);
    assert!([1726, 10138, 68721].iter().all(|id| found.contains(id)), "{found:?}");
}

#[test]
fn lists_and_collections_hold_their_films() {
    let api = api();
    let (one, two) = (body(&api, "/list/1"), body(&api, "/list/1?page=2"));
    assert_eq!((ids(&one["items"]).len(), ids(&two["items"]).len()), (20, 8));
    assert_eq!(one["total_pages"], 2);
    assert_eq!(body(&api, "/list/1?page=3")["items"], Value::Array(vec![]));
    for id in CATALOGUE.ids() {
        let film = body(&api, &format!("/movie/{id}"));
        if let Some(collection) = film["belongs_to_collection"]["id"].as_u64() {
            let parts = body(&api, &format!("/collection/{collection}"));
            assert!(ids(&parts["parts"]).contains(&u64::from(id)), "{id}");
        }
    }
}

#[test]
fn changes_have_a_hundred_rows_a_page_and_null_for_what_is_gone() {
    let api = Api::new(Catalogue { seed: 0, films: 20_000 });
    let mut gone = 0;
    for page in 1..=3 {
        let changes = body(&api, &format!("/movie/changes?page={page}"));
        let rows = changes["results"].as_array().unwrap();
        assert!(rows.len() <= 100 && (page > 1 || rows.len() == 100));
        for row in rows {
            let id = u32::try_from(row["id"].as_u64().unwrap()).unwrap();
            assert_eq!(row["adult"].is_null(), !api.catalogue.exists(id));
            gone += usize::from(row["adult"].is_null());
        }
    }
    assert!(gone > 0);
}

#[test]
fn changes_of_some_days_are_those_of_each() {
    let api = Api::new(Catalogue { seed: 0, films: 30_000 });
    let all = |kind: &str, first: &str, last: &str| {
        let mut found = Vec::new();
        for page in 1.. {
            let path = format!("/{kind}/changes?start_date={first}&end_date={last}&page={page}");
            let body = body(&api, &path);
            found.extend(ids(&body["results"]));
            if body["total_pages"].as_u64().unwrap() <= page {
                assert_eq!(body["total_results"].as_u64().unwrap(), found.len() as u64, "{path}");
                break;
            }
        }
        let ordered = found.is_sorted();
        assert!(ordered && found.windows(2).all(|pair| pair[0] != pair[1]), "{kind} {first} {last}");
        found
    };
    for kind in ["movie", "tv", "person"] {
        let mut apart: Vec<u64> = ["2026-11-23", "2026-11-24", "2026-11-25"]
            .into_iter()
            .flat_map(|day| all(kind, day, day))
            .collect();
        apart.sort_unstable();
        assert_eq!(all(kind, "2026-11-23", "2026-11-25"), apart, "{kind}");
        // A hundredth of all on each day, as at TMDB.
        assert!(apart.len() > 3 * 300 - 10, "{kind}: {}", apart.len());
    }
}
