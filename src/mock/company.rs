//! Companies: who made a film, and the bodies about one company.
//!
//! They are made up, but for the studio of the Marvel films, whose id on TMDB is [`MARVEL_STUDIOS`].

use super::catalogue::{Catalogue, Film};
use super::dice::Dice;
use super::film_body::{View, put_image};
use super::json::Json;
use super::vocabulary::LANGUAGES;
use super::words;

/// TMDB's id of the studio that made every film of the Marvel table.
const MARVEL_STUDIOS: u32 = 420;
/// Ids of the invented companies start here; they are ours.
pub(super) const FIRST_COMPANY: u32 = 1_001;
pub(super) const COMPANIES: u32 = 500;

/// `count` ids of invented companies, each once.
pub(super) fn draw_companies(dice: &mut Dice, count: u32) -> Vec<u32> {
    let mut ids: Vec<u32> = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let id = FIRST_COMPANY + dice.skewed(COMPANIES, 1);
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// Writes companies (or networks) as films and series name them.
pub(super) fn put_companies(json: &mut Json, name: &str, catalogue: &Catalogue, ids: &[u32]) {
    json.key(name).array(|json| {
        for &id in ids {
            let mut company = catalogue.company(id);
            json.object(|json| {
                json.put_int("id", id);
                put_image(json, "logo_path", &mut company.dice, company.has_logo);
                json.put_str("name", &company.name);
                json.put_str("origin_country", company.country);
            });
        }
    });
}

struct Company {
    name: String,
    country: &'static str,
    has_logo: bool,
    /// For what is drawn when it is written.
    dice: Dice,
}

impl Catalogue {
    /// The ids of the companies that made a film.
    pub(super) fn companies_of(&self, film: &Film) -> Vec<u32> {
        if film.marvel.is_some() {
            return vec![MARVEL_STUDIOS];
        }
        let mut dice = self.dice("companies", film.id);
        let count = if dice.percent(35) { 0 } else { 1 + dice.below(4) };
        draw_companies(&mut dice, count)
    }

    fn company(&self, id: u32) -> Company {
        let mut dice = self.dice("company", id);
        let has_logo = dice.percent(50);
        if id == MARVEL_STUDIOS {
            return Company { name: "Marvel Studios".to_owned(), country: "US", has_logo: true, dice };
        }
        let name = words::company(&mut dice);
        let country = if dice.percent(80) { LANGUAGES[dice.below(13) as usize].country } else { "" };
        Company { name, country, has_logo, dice }
    }

    /// The name of a company that is there.
    pub(super) fn company_name(&self, id: u32) -> String {
        self.company(id).name
    }

    /// Whether `/company/{id}` is there.
    pub(super) fn has_company(id: u32) -> bool {
        id == MARVEL_STUDIOS || (FIRST_COMPANY..FIRST_COMPANY + COMPANIES).contains(&id)
    }
}

impl View<'_> {
    /// `/company/{id}` of a company that is there. Nobody has written anything about any of them.
    pub(super) fn company(&self, json: &mut Json, id: u32) {
        let mut company = self.catalogue.company(id);
        json.put_str("description", "");
        json.put_str("headquarters", "");
        json.put_str("homepage", "");
        json.put_int("id", id);
        put_image(json, "logo_path", &mut company.dice, company.has_logo);
        json.put_str("name", &company.name);
        json.put_str("origin_country", company.country);
        json.put_null("parent_company");
    }
}
