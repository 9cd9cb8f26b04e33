//! `format` and `compression` of an output.
//!
//! Invariant: a format stands with a codec that it has; no other pair can be written down.

/// The format of a table's file, with a codec that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Parquet; its pages are compressed.
    Parquet(ParquetCodec),
    /// An Arrow IPC file; the buffers of its batches are compressed.
    Arrow(ArrowCodec),
}

/// Codec of a Parquet file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParquetCodec {
    /// Zstandard, level 1.
    #[default]
    Zstd,
    /// Snappy, for readers without Zstandard.
    Snappy,
    /// None.
    None,
}

/// Codec of an Arrow file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ArrowCodec {
    /// None: a reader may map the file into memory and use it as it is.
    #[default]
    None,
    /// Zstandard, level 1.
    Zstd,
    /// LZ4 frames.
    Lz4,
}

impl Format {
    /// `format` as it is written in a pipeline file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet(_) => "parquet",
            Self::Arrow(_) => "arrow",
        }
    }

    /// `compression` as it is written in a pipeline file.
    pub fn compression(self) -> &'static str {
        match self {
            Self::Parquet(ParquetCodec::Zstd) | Self::Arrow(ArrowCodec::Zstd) => "zstd",
            Self::Parquet(ParquetCodec::Snappy) => "snappy",
            Self::Arrow(ArrowCodec::Lz4) => "lz4",
            Self::Parquet(ParquetCodec::None) | Self::Arrow(ArrowCodec::None) => "none",
        }
    }
}
