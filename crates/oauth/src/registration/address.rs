//! Addresses that an operator writes for a client: origins and resources.

use std::net::Ipv4Addr;

use crate::Issuer;
use crate::origin::Origin;

/// What is wrong with an address, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidAddress(String);

/// Accepts an origin exactly as a browser serializes it (RFC 6454 §6.2), since it is compared byte for byte.
///
/// # Errors
/// What is wrong with it.
pub fn check_origin(value: &str) -> Result<(), InvalidAddress> {
    match Origin::parse(value.as_bytes()) {
        Some(origin) if origin.scheme() == "http" && !origin.is_local() => {
            Err(InvalidAddress(format!(
                "over http the session cookie is not sent to an https service, and anybody on the way could read tokens; \
                 use `{}` (http is for localhost, *.localhost, 127.0.0.1 and [::1])",
                value.replacen("http", "https", 1)
            )))
        }
        Some(_) => Ok(()),
        None => Err(InvalidAddress(why_no_origin(value))),
    }
}

/// What is wrong with it, and what would be right.
fn why_no_origin(value: &str) -> String {
    let example = "an origin is `https://ui.example.com` or `http://localhost:5173`";
    if value == "null" {
        return format!("`null` is the origin of every sandboxed page and local file; {example}");
    }
    if value.contains('*') {
        return format!("origins are compared exactly, there are no wildcards; {example}");
    }
    let Some((scheme, rest)) = value.split_once("://") else {
        return format!("the scheme is missing; {example}");
    };
    let default_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => {
            return format!(
                "the scheme is `https`, or `http` on this machine, in lower case; {example}"
            );
        }
    };
    if let Some((authority, _)) = rest.split_once(['/', '?', '#']) {
        return format!(
            "an origin ends after host and port, with no `/`; write `{scheme}://{authority}`"
        );
    }
    if let Some(host) = rest.strip_suffix(default_port) {
        return format!("browsers leave the default port out; write `{scheme}://{host}`");
    }
    if rest != rest.to_lowercase() {
        return format!(
            "browsers write hosts in lower case; write `{}`",
            value.to_lowercase()
        );
    }
    format!(
        "`{rest}` is no host name and port as browsers write them (letters, digits, `-` and `.`; xn-- for others); {example}"
    )
}

/// Accepts a resource indicator (RFC 8707 §2): an absolute URI without a fragment.
///
/// # Errors
/// What is wrong with it.
pub fn check_resource(value: &str) -> Result<(), InvalidAddress> {
    why_no_resource(value).map_err(InvalidAddress)
}

fn why_no_resource(value: &str) -> Result<(), String> {
    let example = "a resource is the address of an API such as `https://api.example.com`";
    if value.contains('#') {
        return Err(format!("a resource has no fragment (`#…`); {example}"));
    }
    if let Some(odd) = value.chars().find(|c| {
        !c.is_ascii_graphic() || matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
    }) {
        return Err(format!(
            "`{}` cannot stand in a URI; {example}",
            odd.escape_debug()
        ));
    }
    let (scheme, rest) = value
        .split_once(':')
        .ok_or_else(|| format!("it has no scheme; {example}"))?;
    let starts_well = scheme
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_lowercase());
    let scheme_ok = scheme
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'));
    if !starts_well || !scheme_ok || rest.is_empty() {
        return Err(format!("it is no absolute URI; {example}"));
    }
    if matches!(scheme, "http" | "https") {
        let authority = rest
            .strip_prefix("//")
            .and_then(|rest| rest.split(['/', '?']).next());
        let origin = format!("{scheme}://{}", authority.unwrap_or_default());
        if Origin::parse(origin.as_bytes()).is_none() {
            return Err(format!(
                "its host is missing or not in the form that browsers write (lower case, no user name, no default port); \
                 {example}"
            ));
        }
    }
    Ok(())
}

