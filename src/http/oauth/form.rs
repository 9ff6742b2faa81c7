//! Reads what a request carries: one form, in the body, within limits; or one query.

use std::time::Duration;

use poem::Request;
use poem::error::ReadBodyError;
use poem::http::{HeaderMap, header};

use crate::oauth::{BadParameters, Parameters};

/// The largest body or query.
pub(super) const MOST_BYTES: usize = 16 << 10;

/// How long a body may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a body cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadBody {
    /// It is declared to be something else.
    #[error("the body is not of the content type that is read here")]
    ContentType,
    /// It is too long.
    #[error("the body is longer than {MOST_BYTES} bytes")]
    TooLong,
    /// It did not arrive.
    #[error("the body did not arrive")]
    Lost,
    /// It is no form.
    #[error(transparent)]
    Parameters(#[from] BadParameters),
}

/// The query of a request.
pub(super) fn query(request: &Request) -> Result<Parameters, BadBody> {
    let query = request.uri().query().unwrap_or("");
    if query.len() > MOST_BYTES { Err(BadBody::TooLong) } else { Ok(Parameters::read(query)?) }
}

/// The form in the body of a request.
pub(super) async fn form(request: &mut Request) -> Result<Parameters, BadBody> {
    let body = body(request, "application/x-www-form-urlencoded").await?;
    let text = std::str::from_utf8(&body).map_err(|_| BadParameters::Encoding)?;
    Ok(Parameters::read(text)?)
}

/// The body of a request, if it is of this content type.
pub(super) async fn body(request: &mut Request, content_type: &str) -> Result<Vec<u8>, BadBody> {
    if !is(request.headers(), content_type) {
        return Err(BadBody::ContentType);
    }
    let read = request.take_body().into_bytes_limit(MOST_BYTES);
    match tokio::time::timeout(PATIENCE, read).await {
        Ok(Ok(body)) => Ok(body.into()),
        Ok(Err(ReadBodyError::PayloadTooLarge)) => Err(BadBody::TooLong),
        Ok(Err(_)) | Err(_) => Err(BadBody::Lost),
    }
}

/// One content type, with or without a charset, which can only be UTF-8.
fn is(headers: &HeaderMap, content_type: &str) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Ok(value) = value.to_str() else { return false };
    let mut parts = value.split(';').map(str::trim);
    let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(content_type));
    named && parts.all(|part| part.is_empty() || part.replace('"', "").eq_ignore_ascii_case("charset=utf-8"))
}
