//! Which films there are, and the facts of each: a pure function of (seed, id).
//!
//! Every film has a place: the Marvel films take 0 to 27, the invented film `id` takes `id + 31`. Places
//! are dense, ids are not, so whatever pairs films with people (`people`) or with each other (`lists`)
//! works on places. An invented id that a Marvel film owns leaves its place vacant, and about 3 % of ids
//! are missing.

use super::dice::Dice;
use super::marvel::{MARVEL, MARVEL_FILMS, MarvelFilm};
use super::vocabulary::{LANGUAGES, Language};
use super::words;

/// The day on which the catalogue stands still, as `yyyymmdd`.
pub(super) const TODAY: u32 = 20_261_101;

/// Distance between the id of an invented film and its place.
const OFFSET: u32 = 31;

/// All films of one seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Catalogue {
    pub(super) seed: u64,
    pub(super) films: u32,
}

/// The facts of a film that fit in numbers; texts are made when they are written.
#[expect(clippy::struct_excessive_bools, reason = "they are four fields of a body, not states of one thing")]
#[derive(Debug)]
pub(super) struct Film {
    pub(super) id: u32,
    pub(super) place: u32,
    pub(super) marvel: Option<&'static MarvelFilm>,
    pub(super) language: &'static Language,
    /// `yyyymmdd`; 0 is unknown.
    pub(super) date: u32,
    pub(super) runtime: u32,
    pub(super) budget: u64,
    pub(super) revenue: u64,
    genres: [u8; 4],
    genres_len: u8,
    /// In 1/10 000.
    pub(super) popularity: u32,
    /// In 1/10 000.
    pub(super) vote_average: u32,
    pub(super) vote_count: u32,
    pub(super) adult: bool,
    pub(super) video: bool,
    pub(super) has_poster: bool,
    pub(super) has_backdrop: bool,
}

impl Film {
    /// Places in the list of genres.
    pub(super) fn genres(&self) -> &[u8] {
        &self.genres[..usize::from(self.genres_len)]
    }

    pub(super) fn softcore(&self) -> bool {
        self.adult && self.id.is_multiple_of(5)
    }
}

impl Catalogue {
    /// Throws about one film.
    pub(super) fn dice(&self, topic: &str, id: u32) -> Dice {
        Dice::new(self.seed, topic, u64::from(id))
    }

    /// One more than the last place.
    pub(super) fn places(&self) -> u32 {
        self.films.saturating_add(OFFSET + 1)
    }

    /// Whether `/movie/{id}` is there. Similar lists name a few that are not.
    pub(super) fn exists(&self, id: u32) -> bool {
        MARVEL.place(id).is_some() || (self.in_range(id) && self.dice("missing", id).below(33) > 0)
    }

    fn in_range(&self, id: u32) -> bool {
        (1..=self.films).contains(&id)
    }

    /// The id at a place, of a film that exists.
    pub(super) fn id_at(&self, place: u32) -> Option<u32> {
        self.id_listed_at(place).filter(|&id| self.exists(id))
    }

    /// The id at a place, of a film that exists or once did.
    pub(super) fn id_listed_at(&self, place: u32) -> Option<u32> {
        if place < MARVEL_FILMS {
            return Some(MARVEL.films[place as usize].id);
        }
        let id = place.checked_sub(OFFSET)?;
        (self.in_range(id) && MARVEL.place(id).is_none()).then_some(id)
    }

    /// The facts of a film that exists.
    pub(super) fn film(&self, id: u32) -> Option<Film> {
        self.exists(id).then(|| self.facts(id))
    }

    /// The facts of a film, whether it exists or not.
    pub(super) fn facts(&self, id: u32) -> Film {
        let mut dice = self.dice("film", id);
        match MARVEL.place(id) {
            Some(place) => marvel_facts(&MARVEL.films[place as usize], place, &mut dice),
            None => invented_facts(id, &mut dice),
        }
    }

