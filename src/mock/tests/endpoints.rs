//! What is answered to which path, without a wire.

use std::collections::{BTreeSet, HashSet};

use super::super::marvel::MARVEL;
use super::*;

fn api() -> Api {
    Api::new(CATALOGUE)
}

#[test]
fn marvel_films_have_their_facts() {
    let film = body(&api(), "/movie/299534");
    assert_eq!(film["title"], "Avengers: Endgame");
    assert_eq!(film["original_title"], "Avengers: Endgame");
    assert_eq!(film["release_date"], "2019-04-24");
    assert_eq!(film["runtime"], 181);
    assert_eq!(film["revenue"], MARVEL.films[21].revenue);
    assert_eq!(film["budget"], MARVEL.films[21].budget);
    assert_eq!(film["imdb_id"], "tt4154796");
    assert_eq!(film["genres"][0]["name"], "Adventure");
    assert_eq!(film["belongs_to_collection"]["name"], "The Avengers Collection");
    assert!(film["vote_count"].as_u64().unwrap() > 200);
    assert!(!film["overview"].as_str().unwrap().is_empty());
    let credits = body(&api(), "/movie/299534/credits");
    assert_eq!(credits["cast"][0]["name"], "Robert Downey Jr.");
    assert_eq!(credits["cast"][0]["character"], "Tony Stark / Iron Man");
    let directors: Vec<&str> =
        credits["crew"].as_array().unwrap().iter().map(|job| job["name"].as_str().unwrap()).collect();
    assert_eq!(directors, ["Anthony Russo", "Joe Russo"]);
}

#[test]
fn imdb_ids_lead_to_the_same_film() {
    let api = api();
    assert_eq!(answer(&api, "/movie/tt0371746").body, answer(&api, "/movie/1726").body);
    let invented = CATALOGUE.ids().find(|id| id % 11 == 2).unwrap();
    let imdb_id = body(&api, &format!("/movie/{invented}"))["imdb_id"].as_str().unwrap().to_owned();
    assert_eq!(body(&api, &format!("/movie/{imdb_id}"))["id"], invented);
}

