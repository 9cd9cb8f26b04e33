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
        "/company/1",
        "/company/1/movies",
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
    let person = body(&api, "/person/3223?append_to_response=movie_credits");
    let mut alone = body(&api, "/person/3223/movie_credits");
    assert_eq!(alone.as_object_mut().unwrap().remove("id"), Some(3223.into()));
    assert_eq!(person["movie_credits"], alone);
    let company = body(&api, "/company/420?append_to_response=movies&page=2");
    let mut alone = body(&api, "/company/420/movies?page=2");
    assert_eq!(alone.as_object_mut().unwrap().remove("id"), Some(420.into()));
    assert_eq!((&company["movies"], &company["movies"]["page"]), (&alone, &2.into()));
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
fn seasons_are_those_that_the_series_names() {
    let api = api();
    let mut specials = 0;
    for id in (1..300).filter(|&id| CATALOGUE.series(id).is_some()) {
        let series = body(&api, &format!("/tv/{id}"));
        let mut episodes = 0;
        for named in series["seasons"].as_array().unwrap() {
            let number = named["season_number"].as_u64().unwrap();
            let season = body(&api, &format!("/tv/{id}/season/{number}"));
            let count = season["episodes"].as_array().unwrap().len();
            assert_eq!(named["episode_count"], count, "{id}, season {number}");
            for name in ["id", "name", "air_date", "season_number", "overview"] {
                assert_eq!(named[name], season[name], "{name} of {id}, season {number}");
            }
            if number == 0 {
                specials += 1;
            } else {
                episodes += count;
            }
        }
        assert_eq!(series["number_of_episodes"], episodes, "{id}");
        let last = series["number_of_seasons"].as_u64().unwrap();
        assert_eq!(answer(&api, &format!("/tv/{id}/season/{}", last + 1)).status, 404, "{id}");
    }
    assert!((50..150).contains(&specials), "{specials}");
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
