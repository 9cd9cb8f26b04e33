//! Series: enough of them that pipelines of two path fields can be tried. A pure function of (seed, id)
//! like films, with people drawn from the same crowd (whose `movie_credits` know nothing of series).

use std::ops::RangeInclusive;

use super::catalogue::Catalogue;
use super::company::{draw_companies, put_companies};
use super::dice::Dice;
use super::film_body::{
    View, put_date, put_genre_ids, put_genres, put_id, put_image, put_known_date, put_language,
};
use super::json::Json;
use super::lists::{Listed, PER_PAGE, put_totals};
use super::people::{Person, credit_id};
use super::vocabulary::{GENRES, LANGUAGES, Language};
use super::words;

/// Genres that series have too, by place in the list of films' genres.
const SERIES_GENRES: [u8; 5] = [2, 3, 4, 5, 6];

/// The facts of a series.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) id: u32,
    pub(super) language: &'static Language,
    year: u32,
    seasons: u32,
    genre: u8,
    pub(super) popularity: u32,
    vote_average: u32,
    pub(super) vote_count: u32,
    has_poster: bool,
    ended: bool,
    /// Whether there is a season 0.
    specials: bool,
}

impl Catalogue {
    /// The series with this id, if there is one.
    pub(super) fn series(&self, id: u32) -> Option<Series> {
        let there = (1..=self.films).contains(&id) && self.dice("series missing", id).below(33) > 0;
        there.then(|| self.series_facts(id))
    }

    fn series_facts(&self, id: u32) -> Series {
        let mut dice = self.dice("series", id);
        let other = 1 + dice.below(12) as usize;
        let vote_count = if dice.percent(18) { 0 } else { 1 + dice.skewed(18_000, 2) };
        Series {
            id,
            language: if dice.percent(50) { &LANGUAGES[0] } else { &LANGUAGES[other] },
            year: if dice.percent(5) { 0 } else { 1960 + dice.below(60) },
            seasons: 1 + dice.below(5),
            genre: SERIES_GENRES[dice.below(5) as usize],
            popularity: dice.skewed(2_500_000, 2),
            vote_average: if vote_count == 0 { 0 } else { 10 * (3_000 + dice.below(6_500)) },
            vote_count,
            has_poster: dice.percent(80),
            ended: dice.percent(60),
            specials: dice.percent(35),
        }
    }

    fn series_name(&self, series: &Series) -> (String, String) {
        let mut dice = self.dice("series name", series.id);
        let english = words::english_title(&mut dice);
        match series.language.code {
            "en" => (english.clone(), english),
            _ => (english, words::native_title(&mut dice, series.language)),
        }
    }

    fn episodes(&self, series: u32, season: u32) -> u32 {
        4 + self.dice("episodes", series.wrapping_mul(8).wrapping_add(season)).below(9)
    }
}

impl Series {
    fn season_year(&self, season: u32) -> u32 {
        // Specials start in the first year too.
        if self.year == 0 { 0 } else { self.year + season.saturating_sub(1) }
    }

    /// The numbers of its seasons; 0 are specials, which count for no total.
    fn season_numbers(&self) -> RangeInclusive<u32> {
        u32::from(!self.specials)..=self.seasons
    }

    fn season_id(&self, season: u32) -> u32 {
        self.id.wrapping_mul(10).wrapping_add(season)
    }

    /// `yyyymmdd`; 0 is unknown.
    pub(super) fn first_air_date(&self) -> u32 {
        if self.year == 0 { 0 } else { self.year * 10_000 + 920 }
    }

    pub(super) fn genre_id(&self) -> u32 {
        GENRES[usize::from(self.genre)].0
    }
}

fn put_season_name(json: &mut Json, season: u32) {
    match season {
        0 => json.put_str("name", "Specials"),
        _ => json.key("name").plain(format_args!("Season {season}")),
    }
}

fn put_air_date(json: &mut Json, name: &str, year: u32, episode: u32) {
    match year {
        0 => json.put_null(name),
        _ => put_known_date(json, name, year * 10_000 + (1 + episode / 4 % 12) * 100 + 1 + episode % 4 * 7),
    }
}

