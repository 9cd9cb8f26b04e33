//! How an answer goes over the wire: TMDB's headers, gzip, and bodies that break off.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::answer::{Answer, Kind};

/// Smaller bodies are sent as they are.
const GZIP_MIN_BYTES: usize = 256;

/// A body: whole, or breaking off after `bytes`.
///
/// Without an exact size hint HTTP/1.1 sends it in chunks, as TMDB does, so that a body that breaks off
/// is noticed by its end and not by its length.
#[derive(Debug)]
pub(super) struct Payload {
    bytes: Option<Bytes>,
    then: Then,
    /// The length that is told, if it is.
    told: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    End,
    /// Lets the connection send what it has before the break.
    Flush,
    Break,
}

impl Payload {
    fn whole(bytes: Bytes) -> Self {
        Self { bytes: Some(bytes), then: Then::End, told: None }
    }

    fn cut(bytes: &Bytes) -> Self {
        Self { bytes: Some(bytes.slice(..bytes.len() / 2)), then: Then::Flush, told: None }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.then {
            Then::End => Poll::Ready(None),
            Then::Flush => {
                self.then = Then::Break;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Then::Break => Poll::Ready(Some(Err(io::Error::other("the fault `cut` ends this body early")))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && self.then == Then::End
    }

    fn size_hint(&self) -> SizeHint {
        self.told.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// The response to a request; `cut` breaks its body off half way.
pub(super) fn response(
    answer: Answer,
    request: &HeaderMap,
    retry_after: bool,
    cut: bool,
) -> Response<Payload> {
    let Answer { status, body, max_age, kind } = answer;
    let zipped =
        (kind != Kind::File && body.len() >= GZIP_MIN_BYTES && accepts_gzip(request)).then(|| gzip(&body));
    let sent = zipped.clone().unwrap_or_else(|| body.clone());
    let told = (kind == Kind::File).then_some(sent.len() as u64);
    let payload = if cut { Payload::cut(&sent) } else { Payload::whole(sent) };
    let payload = Payload { told, ..payload };
    let mut response = Response::new(payload);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let content_type = match kind {
        Kind::Json => "application/json;charset=utf-8",
        Kind::Html => "text/html",
        Kind::File => "application/gzip",
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::SERVER, HeaderValue::from_static("openresty"));
    headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if zipped.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if status == 200 && kind != Kind::File {
        let etag = format!("W/\"{:032x}\"", xxh3_128(&body));
        insert(headers, header::ETAG, &etag);
        // What is left of the time for which TMDB's own cache holds the answer.
        let left = if max_age == 0 { 0 } else { xxh3_64(&body) % u64::from(max_age) };
        insert(headers, header::CACHE_CONTROL, &format!("public, max-age={left}"));
    }
    if status == 429 && retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    headers.insert(name, HeaderValue::from_str(value).expect("digits, letters and signs of ASCII"));
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(weight.trim(), "q=0" | "q=0.0")
    })
}

thread_local! {
    /// Making one costs more than compressing a film with it.
    static COMPRESS: RefCell<Compress> = RefCell::new(Compress::new(Compression::fast(), false));
}

/// A gzip member (RFC 1952) around deflated `body`.
fn gzip(body: &[u8]) -> Bytes {
    const HEADER: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 4, 0xFF];
    // Deflate can grow a body by five bytes in every 16 KiB at most.
    let mut out = Vec::with_capacity(body.len() + body.len() / 1_000 + 64);
    out.extend(HEADER);
    let deflated: Result<(), Infallible> = COMPRESS.with_borrow_mut(|compress| {
        compress.reset();
        let status = compress.compress_vec(body, &mut out, FlushCompress::Finish);
        assert!(matches!(status, Ok(flate2::Status::StreamEnd)), "the buffer is large enough for any body");
        Ok(())
    });
    let Ok(()) = deflated;
    let mut crc = Crc::new();
    crc.update(body);
    out.extend(crc.sum().to_le_bytes());
    out.extend(crc.amount().to_le_bytes());
    out.into()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn zipped_bodies_unzip_to_themselves() {
        let noise: Vec<u8> = (0..100_000_u64).map(|n| super::super::dice::mix(n).to_le_bytes()[0]).collect();
        for body in [b"".as_slice(), b"{}", &b"abc".repeat(10_000), &noise] {
            for _ in 0..2 {
                let mut back = Vec::new();
                flate2::read::GzDecoder::new(&gzip(body)[..]).read_to_end(&mut back).unwrap();
                assert!(back == body);
            }
        }
    }

    #[test]
    fn gzip_is_sent_to_whoever_takes_it() {
        let check = |value: &'static str, expect: bool| {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))]);
            assert_eq!(accepts_gzip(&headers), expect, "{value}");
        };
        check("gzip", true);
        check("br, GZIP;q=0.5", true);
        check("gzip;q=0, br", false);
        check("identity", false);
    }
}
