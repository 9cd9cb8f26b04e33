//! Films that a condition picks out of the whole catalogue: discover, search and the presets.
//!
//! Does not belong here: their pages (`results`). Invariant: a condition says all that its result depends on.

use super::catalogue::{Catalogue, Film};
use super::film_parts;
use super::request::Request;
use super::results::{Days, Found, Picks, Range};
use super::vocabulary::GENRES;

/// First and last day of what `now_playing` and `upcoming` show.
pub(super) const NOW_PLAYING: (u32, u32) = (20_260_918, 20_261_101);
pub(super) const UPCOMING: (u32, u32) = (20_261_102, 20_261_125);

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
    vote_count: Range,
    /// In 1/10 000.
    vote_average: Range,
    runtime: Range,
    /// Days as `yyyymmdd`, of its first release and of any: here they are the same.
    dates: [Range; 2],
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
        let range = |name: &str| Range(number(&format!("{name}.gte")), number(&format!("{name}.lte")));
        let day = |name: &str, end: &str| request.get(&format!("{name}.{end}")).and_then(day);
        let days = |name: &str| Range(day(name, "gte"), day(name, "lte"));
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
            vote_average: Range(decimal(request, "vote_average.gte"), decimal(request, "vote_average.lte")),
            runtime: range("with_runtime"),
            dates: [days("primary_release_date"), days("release_date")],
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
        Self { vote_count: Range(Some(300), None), sort, ..Self::of(request) }
    }

    /// `/movie/now_playing`, `/movie/upcoming`.
    pub(super) fn released(request: &Request, (first, last): (u32, u32)) -> Self {
        Self { dates: [Range(Some(first), Some(last)), Range::default()], ..Self::of(request) }
    }

    /// `/keyword/{id}/movies`.
    pub(super) fn keyword(request: &Request, id: u32) -> Self {
        Self { keywords: Some(Ids { ids: vec![id], any: false }), ..Self::of(request) }
    }

    /// `/company/{id}/movies`.
    pub(super) fn company(request: &Request, id: u32) -> Self {
        Self { companies: Some(Ids { ids: vec![id], any: false }), ..Self::of(request) }
    }

    fn matches(&self, catalogue: &Catalogue, film: &Film) -> bool {
        let has_genre = |id: u32| film.genres().iter().any(|&at| GENRES[usize::from(at)].0 == id);
        (self.include_adult || !film.adult)
            && (self.include_video || !film.video)
            && self.vote_count.holds(film.vote_count)
            && self.vote_average.holds(film.vote_average)
            && self.runtime.holds(film.runtime)
            && self.dates.iter().all(|days| days.holds_day(film.date))
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

impl Picks for Condition<'_> {
    fn walk(&self, catalogue: &Catalogue, days: &Days) -> Found {
        let [first, any] = self.dates;
        let ids = days.films(catalogue, first.and(any));
        let films = ids.map(|id| catalogue.facts(id)).filter(|film| self.matches(catalogue, film));
        // A number and an id of each, not its facts: this may be the whole catalogue.
        let mut found: Vec<(u64, u32)> = films.map(|film| (self.sort.number(&film), film.id)).collect();
        match self.sort.by {
            SortBy::Title => {
                found.sort_by_cached_key(|&(_, id)| catalogue.original_title(&catalogue.facts(id)));
            }
            _ => found.sort_by_key(|&(number, _)| number),
        }
        if !self.sort.ascending {
            found.reverse();
        }
        Found::new(found.into_iter().map(|(_, id)| id))
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
