//! Pages of films that belong to one subject: similar, recommendations, lists, changes.
//!
//! A page is computed from its number alone; nothing holds a whole list.

use jiff::civil::Date;

use super::catalogue::{Catalogue, Film};
use super::film_body::{ItemShape, View};
use super::json::Json;
use super::marvel::{MARVEL, MARVEL_FILMS};
use super::people::FIRST_PERSON;

/// Films on a page.
pub(super) const PER_PAGE: u32 = 20;
/// Rows on a page of changes.
pub(super) const CHANGES_PER_PAGE: u32 = 100;
/// How often a page looks for a film that is not on it yet, before it stays short.
const TRIES: u32 = 12;

/// One page of a list.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) ids: Vec<u32>,
    pub(super) total_pages: u32,
    pub(super) total_results: u32,
}

/// The order in which a page's fields come is `page`, `results`, totals.
pub(super) fn put_totals(json: &mut Json, pages: u32, results: u32) {
    json.put_int("total_pages", pages);
    json.put_int("total_results", results);
}

impl View<'_> {
    /// Writes a page of films.
    pub(super) fn page_of(&self, json: &mut Json, shape: ItemShape, listed: &Listed) {
        json.put_int("page", self.page);
        self.items(json, "results", shape, &listed.ids);
        put_totals(json, listed.total_pages, listed.total_results);
    }

    pub(super) fn items(&self, json: &mut Json, name: &str, shape: ItemShape, ids: &[u32]) {
        json.key(name).array(|json| {
            for &id in ids {
                json.object(|json| self.item(json, &self.catalogue.facts(id), shape));
            }
        });
    }

    /// `/movie/{id}/similar`: another sample in every language, as TMDB's is.
    pub(super) fn similar(&self, film: &Film) -> Listed {
        let pool = self.catalogue.ids_bound();
        let mut dice = self.catalogue.dice("similar total", film.id);
        let wanted = match dice.below(50) {
            0 if film.marvel.is_none() => 0,
            _ => PER_PAGE * 2 + dice.skewed(8_000, 2),
        };
        let total = wanted.min(pool.saturating_sub(1));
        Listed {
            ids: self.similar_page(film, self.page, total),
            total_pages: total.div_ceil(PER_PAGE).max(1),
            total_results: total,
        }
    }

    fn similar_page(&self, film: &Film, page: u32, total: u32) -> Vec<u32> {
        let first = (page - 1).saturating_mul(PER_PAGE);
        let count = total.saturating_sub(first).min(PER_PAGE);
        let mut dice = self.catalogue.dice(self.language, film.id.wrapping_mul(512).wrapping_add(page));
        let mut ids = Vec::with_capacity(count as usize);
        // The order moves while somebody pages through it: now and then a film comes again.
        if page > 1 && count > 0 && dice.percent(15) {
            ids.extend(self.similar_page(film, page - 1, total).last());
        }
        while ids.len() < count as usize {
            let found = (0..TRIES).find_map(|_| {
                let id = self.catalogue.neighbour(film, &mut dice)?;
                (id != film.id && !ids.contains(&id)).then_some(id)
            });
            let Some(id) = found else { break };
            ids.push(id);
        }
        ids
    }

    /// `/movie/{id}/recommendations`: some pages have 21 films, and the last is the first of the next.
    pub(super) fn recommendations(&self, film: &Film) -> Listed {
        let mut dice = self.catalogue.dice("recommendations total", film.id);
        let total = (10 * dice.below(60)).min(self.catalogue.ids_bound().saturating_sub(1));
        let first = (self.page - 1).saturating_mul(PER_PAGE);
        let extra = u32::from(dice.percent(30));
        let end = total.min(first.saturating_add(PER_PAGE + extra));
        let id_of = |rank: u32| {
            let mut dice = self.catalogue.dice("recommended", film.id.wrapping_mul(1_021).wrapping_add(rank));
            (0..TRIES).find_map(|_| self.catalogue.neighbour(film, &mut dice).filter(|&id| id != film.id))
        };
        Listed {
            ids: (first..end).filter_map(id_of).collect(),
            total_pages: total.div_ceil(PER_PAGE).max(1),
            total_results: total,
        }
    }

    /// `/list/{id}`: list 1 is the Marvel films in the order of the table.
    pub(super) fn list(&self, id: u32) -> Option<impl FnOnce(&mut Json)> {
        if id == 0 || id > 10_000 {
            return None;
        }
        let mut dice = self.catalogue.dice("list", id);
        let films: Vec<u32> = match id {
            1 => MARVEL.films.iter().map(|film| film.id).collect(),
            _ => (0..10 + dice.below(90))
                .filter_map(|_| self.catalogue.id_listed_at(dice.below(self.catalogue.places())))
                .collect(),
        };
        let total = u32::try_from(films.len()).expect("about a hundred");
        Some(move |json: &mut Json| {
            let first = ((self.page - 1).saturating_mul(PER_PAGE)).min(total) as usize;
            let end = total.min(self.page.saturating_mul(PER_PAGE)) as usize;
            json.put_str("created_by", "somebody");
            json.put_str("description", "");
            json.put_int("favorite_count", 0_u32);
            json.put_int("id", id);
            json.put_str("iso_639_1", "en");
            json.put_int("item_count", total);
            self.items(json, "items", ItemShape::Typed, &films[first..end.max(first)]);
            json.put_str("name", if id == 1 { "Marvel films" } else { "A list" });
            json.put_int("page", self.page);
            json.put_null("poster_path");
            put_totals(json, total.div_ceil(PER_PAGE), total);
        })
    }

    /// `/{kind}/changes` of these days: 100 on a page, `adult: null` for ids that are gone.
    pub(super) fn changes(&self, json: &mut Json, kind: &str, days: &ChangedDays) {
        let catalogue = self.catalogue;
        let first = if kind == "person" { FIRST_PERSON } else { 1 };
        let count = if kind == "person" { catalogue.people_total() } else { catalogue.films };
        let total = days.count(count);
        let skip = (self.page - 1).saturating_mul(CHANGES_PER_PAGE);
        json.key("results").array(|json| {
            for number in skip..total.min(skip.saturating_add(CHANGES_PER_PAGE)) {
                let id = first + days.nth(number);
                let adult = match kind {
                    "movie" => catalogue.film(id).map(|film| film.adult),
                    "tv" => catalogue.series(id).map(|_| false),
                    _ => catalogue.person(id).map(|_| false),
                };
                json.object(|json| {
                    json.put_int("id", id);
                    for name in ["adult", "softcore"] {
                        match adult {
                            Some(adult) => json.put_bool(name, adult && name == "adult"),
                            None => json.put_null(name),
                        }
                    }
                });
            }
        });
        json.put_int("page", self.page);
        put_totals(json, total.div_ceil(CHANGES_PER_PAGE).max(1), total);
    }
}

