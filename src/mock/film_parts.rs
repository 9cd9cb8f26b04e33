//! What hangs on a film: keywords, ids elsewhere, release dates, providers, credits, collections.
//!
//! As in `film_body`, every function writes the fields of an object that its caller has opened. Those with
//! an `id` of their own take it as an option, since appended objects lose it.

use super::catalogue::{Catalogue, Film};
use super::dice::Dice;
use super::film_body::{ItemShape, View, put_id, put_image, put_imdb_id};
use super::json::Json;
use super::marvel::{MARVEL, MARVEL_FILMS};
use super::people::credit_id;
use super::vocabulary::LANGUAGES;
use super::words;

/// Ids of keywords and collections start here; they are ours.
const FIRST_KEYWORD: u32 = 3_001;
const FIRST_MARVEL_COLLECTION: u32 = 700_001;
const FIRST_COLLECTION: u32 = 800_000;
/// Films that stand next to each other, of which the first few may be a collection.
pub(super) const COLLECTION_STRIDE: u32 = 8;
const COLLECTION_FILMS: u32 = 3;

impl View<'_> {
    /// The collection that a film belongs to.
    pub(super) fn collection_of(&self, film: &Film) -> Option<(u32, String)> {
        if let Some(marvel) = film.marvel {
            let at = marvel.collection?;
            return Some((FIRST_MARVEL_COLLECTION + at, MARVEL.collections[at as usize].to_owned()));
        }
        let within = film.place % COLLECTION_STRIDE < COLLECTION_FILMS;
        let id = FIRST_COLLECTION + film.place / COLLECTION_STRIDE;
        within.then(|| self.collection_name(id)).flatten().map(|name| (id, name))
    }

    /// The name of a collection, if there is one with this id.
    pub(super) fn collection_name(&self, id: u32) -> Option<String> {
        if let Some(number) = id.checked_sub(FIRST_COLLECTION) {
            let mut dice = self.catalogue.dice("collection", number);
            return dice.percent(50).then(|| format!("{} Collection", words::english_title(&mut dice)));
        }
        let at = id.checked_sub(FIRST_MARVEL_COLLECTION)? as usize;
        MARVEL.collections.get(at).map(|&name| name.to_owned())
    }

    /// The films of a collection that has a name.
    fn collection_films(&self, id: u32) -> Vec<u32> {
        if let Some(number) = id.checked_sub(FIRST_COLLECTION) {
            let first = number.saturating_mul(COLLECTION_STRIDE);
            let places = first..first.saturating_add(COLLECTION_FILMS);
            return places
                .filter(|&place| place >= MARVEL_FILMS)
                .filter_map(|place| self.catalogue.id_at(place))
                .collect();
        }
        let films = MARVEL.films.iter();
        films
            .filter(|film| film.collection.is_some_and(|at| FIRST_MARVEL_COLLECTION + at == id))
            .map(|film| film.id)
            .collect()
    }

    /// `/collection/{id}`; `None` where there is none or all its films are gone.
    pub(super) fn collection(&self, id: u32) -> Option<impl FnOnce(&mut Json)> {
        let name = self.collection_name(id)?;
        let films = self.collection_films(id);
        (!films.is_empty()).then_some(move |json: &mut Json| {
            let mut dice = self.catalogue.dice("collection image", id);
            json.put_int("id", id);
            json.put_str("name", &name);
            json.put_str("original_language", "en");
            json.put_str("original_name", &name);
            json.put_str("overview", if self.language == "en" { "Films that belong together." } else { "" });
            put_image(json, "poster_path", &mut dice, true);
            put_image(json, "backdrop_path", &mut dice, true);
            json.key("parts").array(|json| {
                for id in films {
                    json.object(|json| self.item(json, &self.catalogue.facts(id), ItemShape::Typed));
                }
            });
        })
    }

    /// `/movie/{id}/keywords`.
    pub(super) fn keywords(&self, json: &mut Json, film: &Film, id: Option<u32>) {
        put_id(json, id);
        json.key("keywords").array(|json| {
            for number in self.catalogue.keywords(film.id) {
                json.object(|json| {
                    json.put_int("id", FIRST_KEYWORD + number);
                    json.put_str("name", &words::keyword(number));
                });
            }
        });
    }

    /// `/movie/{id}/external_ids`.
    pub(super) fn external_ids(&self, json: &mut Json, film: &Film, id: Option<u32>) {
        put_id(json, id);
        put_imdb_id(json, film);
        let mut dice = self.catalogue.dice("external ids", film.id);
        if dice.percent(60) {
            json.key("wikidata_id").plain(format_args!("Q{}", 90_000_000 + film.id));
        } else {
            json.put_null("wikidata_id");
        }
        for name in ["facebook_id", "instagram_id", "twitter_id"] {
            match dice.below(10) {
                0 => json.put_str(name, ""),
                1 => json.key(name).plain(format_args!("film{}", film.id)),
                _ => json.put_null(name),
            }
        }
    }

    /// `/movie/{id}/release_dates`: the one place where dates are timestamps.
    pub(super) fn release_dates(&self, json: &mut Json, film: &Film, id: Option<u32>) {
        put_id(json, id);
        let mut dice = self.catalogue.dice("release dates", film.id);
        let date = film.date;
        json.key("results").array(|json| {
            for language in LANGUAGES.iter().take(if date == 0 { 0 } else { 1 + dice.below(5) as usize }) {
                json.object(|json| {
                    json.put_str("iso_3166_1", language.country);
                    json.key("release_dates").array(|json| {
                        for kind in [1_u32, 3].into_iter().skip(usize::from(dice.percent(70))) {
                            json.object(|json| {
                                json.put_str("certification", dice.pick(&["", "", "PG-13", "R", "12"]));
                                json.key("descriptors").array(|_| ());
                                json.put_str("iso_639_1", "");
                                json.put_str("note", dice.pick(&["", "", "", "Cannes Film Festival"]));
                                let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100);
                                let text = json.key("release_date");
                                text.plain(format_args!("{year:04}-{month:02}-{day:02}T00:00:00.000Z"));
                                json.put_int("type", kind);
                            });
                        }
                    });
                });
            }
        });
    }

    /// `/movie/{id}/watch/providers`: a map by country.
    pub(super) fn watch_providers(&self, json: &mut Json, film: &Film, id: Option<u32>) {
        put_id(json, id);
        let mut dice = self.catalogue.dice("providers", film.id);
        json.key("results").object(|json| {
            for language in LANGUAGES.iter().take(dice.below(6) as usize) {
                json.key(language.country).object(|json| {
                    let link = json.key("link");
                    link.plain(format_args!(
                        "https://www.example/movie/{}/watch?locale={}",
                        film.id, language.country
                    ));
                    for (kind, percent) in
                        [("ads", 10), ("buy", 60), ("flatrate", 40), ("free", 5), ("rent", 60)]
                    {
                        if dice.percent(percent) {
                            json.key(kind).array(|json| json.object(|json| put_provider(json, &mut dice)));
                        }
                    }
                });
            }
        });
    }

    /// `/movie/{id}/credits`.
    pub(super) fn credits(&self, json: &mut Json, film: &Film, id: Option<u32>) {
        put_id(json, id);
        json.key("cast").array(|json| {
            for part in self.catalogue.cast(film) {
                json.object(|json| {
                    self.person_fields(json, part.person);
                    json.put_int("cast_id", part.order + 1);
                    json.put_str("character", self.character(film, part.order));
                    json.put_str("credit_id", &credit_id(film.id, part.person.id(), "cast"));
                    json.put_int("order", part.order);
                });
            }
        });
        json.key("crew").array(|json| {
            for job in self.catalogue.crew(film) {
                json.object(|json| {
                    self.person_fields(json, job.person);
                    json.put_str("credit_id", &credit_id(film.id, job.person.id(), job.job));
                    json.put_str("department", job.department);
                    json.put_str("job", job.job);
                });
            }
        });
    }

    /// Who the film's `order`-th part is.
    pub(super) fn character(&self, film: &Film, order: u32) -> &'static str {
        let roles = film.marvel.map(|marvel| &marvel.roles);
        match roles.and_then(|roles| roles.get(order as usize)) {
            Some(role) => role,
            None => {
                words::role(&mut self.catalogue.dice("role", film.id.wrapping_mul(16).wrapping_add(order)))
            }
        }
    }
}

