//! Who made which film, computable in both directions without a table.
//!
//! ```text
//!            slot s: forward(place, s)
//!   film ───────────────────────────────▶ person
//!   place ◀─────────────────────────────  number
//!            slot s: back(number, s)
//! ```
//!
//! Every slot of a cast is a bijection between places of films and numbers of people. Even slots shuffle
//! within blocks of 64 (a troupe that plays together), odd ones within 4 096 (the rest of the business).
//! A film has the person of every slot below its length of cast; a person has the film of every slot,
//! turned back, whose cast is long enough. Invariant: the two always agree.

use super::catalogue::{Catalogue, Film};
use super::dice::{Dice, mix};
use super::marvel::{MARVEL, MARVEL_FILMS};

/// Ids of invented people start here, above those of the people in the Marvel table.
pub(super) const FIRST_PERSON: u32 = 100_000;

/// The longest cast.
const CAST_SLOTS: u32 = 14;
const TROUPE_BITS: u32 = 6;
const BUSINESS_BITS: u32 = 12;

/// Department and job of every slot of the crew.
const JOBS: [(&str, &str); 5] = [
    ("Directing", "Director"),
    ("Writing", "Screenplay"),
    ("Production", "Producer"),
    ("Editing", "Editor"),
    ("Sound", "Original Music Composer"),
];
/// What some directors do besides.
const SECOND_JOB: (&str, &str) = ("Writing", "Writer");

/// A person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Person {
    /// By place in the Marvel table.
    Marvel(u32),
    /// By number.
    Invented(u32),
}

impl Person {
    pub(super) fn id(self) -> u32 {
        match self {
            Self::Marvel(at) => MARVEL.person_ids[at as usize],
            Self::Invented(number) => FIRST_PERSON + number,
        }
    }
}

/// A part in a film: the film's `order`-th, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) film: u32,
    pub(super) person: Person,
    pub(super) order: u32,
}

/// A job in a film.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) film: u32,
    pub(super) person: Person,
    pub(super) department: &'static str,
    pub(super) job: &'static str,
}

/// Affine bijections of 2^`bits` numbers within the block that a number lies in.
#[derive(Clone, Copy, Debug)]
struct Shuffle {
    mask: u32,
    factor: u32,
    inverse: u32,
    base: u32,
    step: u32,
}

impl Shuffle {
    fn new(seed: u64, topic: &str, bits: u32, number: u32) -> Self {
        let mut dice = Dice::new(seed, topic, u64::from(number >> bits));
        let factor = dice.below(u32::MAX) | 1;
        // Newton's iteration for the inverse modulo 2^32 doubles the right bits each time, from 3 on.
        let inverse = (0..4).fold(factor, |inverse, _| {
            inverse.wrapping_mul(2_u32.wrapping_sub(factor.wrapping_mul(inverse)))
        });
        Self {
            mask: (1 << bits) - 1,
            factor,
            inverse,
            base: dice.below(u32::MAX),
            step: dice.below(u32::MAX) | 1,
        }
    }

    fn shift(&self, slot: u32) -> u32 {
        self.base.wrapping_add(self.step.wrapping_mul(slot))
    }

    fn forward(&self, place: u32, slot: u32) -> u32 {
        let within = place.wrapping_mul(self.factor).wrapping_add(self.shift(slot));
        (place & !self.mask) | (within & self.mask)
    }

    fn back(&self, number: u32, slot: u32) -> u32 {
        let within = number.wrapping_sub(self.shift(slot)).wrapping_mul(self.inverse);
        (number & !self.mask) | (within & self.mask)
    }
}

/// The shuffles around one film or one person: blocks are the same on both sides.
struct Slots {
    troupe: Shuffle,
    business: Shuffle,
    crew: Shuffle,
}

impl Slots {
    fn cast(&self, slot: u32) -> (&Shuffle, u32) {
        let shuffle = if slot.is_multiple_of(2) { &self.troupe } else { &self.business };
        (shuffle, slot / 2)
    }
}

impl Catalogue {
    fn slots(&self, number: u32) -> Slots {
        Slots {
            troupe: Shuffle::new(self.seed, "troupe", TROUPE_BITS, number),
            business: Shuffle::new(self.seed, "business", BUSINESS_BITS, number),
            crew: Shuffle::new(self.seed, "crew", BUSINESS_BITS, number),
        }
    }

