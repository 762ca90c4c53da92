//! Configuration of a verifier, checked before the first request.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use sessionmint_oauth::ExpectedClaims;
use sessionmint_oauth::jwt::MAX_LEEWAY_SECS;

use crate::clock::{Clock, SystemClock};
use crate::fetch;
use crate::refresh::KeyStore;
use crate::verifier::Verifier;

/// The default of [`VerifierBuilder::cool_down`].
pub const DEFAULT_COOL_DOWN: Duration = Duration::from_secs(10);

/// The default of [`VerifierBuilder::max_stale`].
pub const DEFAULT_MAX_STALE: Duration = Duration::from_secs(24 * 3600);

/// The default of [`VerifierBuilder::remember`].
pub const DEFAULT_REMEMBERED: usize = 4096;

/// Why a verifier cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The issuer is no http(s) address, or has a query or fragment (RFC 8414 §2).
    #[error("`{0}` is not an issuer: an https address without query and fragment")]
    Issuer(String),
    /// An audience is empty.
    #[error("an audience is empty")]
    Audience,
    /// The address of the key set is no http(s) address, or holds a user name or fragment.
    #[error(
        "`{0}` is not an address of a key set: an https address without user name and fragment"
    )]
    JwksUrl(String),
    /// The keys would come over plain http from another machine.
    #[error("`{0}` is plain http: whoever sits on the way could put in his own keys")]
    PlainHttp(String),
    /// More leeway than 5 s.
    #[error("the leeway is at most {MAX_LEEWAY_SECS} seconds")]
    Leeway,
    /// A cool-down under a second.
    #[error("the cool-down is at least one second")]
    CoolDown,
    /// The HTTP client could not be set up, for example because the machine has no certificate store.
    #[error("the HTTP client for the key set could not be set up")]
    Http(#[from] reqwest::Error),
}

/// Builds a [`Verifier`]; made by [`Verifier::builder`].
#[must_use]
pub struct VerifierBuilder {
    issuer: String,
    audiences: Vec<String>,
    jwks_url: Option<String>,
    plain_http: bool,
    leeway_secs: u64,
    cool_down: Duration,
    max_stale: Duration,
    remembered: usize,
    clock: Arc<dyn Clock>,
}