    /// All films that exist, in the order of their places.
    pub(super) fn ids(&self) -> impl Iterator<Item = u32> {
        (0..self.places()).filter_map(|place| self.id_at(place))
    }

    /// The title in the film's own language.
    pub(super) fn original_title(&self, film: &Film) -> String {
        let mut dice = self.dice("title", film.id);
        match film.marvel {
            Some(marvel) => marvel.title.to_owned(),
            None if film.language.code == "en" => words::english_title(&mut dice),
            None => words::native_title(&mut dice, film.language),
        }
    }

    /// The title in `language` (its primary subtag), if the film has one that differs from the original.
    pub(super) fn translated_title(&self, film: &Film, language: &str) -> Option<String> {
        if film.language.code == language || film.marvel.is_some() {
            return None;
        }
        let mut dice = self.dice(language, film.id);
        match language {
            "en" => dice.percent(80).then(|| words::english_title(&mut dice)),
            "de" => dice.percent(40).then(|| words::german_title(&mut dice)),
            _ => None,
        }
    }

    /// The overview in `language`; there is no fallback to another one.
    pub(super) fn overview(&self, film: &Film, language: &str) -> String {
        let mut dice = self.dice("overview", film.id);
        match (language, film.marvel) {
            ("en", Some(marvel)) => marvel.overview.to_owned(),
            ("en", None) if dice.percent(88) => words::english_overview(&mut dice),
            ("de", None) if dice.percent(45) => words::german_overview(&mut dice),
            _ => String::new(),
        }
    }