impl View<'_> {
    fn series_overview(&self, id: u32) -> String {
        let mut dice = self.catalogue.dice("series overview", id);
        if self.language == "en" { words::english_overview(&mut dice) } else { String::new() }
    }

    /// The line of a series in the export.
    pub(super) fn series_line(&self, json: &mut Json, series: &Series) {
        let (_, original_name) = self.catalogue.series_name(series);
        json.put_int("id", series.id);
        json.put_str("original_name", &original_name);
        json.put_decimal("popularity", series.popularity);
    }

    /// `/tv/{id}`.
    pub(super) fn series(&self, json: &mut Json, series: &Series) {
        let catalogue = self.catalogue;
        let mut dice = catalogue.dice("series details", series.id);
        let (name, original_name) = catalogue.series_name(series);
        let language = series.language;
        let counts: Vec<u32> =
            (1..=series.seasons).map(|season| catalogue.episodes(series.id, season)).collect();
        json.put_bool("adult", false);
        put_image(json, "backdrop_path", &mut dice, series.has_poster);
        json.key("created_by").array(|json| {
            let number = dice.below(4_096);
            let maker = Person::Invented(number);
            let (name, original) = words::person_name(&mut catalogue.dice("person", maker.id()));
            json.object(|json| {
                json.put_int("id", maker.id());
                json.put_str("credit_id", &credit_id(series.id, maker.id(), "creator"));
                json.put_str("name", &name);
                json.put_str("original_name", original.unwrap_or(&name));
                json.put_int("gender", dice.below(3));
                put_image(json, "profile_path", &mut dice, number.is_multiple_of(2));
            });
        });
        json.key("episode_run_time").array(|_| ());
        put_date(json, "first_air_date", series.first_air_date());
        put_genres(json, &[series.genre], self.language == "de");
        json.put_str("homepage", "");
        json.put_int("id", series.id);
        json.put_bool("in_production", !series.ended);
        json.key("languages").array(|json| json.str(language.code));
        put_air_date(json, "last_air_date", series.season_year(series.seasons), 9);
        json.key("last_episode_to_air").object(|json| {
            let season = series.seasons;
            self.episode_head(json, series, season, counts[season as usize - 1]);
        });
        json.put_str("name", &name);
        json.put_null("next_episode_to_air");
        put_companies(json, "networks", catalogue, &draw_companies(&mut dice, 1));
        json.put_int("number_of_episodes", counts.iter().sum::<u32>());
        json.put_int("number_of_seasons", series.seasons);
        json.key("origin_country").array(|json| json.str(language.country));
        json.put_str("original_language", language.code);
        json.put_str("original_name", &original_name);
        json.put_str("overview", &self.series_overview(series.id));
        json.put_decimal("popularity", series.popularity);
        put_image(json, "poster_path", &mut dice, series.has_poster);
        let companies = dice.below(3);
        put_companies(json, "production_companies", catalogue, &draw_companies(&mut dice, companies));
        json.key("production_countries").array(|json| {
            json.object(|json| {
                json.put_str("iso_3166_1", language.country);
                json.put_str("name", language.country_name);
            });
        });
        json.key("seasons").array(|json| {
            for season in series.season_numbers() {
                json.object(|json| {
                    put_air_date(json, "air_date", series.season_year(season), 0);
                    json.put_int("episode_count", catalogue.episodes(series.id, season));
                    json.put_int("id", series.season_id(season));
                    put_season_name(json, season);
                    json.put_str("overview", "");
                    put_image(json, "poster_path", &mut dice, series.has_poster);
                    json.put_int("season_number", season);
                    json.put_decimal("vote_average", series.vote_average);
                });
            }
        });
        json.put_bool("softcore", false);
        json.key("spoken_languages").array(|json| put_language(json, language));
        json.put_str("status", if series.ended { "Ended" } else { "Returning Series" });
        json.put_str("tagline", "");
        json.put_str("type", "Scripted");
        json.put_decimal("vote_average", series.vote_average);
        json.put_int("vote_count", series.vote_count);
    }

    fn episode_dice(&self, series: &Series, season: u32, episode: u32) -> Dice {
        self.catalogue.dice("episode", series.season_id(season).wrapping_mul(32).wrapping_add(episode))
    }

    fn episode_id(series: &Series, season: u32, episode: u32) -> u32 {
        series.season_id(season).wrapping_mul(32).wrapping_add(episode)
    }

    fn episode_head(&self, json: &mut Json, series: &Series, season: u32, episode: u32) {
        let mut dice = self.episode_dice(series, season, episode);
        json.put_int("id", Self::episode_id(series, season, episode));
        json.put_str("name", &words::english_title(&mut dice));
        json.put_str("overview", "");
        json.put_decimal("vote_average", series.vote_average);
        json.put_int("vote_count", series.vote_count / 40);
        put_air_date(json, "air_date", series.season_year(season), episode);
        json.put_int("episode_number", episode);
        json.put_str("episode_type", "finale");
        json.put_str("production_code", "");
        json.put_int("runtime", 20 + dice.below(40));
        json.put_int("season_number", season);
        json.put_int("show_id", series.id);
        put_image(json, "still_path", &mut dice, series.has_poster);
    }

    /// `/tv/{id}/season/{n}`; `None` where the series has no such season.
    pub(super) fn season(&self, series: &Series, season: u32) -> Option<impl FnOnce(&mut Json)> {
        series.season_numbers().contains(&season).then_some(move |json: &mut Json| {
            let catalogue = self.catalogue;
            let mut dice = catalogue.dice("season", series.season_id(season));
            json.put_str("_id", &credit_id(series.id, season, "season"));
            put_air_date(json, "air_date", series.season_year(season), 0);
            let count = catalogue.episodes(series.id, season);
            json.key("episodes").array(|json| {
                for episode in 1..=count {
                    json.object(|json| self.episode(json, series, season, episode, episode == count));
                }
            });
            put_season_name(json, season);
            put_companies(json, "networks", catalogue, &draw_companies(&mut dice, 1));
            json.put_str("overview", "");
            json.put_int("id", series.season_id(season));
            put_image(json, "poster_path", &mut dice, series.has_poster);
            json.put_int("season_number", season);
            json.put_decimal("vote_average", series.vote_average);
        })
    }

    fn episode(&self, json: &mut Json, series: &Series, season: u32, episode: u32, last: bool) {
        let mut dice = self.episode_dice(series, season, episode);
        put_air_date(json, "air_date", series.season_year(season), episode);
        json.put_int("episode_number", episode);
        json.put_str("episode_type", if last { "finale" } else { "standard" });
        json.put_int("id", Self::episode_id(series, season, episode));
        json.put_str("name", &words::english_title(&mut dice));
        json.put_str("overview", "");
        json.put_str("production_code", "");
        if dice.percent(90) {
            json.put_int("runtime", 20 + dice.below(40));
        } else {
            json.put_null("runtime");
        }
        json.put_int("season_number", season);
        json.put_int("show_id", series.id);
        put_image(json, "still_path", &mut dice, series.has_poster);
        json.put_decimal("vote_average", series.vote_average);
        json.put_int("vote_count", series.vote_count / 40);
        json.key("crew").array(|json| {
            let director = Person::Invented(dice.below(4_096));
            json.object(|json| {
                json.put_str("department", "Directing");
                json.put_str("job", "Director");
                json.put_str("credit_id", &credit_id(series.id, director.id(), "Director"));
                self.person_fields(json, director);
            });
        });
        json.key("guest_stars").array(|json| {
            for order in 0..dice.below(4) {
                let guest = Person::Invented(dice.below(4_096));
                json.object(|json| {
                    json.put_str("character", words::role(&mut dice));
                    json.put_str("credit_id", &credit_id(series.id, guest.id(), "guest"));
                    json.put_int("order", 500 + order);
                    self.person_fields(json, guest);
                });
            }
        });
    }

    /// `/tv/{id}/credits`.
    pub(super) fn series_credits(&self, json: &mut Json, series: &Series, id: Option<u32>) {
        let mut dice = self.catalogue.dice("series credits", series.id);
        json.key("cast").array(|json| {
            for order in 0..3 + dice.below(6) {
                let person = Person::Invented(dice.below(4_096));
                json.object(|json| {
                    self.person_fields(json, person);
                    json.put_str("character", words::role(&mut dice));
                    json.put_str("credit_id", &credit_id(series.id, person.id(), "series"));
                    json.put_int("order", order);
                });
            }
        });
        json.key("crew").array(|json| {
            for _ in 0..dice.below(3) {
                let person = Person::Invented(dice.below(4_096));
                json.object(|json| {
                    self.person_fields(json, person);
                    json.put_str("credit_id", &credit_id(series.id, person.id(), "producer"));
                    json.put_str("department", "Production");
                    json.put_str("job", "Executive Producer");
                });
            }
        });
        put_id(json, id);
    }

    /// `/tv/{id}/similar`.
    pub(super) fn series_similar(&self, json: &mut Json, series: &Series) {
        let total = 60.min(self.catalogue.films.saturating_sub(1));
        let first = (self.page - 1).saturating_mul(PER_PAGE);
        json.put_int("page", self.page);
        json.key("results").array(|json| {
            for rank in first..total.min(first.saturating_add(PER_PAGE)) {
                let mut dice =
                    self.catalogue.dice("series similar", series.id.wrapping_mul(64).wrapping_add(rank));
                let id = 1 + dice.skewed(self.catalogue.films, 1);
                json.object(|json| self.series_item(json, &self.catalogue.series_facts(id)));
            }
        });
        put_totals(json, total.div_ceil(PER_PAGE).max(1), total);
    }

    /// A page of series.
    pub(super) fn page_of_series(&self, json: &mut Json, listed: &Listed) {
        json.put_int("page", self.page);
        json.key("results").array(|json| {
            for &id in &listed.ids {
                json.object(|json| self.series_item(json, &self.catalogue.series_facts(id)));
            }
        });
        put_totals(json, listed.total_pages, listed.total_results);
    }

    fn series_item(&self, json: &mut Json, series: &Series) {
        let mut dice = self.catalogue.dice("series item", series.id);
        let (name, original_name) = self.catalogue.series_name(series);
        json.put_bool("adult", false);
        put_image(json, "backdrop_path", &mut dice, series.has_poster);
        put_genre_ids(json, &[series.genre]);
        json.put_int("id", series.id);
        json.key("origin_country").array(|json| json.str(series.language.country));
        json.put_str("original_language", series.language.code);
        json.put_str("original_name", &original_name);
        json.put_str("overview", &self.series_overview(series.id));
        json.put_decimal("popularity", series.popularity);
        put_image(json, "poster_path", &mut dice, series.has_poster);
        // The key itself is missing for some series without a date.
        if series.year != 0 || series.id.is_multiple_of(2) {
            put_date(json, "first_air_date", series.first_air_date());
        }
        json.put_bool("softcore", false);
        json.put_str("name", &name);
        json.put_decimal("vote_average", series.vote_average);
        json.put_int("vote_count", series.vote_count);
    }
}

/// `/tv/{id}/external_ids`: some ids of TheTVDB exceed 32 bits.
pub(super) fn series_external_ids(json: &mut Json, series: &Series, id: Option<u32>) {
    put_id(json, id);
    json.key("imdb_id").plain(format_args!("tt8{:08}", series.id));
    json.put_null("freebase_mid");
    json.put_null("freebase_id");
    let offset = if series.id.is_multiple_of(50) { 1_u64 << 32 } else { 70_000 };
    json.put_int("tvdb_id", offset + u64::from(series.id));
    json.put_null("tvrage_id");
    for name in ["wikidata_id", "facebook_id", "instagram_id", "twitter_id"] {
        json.put_null(name);
    }
}
