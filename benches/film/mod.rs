//! The film of these benches and its table. Its body has TMDB's fields, order and lengths; its contents are made up.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use serde_json::{Value, json};
use tmdb_etl::plan::expr::Expr;
use tmdb_etl::plan::{ColumnPlan, TablePlan};
use tmdb_etl::spec::{ColumnType, Format, OnMismatch, Order, ParquetCodec, Span, StageId};

/// A film as `/movie/{id}` answers it, about 2 KB.
pub fn film() -> Value {
    json!({
        "adult": false,
        "backdrop_path": "/aAbBcCdDeEfFgGhHiIjJkKlLmMn.jpg",
        "belongs_to_collection": {"id": 2001, "name": "The Lighthouse Collection",
            "poster_path": "/oOpPqQrRsStTuUvVwWxXyYzZaAb.jpg", "backdrop_path": "/cCdDeEfFgGhHiIjJkKlLmMnNoOp.jpg"},
        "budget": 140_000_000,
        "genres": [{"id": 28, "name": "Action"}, {"id": 878, "name": "Science Fiction"}, {"id": 12, "name": "Adventure"}],
        "homepage": "https://films.example/the-lighthouse-keeper",
        "id": 1726,
        "imdb_id": "tt0000001",
        "origin_country": ["US"],
        "original_language": "en",
        "original_title": "The Lighthouse Keeper",
        "overview": "When the lamp goes out for the first time in a hundred years, the keeper of a lighthouse on a forgotten \
            coast climbs down to the village and finds it empty. What follows is a winter of letters without senders, a \
            ship that returns every seventh night with one man fewer, and a \"light\" that was never meant for ships at \
            all \u{2013} until somebody has to decide what is to be seen from the sea.",
        "popularity": 41.377,
        "poster_path": "/qQrRsStTuUvVwWxXyYzZaAbBcCd.jpg",
        "production_companies": [
            {"id": 420, "logo_path": "/eEfFgGhHiIjJkKlLmMnNoOpPqQr.png", "name": "Northern Studios", "origin_country": "US"},
            {"id": 7505, "logo_path": null, "name": "Seventh Night Pictures", "origin_country": "GB"},
            {"id": 9, "logo_path": "/sSsTuUvVwWxXyYzZaAbBcCdDeEf.png", "name": "Fairview", "origin_country": "US"},
        ],
        "production_countries": [{"iso_3166_1": "US", "name": "United States of America"}],
        "release_date": "2008-04-30",
        "revenue": 585_174_222,
        "runtime": 126,
        "softcore": false,
        "spoken_languages": [
            {"english_name": "English", "iso_639_1": "en", "name": "English"},
            {"english_name": "Norwegian", "iso_639_1": "no", "name": "Norsk"},
        ],
        "status": "Released",
        "tagline": "Not every light leads home.",
        "title": "The Lighthouse Keeper",
        "video": false,
        "vote_average": 7.649,
        "vote_count": 27_126,
    })
}

/// A table of these columns: name, type, expression.
pub fn table(rows: Option<&str>, columns: &[(&str, ColumnType, &str)]) -> Arc<TablePlan> {
    let columns: Vec<_> = columns
        .iter()
        .map(|(name, column_type, value)| ColumnPlan {
            span: Span::default(),
            name: (*name).into(),
            column_type: column_type.clone(),
            value: Expr::compile(value).expect("an expression"),
            required: false,
            on_mismatch: OnMismatch::Null,
        })
        .collect();
    let fields: Vec<_> =
        columns.iter().map(|column| Field::new(&*column.name, column.column_type.arrow(), true)).collect();
    Arc::new(TablePlan {
        stage: StageId("films".into()),
        rows: rows.map(|rows| Expr::compile(rows).expect("an expression")),
        columns,
        schema: Arc::new(Schema::new(fields)),
        order: Order::Input,
        path: "films.parquet".into(),
        layout: tmdb_etl::spec::Layout::default(),
        sort_by: Vec::new(),
        upsert: None,
        format: Format::Parquet(ParquetCodec::Zstd),
    })
}

/// Fifteen columns of a film.
pub fn films() -> Arc<TablePlan> {
    use ColumnType::{Date, Float64, Int32, Int64, String};
    let texts = ColumnType::List(Box::new(String));
    table(
        None,
        &[
            ("id", Int64, ".id"),
            ("imdb_id", String, ".imdb_id"),
            ("title", String, ".title"),
            ("original_language", String, ".original_language"),
            ("overview", String, ".overview"),
            ("release_date", Date, ".release_date"),
            ("runtime", Int32, ".runtime"),
            ("budget", Int64, ".budget"),
            ("revenue", Int64, ".revenue"),
            ("vote_average", Float64, ".vote_average"),
            ("vote_count", Int32, ".vote_count"),
            ("collection", String, ".belongs_to_collection.name"),
            ("genres", texts.clone(), "[.genres[].name]"),
            ("countries", texts, ".origin_country"),
            ("depth", Int32, "$meta.depth"),
        ],
    )
}