/// The number of the keyword with this id, and its name.
pub(super) fn keyword(id: u32) -> Option<(u32, String)> {
    let number = id.checked_sub(FIRST_KEYWORD)?;
    (number < words::KEYWORDS_TOTAL).then(|| (number, words::keyword(number)))
}

/// The keyword of this number: its id and name.
pub(super) fn keyword_id(number: u32) -> Option<(u32, String)> {
    let id = FIRST_KEYWORD + number;
    keyword(id).map(|(_, name)| (id, name))
}

/// The id of the collection of this number, if it has one of its own.
pub(super) fn collection_id(number: u32) -> Option<u32> {
    FIRST_COLLECTION.checked_add(number)
}

/// Writes what a film says of its collection.
pub(super) fn put_collection_head(json: &mut Json, catalogue: &Catalogue, id: u32, name: &str) {
    let mut dice = catalogue.dice("collection image", id);
    json.put_int("id", id);
    json.put_str("name", name);
    put_image(json, "poster_path", &mut dice, true);
    put_image(json, "backdrop_path", &mut dice, true);
}

fn put_provider(json: &mut Json, dice: &mut Dice) {
    let number = dice.below(40);
    put_image(json, "logo_path", dice, true);
    json.put_int("provider_id", 2 + number);
    json.key("provider_name").plain(format_args!("Stream {number}"));
    json.put_int("display_priority", dice.below(200));
}
