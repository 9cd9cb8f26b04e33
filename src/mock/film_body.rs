//! The bodies of films themselves: details and list items.
//!
//! Field order is the recorded one. Every function writes the fields of an object that its caller has
//! opened.

use super::catalogue::{Catalogue, Film};
use super::company::put_companies;
use super::dice::Dice;
use super::film_parts;
use super::json::Json;
use super::marvel::MARVEL;
use super::vocabulary::{GENRES, Language};
use super::words;

/// What every body depends on besides its subject.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) catalogue: &'a Catalogue,
    /// The primary subtag.
    pub(super) language: &'a str,
    pub(super) page: u32,
}

/// The two orders in which the fields of a list item come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemShape {
    /// As in similar, discover and search.
    Plain,
    /// As in recommendations, collections and trending: with `media_type`.
    Typed,
}

/// Writes the path of an image: 27 letters and digits.
pub(super) fn put_image(json: &mut Json, name: &str, dice: &mut Dice, there: bool) {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    if !there {
        return json.put_null(name);
    }
    let mut path = *b"/000000000000000000000000000.jpg";
    for letters in path[1..28].chunks_mut(9) {
        let mut bits = dice.bits();
        for letter in letters {
            *letter = LETTERS[usize::from(u8::try_from(bits % 62).expect("below 62"))];
            bits /= 62;
        }
    }
    json.put_str(name, std::str::from_utf8(&path).expect("letters and digits"));
}

/// Writes a date, or what stands for none.
pub(super) fn put_date(json: &mut Json, name: &str, date: u32) {
    match date {
        0 => json.put_str(name, ""),
        _ => put_known_date(json, name, date),
    }
}

pub(super) fn put_known_date(json: &mut Json, name: &str, date: u32) {
    let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100);
    json.key(name).plain(format_args!("{year:04}-{month:02}-{day:02}"));
}

pub(super) fn put_genres(json: &mut Json, genres: &[u8], german: bool) {
    json.key("genres").array(|json| {
        for &genre in genres {
            json.object(|json| {
                json.put_int("id", GENRES[usize::from(genre)].0);
                json.put_str("name", words::genre_name(genre, german));
            });
        }
    });
}

pub(super) fn put_genre_ids(json: &mut Json, genres: &[u8]) {
    json.key("genre_ids").array(|json| {
        for &genre in genres {
            json.int(GENRES[usize::from(genre)].0);
        }
    });
}

