//! Pages of films that a condition picks out of the whole catalogue: discover, search and the presets.
//!
//! A condition costs one walk over the catalogue; the last few results are kept, so that the pages of one
//! query cost one walk together. Memory: [`RESULTS_KEPT`] lists of at most 10 000 ids each.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::catalogue::{Catalogue, Film};
use super::dice::mix;
use super::film_parts;
use super::lists::{Listed, PER_PAGE};
use super::request::{PAGE_MAX, Request};
use super::vocabulary::GENRES;

/// Results of conditions that are kept.
const RESULTS_KEPT: usize = 16;

/// First and last day of what `now_playing` and `upcoming` show.
pub(super) const NOW_PLAYING: (u32, u32) = (20_260_918, 20_261_101);
pub(super) const UPCOMING: (u32, u32) = (20_261_102, 20_261_125);

/// The ids that a condition picks out, as far as pages reach, and how many there are in all.
#[derive(Debug)]
struct Found {
    ids: Vec<u32>,
    total: u32,
}

/// The results of the conditions asked last.
#[derive(Debug, Default)]
pub(super) struct Results(Mutex<VecDeque<(String, Arc<Found>)>>);

impl Results {
    /// A page of the films that `condition` picks, dearest first.
    pub(super) fn page(
        &self,
        catalogue: &Catalogue,
        request: &Request,
        page: u32,
        condition: &Condition<'_>,
    ) -> Listed {
        let name = format!("{condition:?}");
        let kept = |kept: &VecDeque<(String, Arc<Found>)>| {
            kept.iter().find(|(known, _)| *known == name).map(|(_, found)| Arc::clone(found))
        };
        let found = kept(&self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let found = found.unwrap_or_else(|| {
            let found = Arc::new(condition.walk(catalogue));
            let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            results.truncate(RESULTS_KEPT - 1);
            results.push_front((name, Arc::clone(&found)));
            found
        });
        page_of(&found, request, page)
    }
}

/// A page as TMDB's cache has it: now and then it is older than the one before, so that a film comes twice;
/// now and then it is short; and totals need not agree.
fn page_of(found: &Found, request: &Request, page: u32) -> Listed {
    let of_query = xxhash_rust::xxh3::xxh3_64(request.get("sort_by").unwrap_or_default().as_bytes());
    let throw = mix(of_query ^ u64::from(page));
    let first = ((page - 1).saturating_mul(PER_PAGE)) as usize;
    let shifted = usize::from(page > 1 && throw.is_multiple_of(10) && first < found.ids.len());
    let start = (first - shifted).min(found.ids.len());
    let end = (start + PER_PAGE as usize).min(found.ids.len());
    let mut ids = found.ids[start..end].to_vec();
    if throw % 17 == 1 && ids.len() == PER_PAGE as usize {
        ids.pop();
    }
    let moved = page > 1 && throw % 7 == 2 && !matches!(found.total % PER_PAGE, 0 | 19);
    Listed {
        ids,
        total_pages: found.total.div_ceil(PER_PAGE).max(1),
        total_results: found.total + u32::from(moved),
    }
}

/// Which films, and in which order.
#[derive(Debug, Default)]
pub(super) struct Condition<'a> {
    /// Genres by place in the list: all of each group's alternatives.
    genres: Option<Ids>,
    without_genres: Option<Ids>,
    keywords: Option<Ids>,
    without_keywords: Option<Ids>,
    companies: Option<Ids>,
    without_companies: Option<Ids>,
    cast: Option<Ids>,
    crew: Option<Ids>,
    /// In the cast or the crew.
    people: Option<Ids>,
    vote_count: (Option<u32>, Option<u32>),
    /// In 1/10 000.
    vote_average: (Option<u32>, Option<u32>),
    runtime: (Option<u32>, Option<u32>),
    /// Days as `yyyymmdd`, both ends included.
    dates: (Option<u32>, Option<u32>),
    year: Option<u32>,
    language: Option<&'a str>,
    country: Option<&'a str>,
    /// In lower case.
    text: Option<String>,
    include_adult: bool,
    include_video: bool,
    sort: Sort,
}

/// A list of ids in a query: `,` is and, `|` is or.
#[derive(Debug)]
struct Ids {
    ids: Vec<u32>,
    any: bool,
}

impl Ids {
    fn new(text: &str) -> Self {
        let any = text.contains('|');
        let ids = text.split([',', '|']).filter_map(|id| id.trim().parse().ok()).collect();
        Self { ids, any }
    }

    fn matches(&self, has: impl Fn(u32) -> bool) -> bool {
        if self.any { self.ids.iter().any(|&id| has(id)) } else { self.ids.iter().all(|&id| has(id)) }
    }

