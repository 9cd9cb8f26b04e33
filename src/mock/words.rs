//! How texts are put together from the vocabulary: titles, overviews, names.
//!
//! Nothing here knows of ids or JSON: a throw of dice goes in, a text comes out.

use super::dice::Dice;
use super::vocabulary::{
    ADJECTIVES, DEEDS, FIRST_NAMES, GENRES, GERMAN_DEEDS, HEROES, KEYWORDS, LANGUAGES, LAST_NAMES, Language,
    NOUNS, ODD_TITLES, ORIGINAL_NAMES, PLACES, ROLES, TAGLINES,
};

/// How many keywords there are: each word in five shades.
pub(super) const KEYWORDS_TOTAL: u32 = 100;

/// The English title of an invented film.
pub(super) fn english_title(dice: &mut Dice) -> String {
    let (adjective, noun, other) = (dice.pick(ADJECTIVES), dice.pick(NOUNS), dice.pick(NOUNS));
    match dice.below(24) {
        0..=8 => format!("The {adjective} {noun}"),
        9..=12 => format!("{adjective} {noun}"),
        13 | 14 => format!("{noun} & {other}"),
        15 | 16 => format!("The {noun}'s {other}"),
        17 => format!("{noun}: Part {}", 2 + dice.below(4)),
        18 => format!("The \"{adjective}\" {noun}"),
        19..=21 => format!("{noun} of the {adjective} {other}"),
        22 => format!("{} {noun}", dice.pick(FIRST_NAMES)),
        _ => dice.pick(ODD_TITLES).to_owned(),
    }
}

/// A title in the language that the film is made in, which is not English.
pub(super) fn native_title(dice: &mut Dice, language: &Language) -> String {
    let (title, suffix) = (dice.pick(language.titles), dice.pick(language.suffixes));
    match dice.below(4) {
        0 => format!("{title}{suffix} {}", 1 + dice.below(9)),
        _ => format!("{title}{suffix}"),
    }
}

/// One to three sentences; some films have their line breaks.
pub(super) fn english_overview(dice: &mut Dice) -> String {
    let mut text = String::with_capacity(300);
    let sentences = 1 + dice.below(3);
    let line_break = dice.percent(6);
    for n in 0..sentences {
        if n > 0 {
            text.push_str(if line_break { "\r\n\r\n" } else { " " });
        }
        let (place, hero, deed) = (dice.pick(PLACES), dice.pick(HEROES), dice.pick(DEEDS));
        match dice.below(3) {
            0 => text.extend(["In ", place, ", ", hero, " ", deed, "."]),
            1 => text.extend(["When the lights go out in ", place, ", ", hero, " ", deed, "."]),
            _ => {
                text.extend([
                    "“Stay,” says the sea. Between ",
                    place,
                    " and morning, ",
                    hero,
                    " ",
                    deed,
                    "!",
                ]);
            }
        }
    }
    text
}

/// The German title of a film that has one.
pub(super) fn german_title(dice: &mut Dice) -> String {
    native_title(dice, &LANGUAGES[4])
}

/// The German overview of a film that has one.
pub(super) fn german_overview(dice: &mut Dice) -> String {
    format!("Jemand {}. Und über der Stadt wird es früh dunkel.", dice.pick(GERMAN_DEEDS))
}

/// A tagline.
pub(super) fn tagline(dice: &mut Dice) -> &'static str {
    dice.pick(TAGLINES)
}

/// The name of a person, and the one in their own script if that differs.
pub(super) fn person_name(dice: &mut Dice) -> (String, Option<&'static str>) {
    let name = format!("{} {}", dice.pick(FIRST_NAMES), dice.pick(LAST_NAMES));
    let original = dice.percent(10).then(|| dice.pick(ORIGINAL_NAMES));
    (name, original)
}

/// Who is played.
pub(super) fn role(dice: &mut Dice) -> &'static str {
    dice.pick(ROLES)
}

/// The name of keyword `number`, which is below [`KEYWORDS_TOTAL`].
pub(super) fn keyword(number: u32) -> String {
    let count = u32::try_from(KEYWORDS.len()).expect("a short list");
    let word = KEYWORDS[(number % count) as usize];
    match number / count {
        0 => word.to_owned(),
        shade => format!("{word} ({})", ["", "1920s", "1970s", "parody", "short"][shade as usize]),
    }
}

/// The name of a company.
pub(super) fn company(dice: &mut Dice) -> String {
    format!(
        "{} {} {}",
        dice.pick(ADJECTIVES),
        dice.pick(NOUNS),
        dice.pick(&["Pictures", "Films", "Film & TV", "GmbH"])
    )
}

/// Where somebody was born.
pub(super) fn birthplace(dice: &mut Dice) -> &'static str {
    dice.pick(&[
        "Lyon, France",
        "São Paulo, Brazil",
        "Kraków, Poland",
        "Osaka, Japan",
        "Galway, Ireland",
        "Lagos, Nigeria",
    ])
}

/// The German name of a genre, or the English one.
pub(super) fn genre_name(index: u8, german: bool) -> &'static str {
    let (_, english, deutsch) = GENRES[usize::from(index)];
    if german { deutsch } else { english }
}