    fn cast_len(&self, film: u32, place: u32) -> u32 {
        if place < MARVEL_FILMS {
            return 10;
        }
        let mut dice = self.dice("cast", film);
        if dice.percent(4) { 0 } else { 3 + dice.below(CAST_SLOTS - 2) }
    }

    fn crew_len(&self, film: u32) -> u32 {
        self.dice("crew", film).below(6)
    }

    fn director_writes(&self, film: u32) -> bool {
        self.dice("writes", film).percent(25)
    }

    /// How many people a film has at the top of its cast that the Marvel table names.
    fn billed(place: u32) -> &'static [u32] {
        MARVEL.films.get(place as usize).map_or(&[], |film| &film.cast)
    }

    /// The cast of a film, by billing.
    pub(super) fn cast(&self, film: &Film) -> Vec<Part> {
        let slots = self.slots(film.place);
        let billed = Self::billed(film.place);
        let person = |order: u32| {
            if let Some(&at) = billed.get(order as usize) {
                return Person::Marvel(at);
            }
            let (shuffle, slot) = slots.cast(order);
            Person::Invented(shuffle.forward(film.place, slot))
        };
        (0..self.cast_len(film.id, film.place))
            .map(|order| Part { film: film.id, person: person(order), order })
            .collect()
    }

    /// The crew of a film; one person may have two jobs. Marvel films have their directors.
    pub(super) fn crew(&self, film: &Film) -> Vec<Work> {
        if let Some(marvel) = film.marvel {
            return marvel.directors.iter().map(|&at| direct(film.id, at)).collect();
        }
        let slots = self.slots(film.place);
        let mut jobs = Vec::new();
        for slot in 0..self.crew_len(film.id) {
            self.jobs_of(slot, film.id, slots.crew.forward(film.place, slot), &mut jobs);
        }
        jobs
    }

    fn jobs_of(&self, slot: u32, film: u32, number: u32, jobs: &mut Vec<Work>) {
        let person = Person::Invented(number);
        let (department, job) = JOBS[slot as usize];
        jobs.push(Work { film, person, department, job });
        if slot == 0 && self.director_writes(film) {
            let (department, job) = SECOND_JOB;
            jobs.push(Work { film, person, department, job });
        }
    }

    /// The person with this id, if there is one.
    pub(super) fn person(&self, id: u32) -> Option<Person> {
        if let Some(number) = id.checked_sub(FIRST_PERSON) {
            let numbers = self.places().next_multiple_of(1 << BUSINESS_BITS);
            return (number < numbers).then_some(Person::Invented(number));
        }
        let at = MARVEL.person_ids.iter().position(|&known| known == id)?;
        u32::try_from(at).ok().map(Person::Marvel)
    }

    /// How many people there are.
    pub(super) fn people_total(&self) -> u32 {
        self.places().next_multiple_of(1 << BUSINESS_BITS).saturating_add(marvel_people())
    }

    /// The person at a place below [`Catalogue::people_total`]: the Marvel people come first.
    pub(super) fn person_at(&self, place: u32) -> Option<Person> {
        match place.checked_sub(marvel_people()) {
            Some(number) => self.person(FIRST_PERSON.checked_add(number)?),
            None => Some(Person::Marvel(place)),
        }
    }

    /// The parts that a person has played, in films that exist.
    pub(super) fn parts(&self, person: Person) -> Vec<Part> {
        let number = match person {
            Person::Marvel(at) => return marvel_parts(at),
            Person::Invented(number) => number,
        };
        let slots = self.slots(number);
        let part = |order: u32| {
            let (shuffle, slot) = slots.cast(order);
            let place = shuffle.back(number, slot);
            let film = self.id_at(place)?;
            let has_it = Self::billed(place).len() <= order as usize && order < self.cast_len(film, place);
            has_it.then_some(Part { film, person, order })
        };
        (0..CAST_SLOTS).filter_map(part).collect()
    }

    /// The jobs that a person has done, in films that exist.
    pub(super) fn jobs(&self, person: Person) -> Vec<Work> {
        let number = match person {
            Person::Marvel(at) => return marvel_jobs(at),
            Person::Invented(number) => number,
        };
        let slots = self.slots(number);
        let mut jobs = Vec::new();
        for (slot, _) in (0_u32..).zip(JOBS) {
            let place = slots.crew.back(number, slot);
            if place >= MARVEL_FILMS
                && let Some(film) = self.id_at(place)
                && slot < self.crew_len(film)
            {
                self.jobs_of(slot, film, number, &mut jobs);
            }
        }
        jobs
    }
}