impl View<'_> {
    fn put_image_of(&self, json: &mut Json, name: &str, film: &Film, there: bool) {
        put_image(json, name, &mut self.catalogue.dice(name, film.id), there);
    }

    fn original_and_title(&self, film: &Film) -> (String, Option<String>) {
        (self.catalogue.original_title(film), self.catalogue.translated_title(film, self.language))
    }

    /// `/movie/{id}`.
    pub(super) fn details(&self, json: &mut Json, film: &Film) {
        let catalogue = self.catalogue;
        let mut dice = catalogue.dice("details", film.id);
        let (original, title) = self.original_and_title(film);
        let real = film.marvel.is_some();
        json.put_bool("adult", film.adult);
        self.put_image_of(json, "backdrop_path", film, film.has_backdrop);
        match self.collection_of(film) {
            Some((id, name)) => json
                .key("belongs_to_collection")
                .object(|json| film_parts::put_collection_head(json, catalogue, id, &name)),
            None => json.put_null("belongs_to_collection"),
        }
        json.put_int("budget", film.budget);
        put_genres(json, film.genres(), self.language == "de");
        if !real && dice.percent(41) {
            json.key("homepage").plain(format_args!("https://films.example/{}", film.id));
        } else {
            json.put_str("homepage", "");
        }
        json.put_int("id", film.id);
        put_imdb_id(json, film);
        // Bodies that have lain in TMDB's cache lack the fields that were added since.
        let has_origin = real || !dice.percent(3);
        let has_softcore = real || !dice.percent(4);
        if has_origin {
            json.key("origin_country").array(|json| json.str(film.language.country));
        }
        json.put_str("original_language", film.language.code);
        json.put_str("original_title", &original);
        json.put_str("overview", &catalogue.overview(film, self.language));
        json.put_decimal("popularity", film.popularity);
        self.put_image_of(json, "poster_path", film, film.has_poster);
        // Of a real film nothing is made up that reads like a fact.
        put_companies(json, "production_companies", catalogue, &catalogue.companies_of(film));
        json.key("production_countries").array(|json| {
            if real || dice.percent(80) {
                json.object(|json| {
                    json.put_str("iso_3166_1", film.language.country);
                    json.put_str("name", film.language.country_name);
                });
            }
        });
        put_date(json, "release_date", film.date);
        json.put_int("revenue", film.revenue);
        json.put_int("runtime", film.runtime);
        if has_softcore {
            json.put_bool("softcore", film.softcore());
        }
        json.key("spoken_languages").array(|json| {
            if real || dice.percent(85) {
                put_language(json, film.language);
            }
        });
        json.put_str("status", status(film, &mut dice));
        json.put_str("tagline", catalogue.tagline(film, self.language));
        json.put_str("title", title.as_ref().unwrap_or(&original));
        json.put_bool("video", film.video);
        json.put_decimal("vote_average", film.vote_average);
        json.put_int("vote_count", film.vote_count);
    }

    /// The fields of a film in a list.
    pub(super) fn item(&self, json: &mut Json, film: &Film, shape: ItemShape) {
        let (original, title) = self.original_and_title(film);
        let title = title.as_ref().unwrap_or(&original);
        let overview = self.catalogue.overview(film, self.language);
        let language = film.language.code;
        json.put_bool("adult", film.adult);
        self.put_image_of(json, "backdrop_path", film, film.has_backdrop);
        if shape == ItemShape::Plain {
            put_genre_ids(json, film.genres());
            json.put_int("id", film.id);
            json.put_str("title", title);
            json.put_str("original_language", language);
            json.put_str("original_title", &original);
            json.put_str("overview", &overview);
            json.put_decimal("popularity", film.popularity);
            self.put_image_of(json, "poster_path", film, film.has_poster);
        } else {
            json.put_int("id", film.id);
            json.put_str("title", title);
            json.put_str("original_title", &original);
            json.put_str("overview", &overview);
            self.put_image_of(json, "poster_path", film, film.has_poster);
            json.put_str("media_type", "movie");
            json.put_str("original_language", language);
            put_genre_ids(json, film.genres());
            json.put_decimal("popularity", film.popularity);
        }
        // A few items of films without a date lack the key rather than the value.
        if film.date != 0 || !film.id.is_multiple_of(5) {
            put_date(json, "release_date", film.date);
        }
        json.put_bool("softcore", film.softcore());
        json.put_bool("video", film.video);
        json.put_decimal("vote_average", film.vote_average);
        json.put_int("vote_count", film.vote_count);
    }
}

/// The invented film with this IMDb id; the real ones are in the Marvel table.
pub(super) fn film_of_imdb_id(text: &str) -> Option<u32> {
    let marvel = MARVEL.films.iter().find(|film| film.imdb_id == text);
    if let Some(film) = marvel {
        return Some(film.id);
    }
    text.strip_prefix("tt9").filter(|digits| digits.len() == 8)?.parse().ok()
}

pub(super) fn put_imdb_id(json: &mut Json, film: &Film) {
    match film.marvel {
        Some(marvel) => json.put_str("imdb_id", marvel.imdb_id),
        None if film.id % 11 < 2 => json.put_null("imdb_id"),
        None => json.key("imdb_id").plain(format_args!("tt9{:08}", film.id)),
    }
}

pub(super) fn put_id(json: &mut Json, id: Option<u32>) {
    if let Some(id) = id {
        json.put_int("id", id);
    }
}

pub(super) fn put_language(json: &mut Json, language: &Language) {
    json.object(|json| {
        json.put_str("english_name", language.english);
        json.put_str("iso_639_1", language.code);
        json.put_str("name", language.name);
    });
}

fn status(film: &Film, dice: &mut Dice) -> &'static str {
    match film.date {
        1..=super::catalogue::TODAY => "Released",
        0 => dice.pick(&["Released", "Planned", "Rumored", "Canceled"]),
        _ => dice.pick(&["Post Production", "In Production", "Planned"]),
    }
}
