//! What TMDB can append to the document of an entity (developer.themoviedb.org, "Append To Response", and the entity's
//! own pages): one table, with the size that each part has for a title that many know.
//!
//! Does not belong here: whether something is appended (`fusion`).
//!
//! What needs a user's session (`account_states`) is left out, as no request of ours has one.

use super::split::IdAt;

/// A name for `append_to_response`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Appendable {
    pub name: &'static str,
    /// Where the stand-alone answer has an `id`, which the appended object lacks.
    pub id: Option<IdAt>,
    /// KiB of JSON in recorded answers about well-known titles; most titles have less. 1 is less than one, too.
    pub kib: u64,
}

const fn part(name: &'static str, id: Option<IdAt>, kib: u64) -> Appendable {
    Appendable { name, id, kib }
}

const NONE: Option<IdAt> = None;
const FIRST: Option<IdAt> = Some(IdAt::First);
const SECOND: Option<IdAt> = Some(IdAt::Second);
const LAST: Option<IdAt> = Some(IdAt::Last);

const MOVIE: [Appendable; 14] = [
    part("alternative_titles", FIRST, 1),
    part("changes", NONE, 1),
    part("credits", FIRST, 142),
    part("external_ids", FIRST, 1),
    part("images", SECOND, 33),
    part("keywords", FIRST, 1),
    part("lists", FIRST, 4),
    part("recommendations", NONE, 13),
    part("release_dates", FIRST, 10),
    part("reviews", FIRST, 6),
    part("similar", NONE, 12),
    part("translations", FIRST, 34),
    part("videos", FIRST, 3),
    part("watch/providers", FIRST, 61),
];

const TV: [Appendable; 17] = [
    part("aggregate_credits", LAST, 74),
    part("alternative_titles", FIRST, 1),
    part("changes", NONE, 1),
    part("content_ratings", LAST, 1),
    part("credits", LAST, 9),
    part("episode_groups", FIRST, 2),
    part("external_ids", FIRST, 1),
    part("images", SECOND, 51),
    part("keywords", FIRST, 1),
    part("lists", FIRST, 2),
    part("recommendations", NONE, 13),
    part("reviews", FIRST, 3),
    part("screened_theatrically", FIRST, 1),
    part("similar", NONE, 13),
    part("translations", FIRST, 25),
    part("videos", FIRST, 1),
    part("watch/providers", FIRST, 32),
];

const SEASON: [Appendable; 7] = [
    part("aggregate_credits", LAST, 32),
    part("credits", LAST, 6),
    part("external_ids", FIRST, 1),
    part("images", FIRST, 8),
    part("translations", FIRST, 5),
    part("videos", FIRST, 4),
    part("watch/providers", FIRST, 32),
];

const EPISODE: [Appendable; 5] = [
    part("credits", LAST, 7),
    part("external_ids", FIRST, 1),
    part("images", FIRST, 1),
    part("translations", FIRST, 5),
    part("videos", FIRST, 3),
];

const PERSON: [Appendable; 8] = [
    part("changes", NONE, 1),
    part("combined_credits", LAST, 160),
    part("external_ids", FIRST, 1),
    part("images", FIRST, 5),
    part("movie_credits", LAST, 122),
    part("tagged_images", FIRST, 10),
    part("translations", FIRST, 15),
    part("tv_credits", LAST, 33),
];

const COLLECTION: [Appendable; 2] = [part("images", FIRST, 20), part("translations", FIRST, 5)];

const COMPANY: [Appendable; 3] =
    [part("alternative_names", FIRST, 1), part("images", FIRST, 1), part("movies", FIRST, 12)];

/// What can be appended to the document at `path`, a path as written; nothing where it is no document of an entity.
pub(super) fn appendable(path: &str) -> &'static [Appendable] {
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let parts: &[Appendable] = match segments.as_slice() {
        ["movie", _] => &MOVIE,
        ["tv", _] => &TV,
        ["tv", _, "season", _] => &SEASON,
        ["tv", _, "season", _, "episode", _] => &EPISODE,
        ["person", _] => &PERSON,
        ["collection", _] => &COLLECTION,
        ["company", _] => &COMPANY,
        _ => &[],
    };
    let of_one = segments.iter().skip(1).step_by(2).all(|segment| names_one(segment));
    if of_one { parts } else { &[] }
}

/// Whether a segment of a path stands for one of many: a placeholder, a number, an IMDb id. `popular` is none.
fn names_one(segment: &str) -> bool {
    let digits = segment.strip_prefix("tt").unwrap_or(segment);
    segment.contains('{') || digits.starts_with(|letter: char| letter.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documents_of_entities_have_parts() {
        let check = |path: &str, least: usize| {
            let parts = appendable(path);
            assert_eq!(parts.len(), least, "{path}");
            assert!(parts.is_sorted_by_key(|part| part.name), "{path}");
        };
        check("/movie/{id}", 14);
        check("/movie/603", 14);
        check("/movie/tt0133093", 14);
        check("/movie/tt{imdb}", 14);
        check("/tv/{id}", 17);
        check("/tv/{id}/season/{season}", 7);
        check("/tv/1396/season/{season}", 7);
        check("/tv/{id}/season/{season}/episode/{episode}", 5);
        check("/person/{id}", 8);
        check("/collection/{id}", 2);
        check("/company/{id}", 3);
        for path in [
            "/movie/popular",
            "/movie/changes",
            "/movie/{id}/similar",
            "/discover/movie",
            "/tv/{id}/season/latest",
            "/tv/{id}/episode/{n}",
            "/keyword/{id}",
            "/network/{id}",
            "/movie",
        ] {
            check(path, 0);
        }
    }
}