#[test]
fn errors_have_the_bodies_of_tmdb() {
    let check = |target: &str, status: u16, expect: &str| {
        let answer = answer(&api(), target);
        assert_eq!((answer.status, &*String::from_utf8_lossy(&answer.body)), (status, expect), "{target}");
    };
    let not_found = r#"{"success":false,"status_code":34,"status_message":"The resource you requested could not be found."}"#;
    for target in [
        "/movie/0",
        "/movie/999999999",
        "/movie/99999999999999999999",
        "/movie/abc",
        "/movie/tt0000000",
        "/movie/999999999/keywords",
        "/movie/1726/nonsense",
        "/movie/1726/watch",
        "/person/1",
        "/tv/999999",
        "/tv/1/season/99",
        "/collection/999999999",
        "/list/0",
        "/keyword/1/movies",
        "/nonsense",
        "/",
    ] {
        check(target, 404, not_found);
    }
    let page = r#"{"success":false,"status_code":22,"status_message":"Invalid page: Pages start at 1 and max at 500. They are expected to be an integer."}"#;
    check("/movie/popular?page=0", 400, page);
    check("/movie/popular?page=-1", 400, page);
    check("/movie/popular?page=two", 400, page);
    let too_large = r#"{"errors":["page must be less than or equal to 500"],"success":false}"#;
    check("/movie/popular?page=501", 422, too_large);
    check("/movie/popular?page=99999999999", 422, too_large);
    check("/search/movie", 422, r#"{"errors":["query must be provided"]}"#);
    let range = r#"{"success":false,"status_code":20,"status_message":"Invalid date range: Should be a range no longer than 14 days."}"#;
    check("/movie/changes?start_date=2026-01-01&end_date=2026-01-16", 422, range);
    let date = r#"{"success":false,"status_code":23,"status_message":"Invalid date: Format needs to be YYYY-MM-DD."}"#;
    check("/movie/changes?start_date=yesterday", 400, date);
    let names = |count| (0..count).map(|n| format!("n{n}")).collect::<Vec<_>>().join(",");
    let appended = r#"{"success":false,"status_code":27,"status_message":"Too many append to response objects: The maximum number of remote calls is 20."}"#;
    check(&format!("/movie/1726?append_to_response={}", names(21)), 400, appended);
    assert_eq!(answer(&api(), &format!("/movie/1726?append_to_response={}", names(20))).status, 200);
    assert_eq!(answer(&api(), "/movie/changes?start_date=2026-01-01&end_date=2026-01-15").status, 200);
}

#[test]
fn appended_objects_are_the_stand_alone_ones_without_their_id() {
    let api = api();
    let names = [
        "credits",
        "external_ids",
        "keywords",
        "recommendations",
        "release_dates",
        "similar",
        "watch/providers",
    ];
    for film in [1726_u32, 3, 4, 5] {
        if !CATALOGUE.exists(film) {
            continue;
        }
        let query = format!("append_to_response={},nonsense&language=de-DE&page=2", names.join(","));
        let whole = body(&api, &format!("/movie/{film}?{query}"));
        assert!(whole.get("nonsense").is_none());
        for name in names {
            let mut alone = body(&api, &format!("/movie/{film}/{name}?language=de-DE&page=2"));
            alone.as_object_mut().unwrap().remove("id");
            assert_eq!(whole[name], alone, "{film}/{name}");
        }
    }
    let person = body(&api, "/person/1001?append_to_response=movie_credits");
    let mut alone = body(&api, "/person/1001/movie_credits");
    assert_eq!(alone.as_object_mut().unwrap().remove("id"), Some(1001.into()));
    assert_eq!(person["movie_credits"], alone);
}

#[test]
fn film_to_cast_to_films_finds_back() {
    let api = api();
    for id in CATALOGUE.ids().step_by(97).chain([1726, 299_534]) {
        let credits = body(&api, &format!("/movie/{id}/credits"));
        for (kind, people) in [("cast", &credits["cast"]), ("crew", &credits["crew"])] {
            for person in ids(people) {
                let films = body(&api, &format!("/person/{person}/movie_credits"));
                assert!(ids(&films[kind]).contains(&u64::from(id)), "film {id}, {kind} {person}");
            }
        }
    }
}

#[test]
fn similar_films_of_marvel_include_marvel_and_crawls_overlap() {
    let api = api();
    let mut found = Vec::new();
    for film in &MARVEL.films {
        let similar = ids(&body(&api, &format!("/movie/{}/similar", film.id))["results"]);
        let marvel =
            similar.iter().filter(|&&id| MARVEL.films.iter().any(|film| u64::from(film.id) == id)).count();
        assert!(marvel >= 2, "{}", film.title);
        assert!(!similar.contains(&u64::from(film.id)));
        assert_eq!(similar.iter().collect::<HashSet<_>>().len(), 20);
        found.extend(similar);
    }
    let distinct: BTreeSet<u64> = found.iter().copied().collect();
    assert!(distinct.len() * 4 < found.len() * 3, "{} of {}", distinct.len(), found.len());
    let missing = distinct.iter().filter(|&&id| !CATALOGUE.exists(u32::try_from(id).unwrap())).count();
    assert!(missing * 20 < distinct.len(), "{missing} of {}", distinct.len());
}

#[test]
fn similar_differs_by_language_and_not_by_region() {
    let similar = |query: &str| ids(&body(&api(), &format!("/movie/1726/similar{query}"))["results"]);
    assert_eq!(similar(""), similar("?language=en-US"));
    assert_eq!(similar(""), similar("?language=en-GB&page=1"));
    assert_ne!(similar(""), similar("?language=de-DE"));
}

#[test]
fn untranslated_texts_are_empty_and_titles_fall_back_to_the_original() {
    let api = api();
    let film = body(&api, "/movie/1726?language=fr-FR");
    assert_eq!(
        (&film["title"], &film["overview"], &film["tagline"]),
        (&"Iron Man".into(), &"".into(), &"".into())
    );
    let (mut translated, mut fallen_back) = (0, 0);
    for id in CATALOGUE.ids().take(300) {
        let film = body(&api, &format!("/movie/{id}?language=de-DE"));
        if film["title"] == film["original_title"] {
            fallen_back += 1;
        } else {
            translated += 1;
        }
    }
    assert!(translated > 50 && fallen_back > 50, "{translated}, {fallen_back}");
    assert_eq!(body(&api, "/genre/movie/list?language=de")["genres"][1]["name"], "Abenteuer");
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
    let keyworded = films("with_keywords=3005");
    let first = keyworded[0]["id"].as_u64().unwrap();
    assert!(ids(&body(&api, &format!("/movie/{first}/keywords"))["keywords"]).contains(&3005));
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
fn every_film_of_a_tiny_catalogue_is_answered() {
    for films in [0, 1, 3] {
        let api = Api::new(Catalogue { seed: 9, films });
        for id in api.catalogue.ids() {
            let names = "credits,keywords,similar,recommendations,release_dates,watch/providers,external_ids";
            body(&api, &format!("/movie/{id}?append_to_response={names}"));
            body(&api, &format!("/movie/{id}/similar?page=500"));
        }
        for target in [
            "/discover/movie?page=500",
            "/movie/changes",
            "/list/7",
            "/movie/upcoming",
            "/trending/movie/week",
        ] {
            body(&api, target);
        }
    }
}

#[test]
fn same_seed_gives_the_same_bytes_in_any_order() {
    let targets: Vec<String> = CATALOGUE
        .ids()
        .take(200)
        .map(|id| format!("/movie/{id}?append_to_response=credits,similar"))
        .chain((1..5).map(|page| format!("/discover/movie?page={page}")))
        .collect();
    let (one, two) = (api(), api());
    let forward: Vec<_> = targets.iter().map(|target| answer(&one, target).body).collect();
    let mut back: Vec<_> = targets.iter().rev().map(|target| answer(&two, target).body).collect();
    back.reverse();
    assert!(forward == back);
    let other = Api::new(Catalogue { seed: 1, ..CATALOGUE });
    assert_ne!(answer(&other, "/discover/movie").body, answer(&one, "/discover/movie").body);
}

#[test]
fn list_items_agree_with_details() {
    let api = api();
    for item in body(&api, "/discover/movie")["results"].as_array().unwrap() {
        let film = body(&api, &format!("/movie/{}", item["id"]));
        for (name, value) in item.as_object().unwrap() {
            // Old bodies of details lack a field or two.
            if name != "genre_ids" && film.get(name).is_some() {
                assert_eq!(&film[name], value, "{name} of {}", item["id"]);
            }
        }
    }
}
