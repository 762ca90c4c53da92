//! The pages of the authorization code flow.

use std::fmt;
use std::str::FromStr;

use sessionmint_oauth::origin::Origin;

/// The pages to which users of clients are sent; without them there is no code flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizeConfig {
    /// Where users sign in and agree. Its origin is a browser client's, preferably one without an app: whoever runs script
    /// there can agree for the user.
    pub interaction_url: PageUrl,
    /// Where users are asked whether to sign out when a client sends them. Default none: clients cannot.
    pub logout_url: Option<PageUrl>,
}

impl AuthorizeConfig {
    /// Whether this is the origin of one of the pages, byte for byte.
    pub fn has_origin(&self, origin: &str) -> bool {
        let logout = self.logout_url.as_ref().map(PageUrl::origin);
        origin == self.interaction_url.origin() || Some(origin) == logout
    }
}

/// The address of a page: an origin and a path, without a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageUrl {
    whole: String,
    path_at: usize,
}

/// Why a text is no address of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPageUrl {
    /// The origin is not in the form of one, or plain http to somewhere else than this machine.
    #[error(
        "the address of a page begins with `https://` and a host in lower case; `http://` is only for localhost, *.localhost, 127.0.0.1 and [::1]"
    )]
    Origin,
    /// The path has a query, a fragment or odd characters.
    #[error(
        "the address of a page ends with a path of letters, digits and `/._~-`, without `?` and `#`"
    )]
    Path,
}

impl PageUrl {
    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.whole
    }

    /// Its origin, as browsers send it.
    pub fn origin(&self) -> &str {
        self.whole.get(..self.path_at).unwrap_or_default()
    }
}

impl FromStr for PageUrl {
    type Err = InvalidPageUrl;

    fn from_str(text: &str) -> Result<Self, InvalidPageUrl> {
        let (_, rest) = text.split_once("://").ok_or(InvalidPageUrl::Origin)?;
        let path = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let path_at = text.len() - rest.len() + path;
        let (origin, path) = text
            .split_at_checked(path_at)
            .ok_or(InvalidPageUrl::Origin)?;
        let origin = Origin::parse(origin.as_bytes()).ok_or(InvalidPageUrl::Origin)?;
        if origin.scheme() == "http" && !origin.is_local() {
            return Err(InvalidPageUrl::Origin);
        }
        let allowed =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'~' | b'-');
        if !path.starts_with('/') || !path.bytes().all(allowed) {
            return Err(InvalidPageUrl::Path);
        }
        Ok(Self {
            whole: text.to_owned(),
            path_at,
        })
    }
}

impl fmt::Display for PageUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_an_origin_and_a_path() {
        let page: PageUrl = "https://login.example.com/sign-in/".parse().unwrap();
        assert_eq!(page.origin(), "https://login.example.com");
        for (bad, why) in [
            ("", InvalidPageUrl::Origin),
            ("/sign-in", InvalidPageUrl::Origin),
            ("http://login.example.com/", InvalidPageUrl::Origin),
            ("https://LOGIN.example.com/", InvalidPageUrl::Origin),
            ("https://login.example.com", InvalidPageUrl::Path),
            ("https://login.example.com?x", InvalidPageUrl::Path),
            ("https://login.example.com/?x", InvalidPageUrl::Path),
            ("https://login.example.com/#x", InvalidPageUrl::Path),
            ("https://login.example.com/a b", InvalidPageUrl::Path),
        ] {
            assert_eq!(bad.parse::<PageUrl>(), Err(why), "{bad}");
        }
    }
}