    fn names_any(&self, of: &[u32]) -> bool {
        self.ids.iter().any(|id| of.contains(id))
    }
}

/// `sort_by`.
#[derive(Clone, Copy, Debug, Default)]
struct Sort {
    by: SortBy,
    ascending: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum SortBy {
    #[default]
    Popularity,
    VoteCount,
    VoteAverage,
    Date,
    Revenue,
    Title,
}

impl Sort {
    fn new(text: &str) -> Self {
        let (by, direction) = text.rsplit_once('.').unwrap_or((text, "desc"));
        let by = match by {
            "vote_count" => SortBy::VoteCount,
            "vote_average" => SortBy::VoteAverage,
            "primary_release_date" | "release_date" => SortBy::Date,
            "revenue" => SortBy::Revenue,
            "title" | "original_title" => SortBy::Title,
            _ => SortBy::Popularity,
        };
        Self { by, ascending: direction == "asc" }
    }

    /// What a film is sorted by, unless that is its title.
    fn number(self, film: &Film) -> u64 {
        match self.by {
            SortBy::Popularity => film.popularity.into(),
            SortBy::VoteCount => film.vote_count.into(),
            SortBy::VoteAverage => film.vote_average.into(),
            SortBy::Date => film.date.into(),
            SortBy::Revenue => film.revenue,
            SortBy::Title => 0,
        }
    }
}

impl<'a> Condition<'a> {
    /// `/discover/movie`; filters that are not known are ignored.
    pub(super) fn discover(request: &'a Request) -> Self {
        let number = |name: &str| request.number(name);
        let range = |name: &str| (number(&format!("{name}.gte")), number(&format!("{name}.lte")));
        let day = |name: &str| request.get(name).and_then(day);
        let ids = |name: &str| request.get(name).map(Ids::new);
        Self {
            genres: ids("with_genres"),
            without_genres: ids("without_genres"),
            keywords: ids("with_keywords"),
            without_keywords: ids("without_keywords"),
            companies: ids("with_companies"),
            without_companies: ids("without_companies"),
            cast: ids("with_cast"),
            crew: ids("with_crew"),
            people: ids("with_people"),
            vote_count: range("vote_count"),
            vote_average: (decimal(request, "vote_average.gte"), decimal(request, "vote_average.lte")),
            runtime: range("with_runtime"),
            dates: (
                day("primary_release_date.gte").or_else(|| day("release_date.gte")),
                day("primary_release_date.lte").or_else(|| day("release_date.lte")),
            ),
            year: number("primary_release_year").or_else(|| number("year")),
            language: request.get("with_original_language"),
            country: request.get("with_origin_country"),
            sort: Sort::new(request.get("sort_by").unwrap_or_default()),
            ..Self::of(request)
        }
    }

    /// `/search/movie`.
    pub(super) fn search(request: &'a Request, text: &str) -> Self {
        Self {
            text: Some(text.to_lowercase()),
            year: request.number("primary_release_year").or_else(|| request.number("year")),
            ..Self::of(request)
        }
    }

    /// `/movie/popular`, `/trending/movie/week`.
    pub(super) fn of(request: &Request) -> Self {
        Self {
            include_adult: request.get("include_adult") == Some("true"),
            include_video: request.get("include_video") == Some("true"),
            ..Self::default()
        }
    }

    /// `/movie/top_rated`.
    pub(super) fn top_rated(request: &Request) -> Self {
        let sort = Sort { by: SortBy::VoteAverage, ascending: false };
        Self { vote_count: (Some(300), None), sort, ..Self::of(request) }
    }

    /// `/movie/now_playing`, `/movie/upcoming`.
    pub(super) fn released(request: &Request, (first, last): (u32, u32)) -> Self {
        Self { dates: (Some(first), Some(last)), ..Self::of(request) }
    }

    /// `/keyword/{id}/movies`.
    pub(super) fn keyword(request: &Request, id: u32) -> Self {
        Self { keywords: Some(Ids { ids: vec![id], any: false }), ..Self::of(request) }
    }

    /// `/company/{id}/movies`.
    pub(super) fn company(request: &Request, id: u32) -> Self {
        Self { companies: Some(Ids { ids: vec![id], any: false }), ..Self::of(request) }
    }