/// Days of which one changes the same ids as another: on each of them a hundredth of all, as at TMDB.
const CHANGES_CYCLE: u32 = 97;

/// What changed on some days: a list of some days has what the lists of each have, and no page holds another.
#[derive(Debug)]
pub(super) struct ChangedDays {
    /// Places in each block of [`CHANGES_CYCLE`] ids, ascending.
    places: Vec<u32>,
}

impl ChangedDays {
    /// From `first` to `last`, both included.
    pub(super) fn new(first: Date, last: Date) -> Self {
        let day = |date: Date| (date - Date::constant(2012, 10, 5)).get_days().rem_euclid(97).unsigned_abs();
        let days = (last - first).get_days().unsigned_abs() + 1;
        let mut places: Vec<u32> = (0..days).map(|more| (day(first) + more) % CHANGES_CYCLE).collect();
        places.sort_unstable();
        places.dedup();
        Self { places }
    }

    /// How many of the first `ids` ids.
    fn count(&self, ids: u32) -> u32 {
        let here = u32::try_from(self.places.len()).expect("below the cycle");
        let rest = self.places.iter().filter(|place| **place < ids % CHANGES_CYCLE).count();
        ids / CHANGES_CYCLE * here + u32::try_from(rest).expect("below the cycle")
    }

    /// Place of the id with this number among them.
    fn nth(&self, number: u32) -> u32 {
        let here = u32::try_from(self.places.len()).expect("below the cycle");
        number / here * CHANGES_CYCLE + self.places[(number % here) as usize]
    }
}

impl Catalogue {
    /// Films that a list may name, a few of which are gone.
    fn ids_bound(&self) -> u32 {
        self.films.saturating_add(MARVEL_FILMS)
    }

    /// A film near another one: for a Marvel film often a Marvel film, else half from around it and half
    /// from the few that everything is similar to, so that crawls meet again.
    fn neighbour(&self, film: &Film, dice: &mut super::dice::Dice) -> Option<u32> {
        let place = if film.marvel.is_some() && dice.percent(50) {
            dice.below(MARVEL_FILMS)
        } else if dice.percent(50) {
            let block = film.place & !0xFFF;
            let size = self.places().saturating_sub(block).min(0x1000);
            block + dice.below(size)
        } else {
            dice.skewed(self.places(), 2)
        };
        let id = self.id_listed_at(place)?;
        (self.exists(id) || dice.percent(30)).then_some(id)
    }
}
