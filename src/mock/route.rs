//! From a request to its answer: which path is which body.
//!
//! Pure: no clock, no wire, no credential. The order of the checks is TMDB's: the path, then
//! `append_to_response`, then the page, then the subject.

use jiff::civil::Date;

use super::answer::{Answer, MAX_AGE, MAX_AGE_SHORT};
use super::catalogue::{Catalogue, Film};
use super::discover::{Condition, NOW_PLAYING, UPCOMING};
use super::discover_tv::SeriesCondition;
use super::film_body::{self, ItemShape, View, put_date};
use super::film_parts;
use super::json::Json;
use super::lists::{ChangedDays, Listed};
use super::people::Person;
use super::person_body::person_external_ids;
use super::request::{APPEND_MAX, PAGE_MAX, Request};
use super::results::Results;
use super::tv::{Series, series_external_ids};
use super::vocabulary::GENRES;

/// Days that `/movie/changes` may span.
const CHANGES_DAYS_MAX: i32 = 14;
/// The day whose changes are given if none is named.
const CHANGES_TODAY: Date = Date::constant(2026, 11, 24);
/// What trending claims, whatever there is.
const TRENDING_TOTALS: (u32, u32) = (500, 10_000);

/// Everything that answers depend on.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) catalogue: Catalogue,
    results: Results,
}

impl Api {
    pub(super) fn new(catalogue: Catalogue) -> Self {
        Self { catalogue, results: Results::default() }
    }

    /// The answer to a request whose credential is good.
    pub(super) fn answer(&self, request: &Request) -> Answer {
        let Some(path) = request.below_version() else {
            return Answer::not_found();
        };
        if request.appended().len() > APPEND_MAX {
            return Answer::too_many_appended();
        }
        let page = match request.get("page").unwrap_or("1").parse::<u64>() {
            Err(_) | Ok(0) => return Answer::invalid_page(),
            Ok(page) => match u32::try_from(page) {
                Ok(page) if page <= PAGE_MAX => page,
                _ => return Answer::page_too_large(),
            },
        };
        let view = View { catalogue: &self.catalogue, language: request.language(), page };
        let routed = match path.as_slice() {
            [kind @ ("movie" | "tv" | "person"), "changes"] => Some(changes(&view, request, kind)),
            ["movie", preset @ ("popular" | "top_rated" | "now_playing" | "upcoming")] => {
                Some(self.preset(&view, request, preset))
            }
            ["movie", id, rest @ ..] => {
                self.film_of(id).and_then(|film| film_answer(&view, request, &film, rest))
            }
            ["person", id, rest @ ..] => {
                self.person_of(id).and_then(|person| person_answer(&view, request, person, rest))
            }
            ["tv", id, rest @ ..] => {
                self.series_of(id).and_then(|series| series_answer(&view, request, &series, rest))
            }
            ["collection", id] => id.parse().ok().and_then(|id| view.collection(id)).map(kept),
            ["list", id] => id.parse().ok().and_then(|id| view.list(id)).map(kept),
            ["company", id, rest @ ..] => {
                id.parse().ok().and_then(|id| self.company_answer(&view, request, id, rest))
            }
            ["keyword", id] => id.parse().ok().and_then(keyword),
            ["keyword", id, "movies"] => {
                id.parse().ok().and_then(|id| self.keyword_films(&view, request, id))
            }
            ["discover", "movie"] => Some(self.films(&view, request, &Condition::discover(request))),
            ["discover", "tv"] => Some(self.discovered_series(&view, request)),
            ["search", "movie"] => Some(self.search(&view, request)),
            ["trending", "movie", "day" | "week"] => Some(self.trending(&view, request)),
            ["genre", "movie", "list"] => Some(genres(&view)),
            ["configuration"] => Some(configuration()),
            ["authentication"] => Some(authentication()),
            _ => None,
        };
        routed.unwrap_or_else(Answer::not_found)
    }

    fn film_of(&self, id: &str) -> Option<Film> {
        let id = if id.starts_with("tt") { film_body::film_of_imdb_id(id)? } else { id.parse().ok()? };
        self.catalogue.film(id)
    }

    fn person_of(&self, id: &str) -> Option<Person> {
        self.catalogue.person(id.parse().ok()?)
    }

    fn series_of(&self, id: &str) -> Option<Series> {
        self.catalogue.series(id.parse().ok()?)
    }

    fn listed(&self, view: &View<'_>, request: &Request, condition: &Condition<'_>) -> Listed {
        self.results.page(&self.catalogue, request, view.page, condition)
    }

