//! The Marvel films: real ids, titles, dates, runtimes, money, genres, IMDb ids, directors and first-billed
//! cast, from `marvel.tsv`; every sentence about them is our own, from `marvel_words.tsv`.
//!
//! Ids of collections and of most people are ours too: stable, and not TMDB's. The people in
//! [`KNOWN_PEOPLE`] have theirs, so that a pipeline can start from them here and there.

use std::sync::LazyLock;

use super::vocabulary::GENRES;

/// A film of the table.
#[derive(Debug)]
pub(super) struct MarvelFilm {
    pub(super) id: u32,
    pub(super) title: &'static str,
    /// `20080430` is 30 April 2008.
    pub(super) date: u32,
    pub(super) runtime: u32,
    pub(super) budget: u64,
    pub(super) revenue: u64,
    /// Places in [`GENRES`].
    pub(super) genres: Vec<u8>,
    pub(super) imdb_id: &'static str,
    /// Places in the table's people.
    pub(super) directors: Vec<u32>,
    /// Places in the table's people, by billing.
    pub(super) cast: Vec<u32>,
    /// Whom the cast plays.
    pub(super) roles: Vec<&'static str>,
    /// A place in the table's collections.
    pub(super) collection: Option<u32>,
    pub(super) tagline: &'static str,
    pub(super) overview: &'static str,
}

/// All of it, parsed once.
#[derive(Debug, Default)]
pub(super) struct Marvel {
    pub(super) films: Vec<MarvelFilm>,
    /// Names, in the order in which the table first mentions them.
    pub(super) people: Vec<&'static str>,
    /// The ids of these people.
    pub(super) person_ids: Vec<u32>,
    /// The same for collections.
    pub(super) collections: Vec<&'static str>,
}

impl Marvel {
    /// The place of film `id` in the table.
    pub(super) fn place(&self, id: u32) -> Option<u32> {
        let at = self.films.iter().position(|film| film.id == id)?;
        Some(place(at))
    }
}

/// The table.
pub(super) static MARVEL: LazyLock<Marvel> =
    LazyLock::new(|| parse(include_str!("marvel.tsv"), include_str!("marvel_words.tsv")));

/// How many films the table has.
pub(super) const MARVEL_FILMS: u32 = 28;

/// People whose ids on TMDB are known.
const KNOWN_PEOPLE: [(&str, u32); 11] = [
    ("Angelina Jolie", 11_701),
    ("Ben Mendelsohn", 77_335),
    ("Chris Evans", 16_828),
    ("Chris Hemsworth", 74_568),
    ("Jon Favreau", 15_277),
    ("Louis Leterrier", 18_865),
    ("Natalie Portman", 524),
    ("Robert Downey Jr.", 3_223),
    ("Samuel L. Jackson", 2_231),
    ("Scarlett Johansson", 1_245),
    ("Tom Hiddleston", 91_606),
];
/// Ids of the others start here.
const FIRST_PERSON: u32 = 1_001;

const SHAPE: &str = "the tables in the source tree are well-formed, with the same films in the same order";

fn parse(facts: &'static str, words: &'static str) -> Marvel {
    let mut marvel = Marvel::default();
    for (facts, words) in facts.lines().zip(words.lines()).skip(1) {
        let facts = columns::<10>(facts);
        let [id, collection, roles, tagline, overview] = columns(words);
        assert_eq!(facts[0], id, "{SHAPE}");
        let number = |at: usize| facts[at].parse::<u64>().expect(SHAPE);
        let small = |at: usize| facts[at].parse::<u32>().expect(SHAPE);
        let mut people =
            |at: usize| facts[at].split('|').map(|name| entry(&mut marvel.people, name)).collect();
        let (directors, cast) = (people(8), people(9));
        marvel.films.push(MarvelFilm {
            id: small(0),
            title: facts[1],
            date: facts[2].replace('-', "").parse().expect(SHAPE),
            runtime: small(3),
            budget: number(4),
            revenue: number(5),
            genres: facts[6].split('|').map(genre).collect(),
            imdb_id: facts[7],
            directors,
            cast,
            roles: roles.split('|').collect(),
            collection: (!collection.is_empty()).then(|| entry(&mut marvel.collections, collection)),
            tagline,
            overview,
        });
    }
    marvel.person_ids = (FIRST_PERSON..).zip(&marvel.people).map(person_id).collect();
    marvel
}

fn person_id((ours, name): (u32, &&str)) -> u32 {
    KNOWN_PEOPLE.iter().find(|(known, _)| known == name).map_or(ours, |&(_, id)| id)
}

fn columns<const N: usize>(line: &'static str) -> [&'static str; N] {
    line.split('\t').collect::<Vec<_>>().try_into().expect(SHAPE)
}

/// The place of `name`, which is added if it is new.
fn entry(names: &mut Vec<&'static str>, name: &'static str) -> u32 {
    let at = names.iter().position(|&known| known == name).unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    });
    place(at)
}

fn genre(name: &str) -> u8 {
    let at = GENRES.iter().position(|&(_, english, _)| english == name);
    u8::try_from(at.expect(SHAPE)).expect("there are 19 genres")
}

fn place(at: usize) -> u32 {
    u32::try_from(at).expect("the tables are short")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_has_its_films_with_their_words() {
        assert_eq!(MARVEL.films.len(), MARVEL_FILMS as usize);
        let iron_man = &MARVEL.films[0];
        assert_eq!((iron_man.id, iron_man.title, iron_man.date), (1726, "Iron Man", 20_080_430));
        assert_eq!(MARVEL.people[iron_man.cast[0] as usize], "Robert Downey Jr.");
        assert_eq!(iron_man.roles[0], "Tony Stark / Iron Man");
        assert!(MARVEL.films.iter().all(|film| film.cast.len() == 3 && film.roles.len() == 3));
        assert!(MARVEL.films.iter().all(|film| film.genres.len() <= 4));
    }

    #[test]
    fn every_person_has_an_id_of_their_own_below_the_invented_ones() {
        let mut ids = MARVEL.person_ids.clone();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), MARVEL.people.len());
        assert!(ids.last().is_some_and(|&id| id < 100_000));
        let known = KNOWN_PEOPLE.iter().all(|(name, _)| MARVEL.people.contains(name));
        assert!(known, "a name of KNOWN_PEOPLE is not in the table");
    }
}