/// Why the session cookie of this issuer will never be sent from pages of this origin, if that can be told.
pub fn cross_site(issuer: &Issuer, origin: &str) -> Option<String> {
    let service = Origin::parse(issuer.origin().as_bytes())?;
    let page = Origin::parse(origin.as_bytes())?;
    let site = |host: &str| {
        // The registrable domain has at least two labels; which names have more is not known here.
        let labels: Vec<&str> = host.rsplit('.').take(2).collect();
        let is_address = host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok();
        if is_address || labels.len() < 2 {
            host.to_owned()
        } else {
            labels.join(".")
        }
    };
    if page.scheme() == service.scheme() && site(page.host()) == site(service.host()) {
        return None;
    }
    Some(format!(
        "{page} and {service} are different sites, so browsers will not send the session cookie: sign-in will not last. \
         UI and API must share scheme and registrable domain, e.g. https://ui.example.com and https://api.example.com"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_accepted_only_as_browsers_write_it() {
        for good in [
            "https://ui.example.com",
            "https://ui.example.com:8443",
            "http://localhost:5173",
            "http://ui.app.localhost:4180",
            "http://127.0.0.1:3000",
            "http://[::1]:3000",
            "https://xn--bcher-kva.example",
            "https://192.0.2.1",
        ] {
            assert_eq!(check_origin(good), Ok(()));
        }
        for (bad, why) in [
            ("null", "sandboxed"),
            ("*", "no wildcards"),
            ("https://*.example.com", "no wildcards"),
            ("ui.example.com", "the scheme is missing"),
            ("HTTPS://ui.example.com", "in lower case"),
            ("ftp://ui.example.com", "the scheme is"),
            ("https://UI.example.com", "write `https://ui.example.com`"),
            ("https://ui.example.com/", "write `https://ui.example.com`"),
            (
                "https://ui.example.com/app?x",
                "write `https://ui.example.com`",
            ),
            (
                "https://ui.example.com:443",
                "write `https://ui.example.com`",
            ),
            ("http://localhost:80", "write `http://localhost`"),
            ("https://ui.example.com:0", "no host name and port"),
            ("https://ui.example.com:08443", "no host name and port"),
            ("https://ui.example.com:", "no host name and port"),
            ("https://user@ui.example.com", "no host name"),
            ("https://ui..example.com", "no host name"),
            ("https://ui.example.com.", "no host name"),
            ("https://bücher.example", "no host name"),
            ("https://1.2.3", "no host name"),
            ("https://", "no host name"),
            ("http://ui.example.com", "use `https://ui.example.com`"),
            ("http://192.168.1.5:5173", "use `https://"),
        ] {
            let error = check_origin(bad).unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn a_resource_is_an_absolute_uri_without_a_fragment() {
        for good in [
            "https://api.example.com",
            "https://api.example.com/notes?v=1",
            "urn:example:notes",
            "http://localhost:8000",
        ] {
            assert_eq!(check_resource(good), Ok(()));
        }
        for bad in [
            "",
            "notes",
            "/notes",
            "https://api.example.com#x",
            "https:api",
            "https://",
            "https://API.example.com",
            "https://a b",
            "1x:y",
            "https://u@h.example",
            "https://h.example:443",
        ] {
            assert!(check_resource(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn origins_of_other_sites_are_noticed() {
        let issuer: Issuer = "https://api.example.com/iam".parse().unwrap();
        assert_eq!(cross_site(&issuer, "https://ui.example.com"), None);
        assert!(cross_site(&issuer, "https://ui.example.org").is_some());
        let demo: Issuer = "http://api.app.localhost:4181/iam".parse().unwrap();
        assert_eq!(cross_site(&demo, "http://ui.app.localhost:4180"), None);
        assert!(cross_site(&demo, "http://localhost:5173").is_some());
        assert!(cross_site(&demo, "https://ui.app.localhost").is_some());
        let dev: Issuer = "http://localhost:4181/iam".parse().unwrap();
        assert_eq!(cross_site(&dev, "http://localhost:5173"), None);
        assert!(cross_site(&dev, "http://127.0.0.1:5173").is_some());
        let split: Issuer = "http://api.localhost:4181/iam".parse().unwrap();
        assert!(
            cross_site(&split, "http://ui.localhost:4180").is_some(),
            "two-label names under localhost are sites of their own"
        );
    }
}