    fn films(&self, view: &View<'_>, request: &Request, condition: &Condition<'_>) -> Answer {
        let listed = self.listed(view, request, condition);
        kept(|json| view.page_of(json, ItemShape::Plain, &listed))
    }

    fn discovered_series(&self, view: &View<'_>, request: &Request) -> Answer {
        let condition = SeriesCondition::discover(request);
        let listed = self.results.page(&self.catalogue, request, view.page, &condition);
        kept(|json| view.page_of_series(json, &listed))
    }

    fn preset(&self, view: &View<'_>, request: &Request, preset: &str) -> Answer {
        let (condition, dates) = match preset {
            "top_rated" => (Condition::top_rated(request), None),
            "now_playing" => (Condition::released(request, NOW_PLAYING), Some(NOW_PLAYING)),
            "upcoming" => (Condition::released(request, UPCOMING), Some(UPCOMING)),
            _ => (Condition::of(request), None),
        };
        let listed = self.listed(view, request, &condition);
        kept(|json| {
            if let Some((first, last)) = dates {
                json.key("dates").object(|json| {
                    put_date(json, "maximum", last);
                    put_date(json, "minimum", first);
                });
            }
            view.page_of(json, ItemShape::Plain, &listed);
        })
    }

    fn search(&self, view: &View<'_>, request: &Request) -> Answer {
        match request.get("query") {
            Some(text) => self.films(view, request, &Condition::search(request, text)),
            None => Answer::query_missing(),
        }
    }

    fn trending(&self, view: &View<'_>, request: &Request) -> Answer {
        let listed = self.listed(view, request, &Condition::of(request));
        let (total_pages, total_results) = TRENDING_TOTALS;
        let listed = Listed { total_pages, total_results, ..listed };
        Answer::object(MAX_AGE_SHORT, |json| view.page_of(json, ItemShape::Typed, &listed))
    }

    fn keyword_films(&self, view: &View<'_>, request: &Request, id: u32) -> Option<Answer> {
        film_parts::keyword(id)?;
        Some(self.films_of(view, request, id, &Condition::keyword(request, id)))
    }

    fn company_answer(&self, view: &View<'_>, request: &Request, id: u32, rest: &[&str]) -> Option<Answer> {
        if !Catalogue::has_company(id) {
            return None;
        }
        let condition = Condition::company(request, id);
        match rest {
            [] => Some(kept(|json| {
                view.company(json, id);
                let films = |json: &mut Json, _: &str| {
                    view.page_of(json, ItemShape::Plain, &self.listed(view, request, &condition));
                };
                append(json, request, films, &["movies"]);
            })),
            ["movies"] => Some(self.films_of(view, request, id, &condition)),
            _ => None,
        }
    }

    /// A page of the films of what has this id.
    fn films_of(&self, view: &View<'_>, request: &Request, id: u32, condition: &Condition<'_>) -> Answer {
        let listed = self.listed(view, request, condition);
        kept(|json| {
            json.put_int("id", id);
            view.page_of(json, ItemShape::Plain, &listed);
        })
    }
}

/// A body that may be kept for as long as TMDB ever says.
fn kept(fill: impl FnOnce(&mut Json)) -> Answer {
    Answer::object(MAX_AGE, fill)
}

/// Writes what is appended: each name once, as an object without an id; unknown names are ignored.
fn append(json: &mut Json, request: &Request, write: impl Fn(&mut Json, &str), known: &[&str]) {
    let appended = request.appended();
    for &name in known.iter().filter(|name| appended.contains(name)) {
        json.key(name).object(|json| write(json, name));
    }
}

const FILM_PARTS: [&str; 7] =
    ["credits", "external_ids", "keywords", "recommendations", "release_dates", "similar", "watch/providers"];

fn film_answer(view: &View<'_>, request: &Request, film: &Film, rest: &[&str]) -> Option<Answer> {
    let part = |json: &mut Json, name: &str, id: Option<u32>| match name {
        "credits" => view.credits(json, film, id),
        "external_ids" => view.external_ids(json, film, id),
        "keywords" => view.keywords(json, film, id),
        "recommendations" => view.page_of(json, ItemShape::Typed, &view.recommendations(film)),
        "release_dates" => view.release_dates(json, film, id),
        "similar" => view.page_of(json, ItemShape::Plain, &view.similar(film)),
        _ => view.watch_providers(json, film, id),
    };
    if rest.is_empty() {
        return Some(kept(|json| {
            view.details(json, film);
            append(json, request, |json, name| part(json, name, None), &FILM_PARTS);
        }));
    }
    let name = rest.join("/");
    FILM_PARTS.contains(&name.as_str()).then(|| kept(|json| part(json, &name, Some(film.id))))
}