    /// The tagline in `language`.
    pub(super) fn tagline(&self, film: &Film, language: &str) -> &'static str {
        let mut dice = self.dice("tagline", film.id);
        match (language, film.marvel) {
            ("en", Some(marvel)) => marvel.tagline,
            ("en", None) if dice.percent(44) => words::tagline(&mut dice),
            _ => "",
        }
    }

    /// The numbers of a film's keywords, ascending.
    pub(super) fn keywords(&self, id: u32) -> Vec<u32> {
        let mut dice = self.dice("keywords", id);
        let count = dice.below(12);
        let mut numbers: Vec<u32> = (0..count).map(|_| dice.skewed(words::KEYWORDS_TOTAL, 1)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

fn marvel_facts(marvel: &'static MarvelFilm, place: u32, dice: &mut Dice) -> Film {
    let mut genres = [0; 4];
    let count = marvel.genres.len().min(genres.len());
    genres[..count].copy_from_slice(&marvel.genres[..count]);
    Film {
        id: marvel.id,
        place,
        marvel: Some(marvel),
        language: &LANGUAGES[0],
        date: marvel.date,
        runtime: marvel.runtime,
        budget: marvel.budget,
        revenue: marvel.revenue,
        genres,
        genres_len: u8::try_from(count).expect("at most four"),
        popularity: 150_000 + dice.below(400_000),
        vote_average: 10 * (6_300 + dice.below(2_000)),
        vote_count: 8_000 + dice.below(24_000),
        adult: false,
        video: false,
        has_poster: true,
        has_backdrop: true,
    }
}

fn invented_facts(id: u32, dice: &mut Dice) -> Film {
    let other = 1 + dice.below(12) as usize;
    let language = if dice.percent(50) { &LANGUAGES[0] } else { &LANGUAGES[other] };
    let year = 2026 - dice.skewed(100, 1);
    let date =
        if dice.percent(6) { 0 } else { year * 10_000 + (1 + dice.below(12)) * 100 + 1 + dice.below(28) };
    let runtime = if dice.percent(15) { 0 } else { 3 + dice.below(60) + dice.below(110) };
    let budget = if dice.percent(74) { 0 } else { 1 + u64::from(dice.skewed(250_000_000, 2)) };
    let revenue = match dice.below(100) {
        _ if date > TODAY => 0,
        0..75 => 0,
        75 => 2_150_000_000 + u64::from(dice.below(1_900_000_000)),
        _ => 1 + u64::from(dice.skewed(900_000_000, 2)),
    };
    let mut genres = [0; 4];
    let mut genres_len = 0_u8;
    for _ in 0..dice.below(4) {
        let genre = u8::try_from(dice.below(19)).expect("below 19");
        if !genres[..usize::from(genres_len)].contains(&genre) {
            genres[usize::from(genres_len)] = genre;
            genres_len += 1;
        }
    }
    let vote_count = if date > TODAY || dice.percent(18) { 0 } else { 1 + dice.skewed(20_000, 2) };
    Film {
        id,
        place: id.saturating_add(OFFSET),
        marvel: None,
        language,
        date,
        runtime,
        budget,
        revenue,
        genres,
        genres_len,
        popularity: dice.skewed(600_000, 2),
        vote_average: if vote_count == 0 { 0 } else { 10 * (2_500 + dice.below(3_500) + dice.below(3_500)) },
        vote_count,
        adult: dice.percent(2),
        video: dice.percent(2),
        has_poster: dice.percent(80),
        has_backdrop: dice.percent(59),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATALOGUE: Catalogue = Catalogue { seed: 0, films: 20_000 };

    fn share(of: impl Fn(&Film) -> bool) -> usize {
        let films: Vec<Film> = CATALOGUE.ids().map(|id| CATALOGUE.facts(id)).collect();
        1000 * films.iter().filter(|film| of(film)).count() / films.len()
    }

    #[test]
    fn about_three_percent_of_ids_are_missing() {
        let missing = (1..=20_000).filter(|&id| !CATALOGUE.exists(id)).count();
        assert!((400..800).contains(&missing), "{missing}");
        assert!(!CATALOGUE.exists(0));
        assert!(!CATALOGUE.exists(20_001));
        assert!(CATALOGUE.exists(299_534));
    }

    #[test]
    fn every_place_holds_at_most_one_film_and_every_film_has_one() {
        for place in 0..CATALOGUE.places() {
            if let Some(id) = CATALOGUE.id_at(place) {
                assert_eq!(CATALOGUE.facts(id).place, place);
            }
        }
        assert_eq!(CATALOGUE.ids().count(), (1..=700_000).filter(|&id| CATALOGUE.exists(id)).count());
    }

    #[test]
    fn oddities_are_as_common_as_in_the_real_catalogue() {
        let check = |per_mille: std::ops::Range<usize>, of: fn(&Film) -> bool| {
            let found = share(of);
            assert!(per_mille.contains(&found), "{found} in 1000, expected {per_mille:?}");
        };
        check(450..550, |film| film.language.code == "en");
        check(40..80, |film| film.date == 0);
        check(120..180, |film| film.runtime == 0);
        check(700..800, |film| film.revenue == 0);
        check(2..30, |film| film.revenue > 2_147_483_647);
        check(120..240, |film| film.vote_count == 0 && film.vote_average == 0);
        check(5..40, |film| film.adult);
        check(5..40, |film| film.video);
        check(150..250, |film| !film.has_poster);
    }

    #[test]
    fn facts_do_not_depend_on_the_size_of_the_catalogue() {
        let small = Catalogue { films: 100, ..CATALOGUE };
        for id in 1..=100 {
            assert_eq!(small.exists(id), CATALOGUE.exists(id));
            assert_eq!(format!("{:?}", small.facts(id)), format!("{:?}", CATALOGUE.facts(id)));
        }
    }

    #[test]
    fn another_seed_is_another_catalogue() {
        let other = Catalogue { seed: 1, ..CATALOGUE };
        let title = |catalogue: Catalogue| catalogue.original_title(&catalogue.facts(5));
        assert!((1..50).any(|id| other.facts(id).popularity != CATALOGUE.facts(id).popularity));
        assert_eq!(title(CATALOGUE), title(CATALOGUE));
    }
}