    fn walk(&self, catalogue: &Catalogue) -> Found {
        let films = catalogue.ids().map(|id| catalogue.facts(id));
        let matching = films.filter(|film| self.matches(catalogue, film));
        // A number and an id of each, not its facts: this may be the whole catalogue.
        let mut found: Vec<(u64, u32)> = matching.map(|film| (self.sort.number(&film), film.id)).collect();
        match self.sort.by {
            SortBy::Title => {
                found.sort_by_cached_key(|&(_, id)| catalogue.original_title(&catalogue.facts(id)));
            }
            _ => found.sort_by_key(|&(number, _)| number),
        }
        if !self.sort.ascending {
            found.reverse();
        }
        let total = u32::try_from(found.len()).expect("at most the number of films");
        let reach = (PAGE_MAX * PER_PAGE) as usize;
        Found { ids: found.iter().take(reach).map(|&(_, id)| id).collect(), total }
    }

    fn matches(&self, catalogue: &Catalogue, film: &Film) -> bool {
        let within = |(low, high): (Option<u32>, Option<u32>), value: u32| {
            low.is_none_or(|low| value >= low) && high.is_none_or(|high| value <= high)
        };
        let has_genre = |id: u32| film.genres().iter().any(|&at| GENRES[usize::from(at)].0 == id);
        let dated = (self.dates.0.is_none() && self.dates.1.is_none()) || film.date != 0;
        (self.include_adult || !film.adult)
            && (self.include_video || !film.video)
            && within(self.vote_count, film.vote_count)
            && within(self.vote_average, film.vote_average)
            && within(self.runtime, film.runtime)
            && dated
            && within(self.dates, film.date)
            && self.year.is_none_or(|year| film.date / 10_000 == year)
            && self.language.is_none_or(|language| film.language.code == language)
            && self.country.is_none_or(|country| film.language.country == country)
            && self.genres.as_ref().is_none_or(|genres| genres.matches(has_genre))
            && self.without_genres.as_ref().is_none_or(|genres| !genres.ids.iter().any(|&id| has_genre(id)))
            && self.matches_keywords(catalogue, film)
            && self.matches_companies(catalogue, film)
            && self.matches_people(catalogue, film)
            && self.text.as_ref().is_none_or(|text| {
                let titled = |title: &str| title.to_lowercase().contains(text);
                titled(&catalogue.original_title(film))
                    || catalogue.translated_title(film, "en").is_some_and(|title| titled(&title))
            })
    }
}

impl Condition<'_> {
    fn matches_keywords(&self, catalogue: &Catalogue, film: &Film) -> bool {
        let (with, without) = (&self.keywords, &self.without_keywords);
        if with.is_none() && without.is_none() {
            return true;
        }
        let keywords = catalogue.keywords(film.id);
        let has = |id: u32| film_parts::keyword(id).is_some_and(|(number, _)| keywords.contains(&number));
        with.as_ref().is_none_or(|ids| ids.matches(has))
            && without.as_ref().is_none_or(|ids| !ids.ids.iter().any(|&id| has(id)))
    }

    fn matches_companies(&self, catalogue: &Catalogue, film: &Film) -> bool {
        let (with, without) = (&self.companies, &self.without_companies);
        if with.is_none() && without.is_none() {
            return true;
        }
        let companies = catalogue.companies_of(film);
        with.as_ref().is_none_or(|ids| ids.matches(|id| companies.contains(&id)))
            && without.as_ref().is_none_or(|ids| !ids.names_any(&companies))
    }

    fn matches_people(&self, catalogue: &Catalogue, film: &Film) -> bool {
        if self.cast.is_none() && self.crew.is_none() && self.people.is_none() {
            return true;
        }
        let cast: Vec<u32> = catalogue.cast(film).iter().map(|part| part.person.id()).collect();
        let crew: Vec<u32> = catalogue.crew(film).iter().map(|job| job.person.id()).collect();
        let all = |wanted: &Option<Ids>, has: &dyn Fn(u32) -> bool| {
            wanted.as_ref().is_none_or(|wanted| wanted.matches(has))
        };
        all(&self.cast, &|id| cast.contains(&id))
            && all(&self.crew, &|id| crew.contains(&id))
            && all(&self.people, &|id| cast.contains(&id) || crew.contains(&id))
    }
}

/// A day of a query as `yyyymmdd`, if it has the form of one.
pub(super) fn day(text: &str) -> Option<u32> {
    text.parse::<jiff::civil::Date>().ok()?;
    text.replace('-', "").parse().ok()
}

/// A number with decimals, in 1/10 000.
fn decimal(request: &Request, name: &str) -> Option<u32> {
    let (whole, decimals) = request.get(name).map(|text| text.split_once('.').unwrap_or((text, "")))?;
    let decimals: String = decimals.chars().chain("0000".chars()).take(4).collect();
    Some(whole.parse::<u32>().ok()?.checked_mul(10_000)? + decimals.parse::<u32>().ok()?)
}
