//! The bodies about one person.
//!
//! Of the people in the Marvel table only the name is known, so everything else is what TMDB sends for
//! somebody about whom nobody has written anything. Here what is missing is null; in films it is "".

use super::dice::Dice;
use super::film_body::{ItemShape, View, put_id, put_image, put_known_date};
use super::json::Json;
use super::marvel::MARVEL;
use super::people::{Person, credit_id};
use super::words;

struct Facts {
    name: String,
    original_name: Option<&'static str>,
    gender: u32,
    adult: bool,
    department: Option<&'static str>,
    popularity: u32,
    has_profile: bool,
    dice: Dice,
}

impl View<'_> {
    fn person_facts(&self, person: Person) -> Facts {
        let mut dice = self.catalogue.dice("person", person.id());
        match person {
            Person::Marvel(at) => Facts {
                name: MARVEL.people[at as usize].to_owned(),
                original_name: None,
                gender: 0,
                adult: false,
                department: Some(self.catalogue.marvel_department(person)),
                popularity: 20_000 + dice.below(100_000),
                has_profile: true,
                dice,
            },
            Person::Invented(_) => {
                let (name, original_name) = words::person_name(&mut dice);
                let department = match dice.below(50) {
                    0 => None,
                    1..=5 => Some("Directing"),
                    6..=8 => Some("Writing"),
                    _ => Some("Acting"),
                };
                Facts {
                    name,
                    original_name,
                    gender: dice.below(4),
                    adult: dice.percent(1),
                    department,
                    popularity: dice.skewed(100_000, 2),
                    has_profile: dice.percent(60),
                    dice,
                }
            }
        }
    }

    /// The fields of a person in credits.
    pub(super) fn person_fields(&self, json: &mut Json, person: Person) {
        let mut facts = self.person_facts(person);
        json.put_bool("adult", facts.adult);
        json.put_int("gender", facts.gender);
        json.put_int("id", person.id());
        json.put_option("known_for_department", facts.department);
        json.put_str("name", &facts.name);
        json.put_str("original_name", facts.original_name.unwrap_or(&facts.name));
        json.put_decimal("popularity", facts.popularity);
        put_image(json, "profile_path", &mut facts.dice, facts.has_profile);
    }

    /// The line of a person in the export.
    pub(super) fn person_line(&self, json: &mut Json, person: Person) {
        let facts = self.person_facts(person);
        json.put_bool("adult", facts.adult);
        json.put_int("id", person.id());
        json.put_str("name", &facts.name);
        json.put_decimal("popularity", facts.popularity);
    }

    /// `/person/{id}`.
    pub(super) fn person(&self, json: &mut Json, person: Person) {
        let Facts { name, original_name, gender, adult, department, popularity, has_profile, mut dice } =
            self.person_facts(person);
        // The picture is the one in credits.
        let mut profile = dice.clone();
        let known = matches!(person, Person::Invented(_)) && dice.percent(60);
        let born = 1930 + dice.below(75);
        json.put_bool("adult", adult);
        json.key("also_known_as").array(|json| original_name.iter().for_each(|&name| json.str(name)));
        let biography = match (known && self.language == "en", dice.below(3)) {
            (true, 0) => {
                format!("{name} began on small stages.\n\nThe films came later, and then all at once.")
            }
            (true, 1) => format!("{name} is known for patience."),
            _ => String::new(),
        };
        json.put_str("biography", &biography);
        let (month, day) = (1 + dice.below(12), 1 + dice.below(28));
        if known {
            put_known_date(json, "birthday", born * 10_000 + month * 100 + day);
        } else {
            json.put_null("birthday");
        }
        if known && born < 1950 && dice.percent(40) {
            put_known_date(json, "deathday", (born + 60) * 10_000 + month * 100 + day);
        } else {
            json.put_null("deathday");
        }
        json.put_int("gender", gender);
        json.put_null("homepage");
        json.put_int("id", person.id());
        if known {
            json.key("imdb_id").plain(format_args!("nm9{:08}", person.id()));
        } else {
            json.put_null("imdb_id");
        }
        json.put_option("known_for_department", department);
        json.put_str("name", &name);
        json.put_option("place_of_birth", known.then(|| words::birthplace(&mut dice)));
        json.put_decimal("popularity", popularity);
        put_image(json, "profile_path", &mut profile, has_profile);
    }

    /// `/person/{id}/movie_credits`: not paged.
    pub(super) fn movie_credits(&self, json: &mut Json, person: Person, id: Option<u32>) {
        json.key("cast").array(|json| {
            for part in self.catalogue.parts(person) {
                let film = self.catalogue.facts(part.film);
                json.object(|json| {
                    self.item(json, &film, ItemShape::Plain);
                    json.put_str("character", self.character(&film, part.order));
                    json.put_str("credit_id", &credit_id(film.id, person.id(), "cast"));
                    json.put_int("order", part.order);
                });
            }
        });
        json.key("crew").array(|json| {
            for job in self.catalogue.jobs(person) {
                let film = self.catalogue.facts(job.film);
                json.object(|json| {
                    self.item(json, &film, ItemShape::Plain);
                    json.put_str("credit_id", &credit_id(film.id, person.id(), job.job));
                    json.put_str("department", job.department);
                    json.put_str("job", job.job);
                });
            }
        });
        put_id(json, id);
    }
}

/// `/person/{id}/external_ids`.
pub(super) fn person_external_ids(json: &mut Json, person: Person, id: Option<u32>) {
    put_id(json, id);
    json.put_null("freebase_mid");
    json.put_null("freebase_id");
    if person.id().is_multiple_of(3) {
        json.put_null("imdb_id");
    } else {
        json.key("imdb_id").plain(format_args!("nm9{:08}", person.id()));
    }
    json.put_null("tvrage_id");
    for name in ["wikidata_id", "facebook_id", "instagram_id", "tiktok_id", "twitter_id", "youtube_id"] {
        json.put_null(name);
    }
}