impl Catalogue {
    /// What somebody of the Marvel table is known for there.
    pub(super) fn marvel_department(&self, person: Person) -> &'static str {
        if self.parts(person).is_empty() { JOBS[0].0 } else { "Acting" }
    }
}

fn direct(film: u32, at: u32) -> Work {
    let (department, job) = JOBS[0];
    Work { film, person: Person::Marvel(at), department, job }
}

fn marvel_people() -> u32 {
    u32::try_from(MARVEL.person_ids.len()).expect("a few hundred")
}

fn marvel_parts(at: u32) -> Vec<Part> {
    let part = |film: &super::marvel::MarvelFilm| {
        let (order, _) = (0..).zip(&film.cast).find(|&(_, &person)| person == at)?;
        Some(Part { film: film.id, person: Person::Marvel(at), order })
    };
    MARVEL.films.iter().filter_map(part).collect()
}

fn marvel_jobs(at: u32) -> Vec<Work> {
    let directed = |film: &&super::marvel::MarvelFilm| film.directors.contains(&at);
    MARVEL.films.iter().filter(directed).map(|film| direct(film.id, at)).collect()
}

/// 24 hex digits that name one credit.
pub(super) fn credit_id(film: u32, person: u32, salt: &str) -> String {
    let high = mix(u64::from(film) << 32 | u64::from(person));
    let low = xxhash_rust::xxh3::xxh3_64_with_seed(salt.as_bytes(), high) >> 32;
    format!("{high:016x}{low:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_parts(catalogue: Catalogue) -> (Vec<Part>, Vec<Work>) {
        let films: Vec<Film> = catalogue.ids().map(|id| catalogue.facts(id)).collect();
        let parts = films.iter().flat_map(|film| catalogue.cast(film)).collect();
        let jobs = films.iter().flat_map(|film| catalogue.crew(film)).collect();
        (parts, jobs)
    }

    #[test]
    fn films_and_people_agree_about_every_part_and_job() {
        for (seed, films) in [(0, 1), (0, 100), (7, 5_000)] {
            let catalogue = Catalogue { seed, films };
            let (parts, jobs) = all_parts(catalogue);
            let mut people: Vec<u32> = parts.iter().map(|part| part.person.id()).collect();
            people.extend(jobs.iter().map(|job| job.person.id()));
            people.sort_unstable();
            people.dedup();
            let people: Vec<Person> = people.iter().map(|&id| catalogue.person(id).unwrap()).collect();
            let key = |part: &Part| (part.film, part.order);
            let mut forward = parts;
            let mut back: Vec<Part> = people.iter().flat_map(|&person| catalogue.parts(person)).collect();
            forward.sort_by_key(key);
            back.sort_by_key(key);
            assert!(forward == back, "seed {seed}, {films} films");
            let key = |job: &Work| (job.film, job.job, job.person.id());
            let mut forward = jobs;
            let mut back: Vec<Work> = people.iter().flat_map(|&person| catalogue.jobs(person)).collect();
            forward.sort_by_key(key);
            back.sort_by_key(key);
            assert!(forward == back, "seed {seed}, {films} films");
        }
    }

    #[test]
    fn people_play_in_several_films() {
        let catalogue = Catalogue { seed: 0, films: 20_000 };
        let (parts, _) = all_parts(catalogue);
        let once = parts.iter().filter(|part| catalogue.parts(part.person).len() == 1).count();
        assert!(once * 20 < parts.len(), "{once} of {}", parts.len());
    }

    #[test]
    fn first_billed_people_of_marvel_have_their_films() {
        let catalogue = Catalogue { seed: 3, films: 10 };
        let films = |name: &str| {
            let at = MARVEL.people.iter().position(|&person| person == name).unwrap();
            catalogue.parts(Person::Marvel(u32::try_from(at).unwrap())).len()
        };
        assert_eq!(films("Robert Downey Jr."), 9);
        assert_eq!(films("Tom Holland"), 3);
    }
}