impl VerifierBuilder {
    pub(crate) fn new(issuer: String, audience: String) -> Self {
        Self {
            issuer,
            audiences: vec![audience],
            jwks_url: None,
            plain_http: false,
            leeway_secs: MAX_LEEWAY_SECS,
            cool_down: DEFAULT_COOL_DOWN,
            max_stale: DEFAULT_MAX_STALE,
            remembered: DEFAULT_REMEMBERED,
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// Accepts tokens for one more audience.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Where the key set is, when it is not reached under the issuer's public name; default `<issuer>/.well-known/jwks.json`.
    /// The tokens' `iss` must be the issuer all the same.
    pub fn jwks_url(mut self, address: impl Into<String>) -> Self {
        self.jwks_url = Some(address.into());
        self
    }

    /// Allows plain http to another machine than this one. Whoever can change that traffic can sign tokens: only for a
    /// network that authenticates by other means, such as a mesh.
    pub fn danger_fetch_keys_over_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// How far the clocks of issuer and service may differ, in seconds: 0 to 5, default 5.
    pub fn leeway_secs(mut self, secs: u64) -> Self {
        self.leeway_secs = secs;
        self
    }

    /// The least time between two fetches of the key set on account of requests; default 10 s, at least 1 s.
    pub fn cool_down(mut self, cool_down: Duration) -> Self {
        self.cool_down = cool_down;
        self
    }

    /// How old the last good key set may be while no newer one can be fetched; default 24 h. After that, 503.
    /// A key that the issuer withdraws in an emergency stays good this long where the new set cannot be fetched.
    pub fn max_stale(mut self, max_stale: Duration) -> Self {
        self.max_stale = max_stale;
        self
    }

    /// How many good tokens are remembered, so that the next request with one of them costs no signature; default 4,096,
    /// which take some 3 MB. Their age and their key are checked all the same. 0 remembers none.
    pub fn remember(mut self, tokens: usize) -> Self {
        self.remembered = tokens;
        self
    }

    /// Another clock, for tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the verifier. Inside a tokio runtime the first fetch of the keys starts at once, else with the first request.
    ///
    /// # Errors
    /// When the configuration is wrong.
    pub fn build(self) -> Result<Verifier, BuildError> {
        let issuer = Url::parse(&self.issuer)
            .ok()
            .filter(|url| is_web_address(url) && url.query().is_none());
        if issuer.is_none() {
            return Err(BuildError::Issuer(self.issuer));
        }
        if self.audiences.iter().any(String::is_empty) {
            return Err(BuildError::Audience);
        }
        if self.leeway_secs > MAX_LEEWAY_SECS {
            return Err(BuildError::Leeway);
        }
        if self.cool_down < Duration::from_secs(1) {
            return Err(BuildError::CoolDown);
        }
        let address = self.jwks_url.unwrap_or_else(|| {
            format!(
                "{}/.well-known/jwks.json",
                self.issuer.trim_end_matches('/')
            )
        });
        let Some(url) = Url::parse(&address).ok().filter(is_web_address) else {
            return Err(BuildError::JwksUrl(address));
        };
        if url.scheme() == "http" && !self.plain_http && !is_this_machine(&url) {
            return Err(BuildError::PlainHttp(address));
        }
        let client = fetch::client()?;
        let keys = KeyStore::new(
            Box::new(move || {
                let (client, url) = (client.clone(), url.clone());
                Box::pin(async move { fetch::fetch(&client, &url).await })
            }),
            Arc::clone(&self.clock),
            self.cool_down,
            self.max_stale,
        );
        let expected = ExpectedClaims {
            issuer: self.issuer,
            audiences: self.audiences,
            leeway_secs: self.leeway_secs,
        };
        keys.start();
        Ok(Verifier::new(keys, expected, self.clock, self.remembered))
    }
}

fn is_web_address(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none()
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost"
        || host.ends_with(".localhost")
        || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(issuer: &str, jwks_url: Option<&str>) -> Result<Verifier, BuildError> {
        let builder = Verifier::builder(issuer, "https://api.example.com");
        match jwks_url {
            Some(url) => builder.jwks_url(url).build(),
            None => builder.build(),
        }
    }

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        assert!(build("https://api.example.com/iam", None).is_ok());
        for local in [
            "http://localhost:1/iam",
            "http://api.app.localhost:1/iam",
            "http://127.0.0.1:1",
            "http://[::1]:1",
        ] {
            assert!(build(local, None).is_ok(), "{local}");
        }
        let elsewhere = "http://iam.internal/jwks";
        assert!(matches!(
            build("https://a.example/iam", Some(elsewhere)),
            Err(BuildError::PlainHttp(_))
        ));
        let mesh =
            Verifier::builder("https://a.example/iam", "https://a.example").jwks_url(elsewhere);
        assert!(mesh.danger_fetch_keys_over_plain_http().build().is_ok());
    }

    #[test]
    fn wrong_addresses_are_named() {
        for bad in [
            "",
            "api.example.com",
            "ftp://api.example.com",
            "https://a.example/iam?x=1",
            "https://u@a.example/",
        ] {
            assert!(
                matches!(build(bad, None), Err(BuildError::Issuer(_))),
                "{bad}"
            );
        }
        for bad in [
            "file:///etc/jwks.json",
            "https://a.example/jwks#x",
            "https://u:p@a.example/jwks",
        ] {
            assert!(
                matches!(
                    build("https://a.example", Some(bad)),
                    Err(BuildError::JwksUrl(_))
                ),
                "{bad}"
            );
        }
    }
}