const PERSON_PARTS: [&str; 2] = ["external_ids", "movie_credits"];

fn person_answer(view: &View<'_>, request: &Request, person: Person, rest: &[&str]) -> Option<Answer> {
    let part = |json: &mut Json, name: &str, id: Option<u32>| match name {
        "external_ids" => person_external_ids(json, person, id),
        _ => view.movie_credits(json, person, id),
    };
    match rest {
        [] => Some(kept(|json| {
            view.person(json, person);
            append(json, request, |json, name| part(json, name, None), &PERSON_PARTS);
        })),
        [name] if PERSON_PARTS.contains(name) => Some(kept(|json| part(json, name, Some(person.id())))),
        _ => None,
    }
}

const SERIES_PARTS: [&str; 3] = ["credits", "external_ids", "similar"];

fn series_answer(view: &View<'_>, request: &Request, series: &Series, rest: &[&str]) -> Option<Answer> {
    let part = |json: &mut Json, name: &str, id: Option<u32>| match name {
        "credits" => view.series_credits(json, series, id),
        "external_ids" => series_external_ids(json, series, id),
        _ => view.series_similar(json, series),
    };
    match rest {
        [] => Some(kept(|json| {
            view.series(json, series);
            append(json, request, |json, name| part(json, name, None), &SERIES_PARTS);
        })),
        ["season", number] => view.season(series, number.parse().ok()?).map(kept),
        [name] if SERIES_PARTS.contains(name) => Some(kept(|json| part(json, name, Some(series.id)))),
        _ => None,
    }
}

fn changes(view: &View<'_>, request: &Request, kind: &str) -> Answer {
    let day = |name: &str| request.get(name).map(str::parse::<jiff::civil::Date>);
    let (start, end) = match (day("start_date"), day("end_date")) {
        (Some(Err(_)), _) | (_, Some(Err(_))) => return Answer::invalid_date(),
        (start, end) => (start.and_then(Result::ok), end.and_then(Result::ok)),
    };
    if let (Some(start), Some(end)) = (start, end) {
        let days = (end - start).get_days();
        if !(0..=CHANGES_DAYS_MAX).contains(&days) {
            return Answer::date_range_too_long();
        }
    }
    let max_age = if end.is_some() { 86_400 } else { MAX_AGE_SHORT };
    // There is no present day here: without a day it is one of this, as that depends on no clock.
    let last = end.or(start).unwrap_or(CHANGES_TODAY);
    let days = ChangedDays::new(start.unwrap_or(last), last);
    Answer::object(max_age, |json| view.changes(json, kind, &days))
}

fn keyword(id: u32) -> Option<Answer> {
    let (_, name) = film_parts::keyword(id)?;
    Some(kept(|json| {
        json.put_int("id", id);
        json.put_str("name", &name);
    }))
}

fn genres(view: &View<'_>) -> Answer {
    let all: Vec<u8> = (0_u8..).zip(GENRES).map(|(at, _)| at).collect();
    kept(|json| film_body::put_genres(json, &all, view.language == "de"))
}

fn configuration() -> Answer {
    let sizes: [(&str, &[&str]); 5] = [
        ("backdrop_sizes", &["w300", "w780", "w1280", "original"]),
        ("logo_sizes", &["w45", "w92", "w154", "w185", "w300", "w500", "original"]),
        ("poster_sizes", &["w92", "w154", "w185", "w342", "w500", "w780", "original"]),
        ("profile_sizes", &["w45", "w185", "h632", "original"]),
        ("still_sizes", &["w92", "w185", "w300", "original"]),
    ];
    kept(|json| {
        let strings =
            |json: &mut Json, all: &[&str]| json.array(|json| all.iter().for_each(|text| json.str(text)));
        strings(
            json.key("change_keys"),
            &["adult", "cast", "crew", "images", "overview", "release_dates", "title"],
        );
        json.key("images").object(|json| {
            json.put_str("base_url", "http://image.tmdb.org/t/p/");
            json.put_str("secure_base_url", "https://image.tmdb.org/t/p/");
            for (name, sizes) in sizes {
                strings(json.key(name), sizes);
            }
        });
    })
}

fn authentication() -> Answer {
    Answer::object(0, |json| {
        json.put_bool("success", true);
        json.put_int("status_code", 1_u32);
        json.put_str("status_message", "Success.");
    })
}
