//! The daily exports of ids, `/p/exports/<kind>_ids_MM_DD_YYYY.json.gz`: a line for everything there is, of any size.
//!
//! As at TMDB no credential is asked for, no rate limit counts them, and the lines have no order by id. The catalogue
//! stands still, so every day has the same file. One is made when it is first asked for and kept: at 1.2 million films
//! 40 MB; it is made in pieces, so that other answers need not wait for it.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::OnceCell;

use super::catalogue::Catalogue;
use super::company;
use super::film_body::View;
use super::film_parts;
use super::json::Json;

/// Lines between two moments for others.
const LINES_AT_ONCE: usize = 512;
/// The id at which TMDB's file of films begins; the others follow, and those before it come last.
const FIRST_LINE: u32 = 3_924;

/// The lists, in the order of [`KINDS`].
#[derive(Debug, Default)]
pub(super) struct Exports([OnceCell<Bytes>; 7]);

const KINDS: [&str; 7] =
    ["movie", "tv_series", "person", "collection", "tv_network", "keyword", "production_company"];

impl Exports {
    /// The file of this name; `None` if there is none.
    pub(super) async fn file(&self, catalogue: &Catalogue, name: &str) -> Option<Bytes> {
        let (kind, day) = name.strip_suffix(".json.gz")?.split_once("_ids_")?;
        let kind = KINDS.iter().position(|known| *known == kind)?;
        let [month, day, year] = day.split('_').collect::<Vec<_>>().try_into().ok()?;
        // A day that the calendar has, written as TMDB writes it.
        format!("{year}-{month}-{day}").parse::<jiff::civil::Date>().ok()?;
        Some(self.0[kind].get_or_init(|| file_of(catalogue, KINDS[kind])).await.clone())
    }
}

async fn file_of(catalogue: &Catalogue, kind: &str) -> Bytes {
    let view = View { catalogue, language: "en", page: 1 };
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    let places = view.catalogue.places_of(kind);
    let first = FIRST_LINE.min(places / 2);
    for (count, place) in (first..places).chain(0..first).enumerate() {
        if count.is_multiple_of(LINES_AT_ONCE) {
            tokio::task::yield_now().await;
        }
        let mut json = Json::new();
        let mut there = false;
        json.object(|json| there = view.export_line(json, kind, place));
        if there {
            let mut line = json.into_bytes();
            line.push(b'\n');
            packed.write_all(&line).expect("memory takes everything");
        }
    }
    packed.finish().expect("memory takes everything").into()
}

impl Catalogue {
    /// Places to look at for the lines of a list.
    fn places_of(&self, kind: &str) -> u32 {
        match kind {
            "movie" | "tv_series" => self.places(),
            "person" => self.people_total(),
            "collection" => self.places() / film_parts::COLLECTION_STRIDE,
            "keyword" => super::words::KEYWORDS_TOTAL,
            "production_company" => company::COMPANIES,
            _ => 0,
        }
    }
}

impl View<'_> {
    /// Writes the line of a list at a place, if there is something.
    fn export_line(&self, json: &mut Json, kind: &str, place: u32) -> bool {
        let named = |json: &mut Json, id: u32, name: &str| {
            json.put_int("id", id);
            json.put_str("name", name);
            true
        };
        match kind {
            "movie" => self.catalogue.id_at(place).is_some_and(|id| {
                let film = self.catalogue.facts(id);
                json.put_bool("adult", film.adult);
                json.put_int("id", id);
                json.put_str("original_title", &self.catalogue.original_title(&film));
                json.put_decimal("popularity", film.popularity);
                json.put_bool("video", film.video);
                true
            }),
            "tv_series" => self.catalogue.series(place).is_some_and(|series| {
                self.series_line(json, &series);
                true
            }),
            "person" => self.catalogue.person_at(place).is_some_and(|person| {
                self.person_line(json, person);
                true
            }),
            "collection" => film_parts::collection_id(place)
                .and_then(|id| Some((id, self.collection_name(id)?)))
                .is_some_and(|(id, name)| named(json, id, &name)),
            "keyword" => film_parts::keyword_id(place).is_some_and(|(id, name)| named(json, id, &name)),
            "production_company" => {
                let id = company::FIRST_COMPANY + place;
                named(json, id, &self.catalogue.company_name(id))
            }
            _ => false,
        }
    }
}
