//! One request for the key set: to the configured address only, bounded in time and size, never redirected.

use std::time::Duration;

use http::HeaderMap;
use http::header::{ACCEPT, CACHE_CONTROL};
use reqwest::{Client, Url, redirect};
use sessionmint_oauth::InvalidKeySet;

use crate::keys::KeySet;

/// How long a whole fetch may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest key set that is read, in bytes. A set of ten RSA keys has about 6,000.
const MAX_BYTES: usize = 64 * 1024;

/// How long a set is fresh when the answer does not say.
const DEFAULT_FRESH_FOR: Duration = Duration::from_secs(300);

/// Whatever the answer says, a set is fresh for at least and at most this long: neither a hammered IAM service nor a
/// withdrawn key that stays good for days.
const FRESH_FOR: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(3600));

/// A key set and how long it is fresh.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) keys: KeySet,
    pub(crate) fresh_for: Duration,
}

/// Why there is no new key set. The one in use is kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the key set could not be fetched")]
    Http(#[from] reqwest::Error),
    #[error("the key set's address answered {0}")]
    Status(u16),
    #[error("the key set is larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the key set cannot be used: {0}")]
    Unusable(#[from] InvalidKeySet),
}

impl FetchError {
    /// What lies at the bottom of it, such as `Connection refused`.
    pub(crate) fn root_cause(&self) -> String {
        let mut cause: &dyn std::error::Error = self;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        cause.to_string()
    }
}

/// The client for the fetches. Proxy settings of the environment are ignored: they would send the trust anchor of the
/// whole service through whoever sets a variable.
pub(crate) fn client() -> reqwest::Result<Client> {
    Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(TIMEOUT)
        .no_proxy()
        .referer(false)
        .user_agent(concat!("sessionmint-verify/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Fetches the set once.
pub(crate) async fn fetch(client: &Client, address: &Url) -> Result<Fetched, FetchError> {
    let mut answer = client
        .get(address.clone())
        .header(ACCEPT, "application/json")
        .send()
        .await?;
    if answer.status() != http::StatusCode::OK {
        return Err(FetchError::Status(answer.status().as_u16()));
    }
    let fresh_for = fresh_for(answer.headers());
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Fetched {
        keys: KeySet::parse(&body)?,
        fresh_for,
    })
}

fn fresh_for(headers: &HeaderMap) -> Duration {
    let (min, max) = FRESH_FOR;
    let directives = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut fresh_for = DEFAULT_FRESH_FOR;
    for directive in directives.flat_map(|value| value.split(',')) {
        let directive = directive.trim().to_ascii_lowercase();
        if directive == "no-store" || directive == "no-cache" {
            return min;
        }
        if let Some(secs) = directive
            .strip_prefix("max-age=")
            .and_then(|secs| secs.parse().ok())
        {
            fresh_for = Duration::from_secs(secs);
        }
    }
    fresh_for.clamp(min, max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_age_is_honoured_within_bounds() {
        let cases = [
            ("public, max-age=600", 600),
            ("Max-Age=60", 60),
            ("max-age=0", 10),
            ("max-age=99999999", 3600),
            ("max-age=999999999999999999999", 300),
            ("no-store, max-age=600", 10),
            ("public", 300),
        ];
        for (value, secs) in cases {
            let headers = HeaderMap::from_iter([(CACHE_CONTROL, value.parse().unwrap())]);
            assert_eq!(fresh_for(&headers), Duration::from_secs(secs), "{value}");
        }
        assert_eq!(fresh_for(&HeaderMap::new()), Duration::from_secs(300));
    }
}
