//! Parameters of a form-encoded OAuth request (RFC 6749 §3.2 and appendix B).

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Most parameters that a request may have; the largest grant uses about ten.
const MAX_PARAMETERS: usize = 64;

/// The parameters of one request, each at most once. Those without a value are treated as absent (RFC 6749 §3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form<'a>(BTreeMap<Cow<'a, str>, Cow<'a, str>>);

/// Why a body is not a well-formed request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidForm {
    /// A parameter occurs twice (RFC 6749 §3.2).
    #[error("a parameter is included more than once")]
    Duplicate,
    /// `resource` occurs twice, which RFC 8707 §2 would allow but this service does not.
    #[error("only one resource can be asked for at a time")]
    SecondResource,
    /// More parameters than any grant has.
    #[error("too many parameters")]
    TooMany,
}

impl<'a> Form<'a> {
    /// From the body of a request.
    pub fn parse(body: &'a [u8]) -> Result<Self, InvalidForm> {
        let mut parameters = BTreeMap::new();
        let mut duplicate = None;
        for (count, (name, value)) in form_urlencoded::parse(body).enumerate() {
            if count >= MAX_PARAMETERS {
                return Err(InvalidForm::TooMany);
            }
            if parameters.contains_key(&name) {
                // Any other repetition is the graver fault, wherever it stands.
                let found = if name == "resource" {
                    InvalidForm::SecondResource
                } else {
                    InvalidForm::Duplicate
                };
                duplicate = duplicate
                    .filter(|seen| *seen == InvalidForm::Duplicate)
                    .or(Some(found));
            }
            parameters.insert(name, value);
        }
        match duplicate {
            Some(fault) => Err(fault),
            None => Ok(Self(parameters)),
        }
    }

    /// The value of `name`; `None` when it is absent or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(AsRef::as_ref)
            .filter(|value| !value.is_empty())
    }
}

/// Whether a `Content-Type` value is `media_type` with nothing but an optional UTF-8 charset (RFC 9110 §8.3.1).
pub fn is_media_type(content_type: &[u8], media_type: &str) -> bool {
    let Ok(text) = std::str::from_utf8(content_type) else {
        return false;
    };
    let mut parts = text.split(';').map(|part| part.trim_matches([' ', '\t']));
    let essence_ok = parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case(media_type));
    essence_ok
        && parts.all(|parameter| {
            let Some((name, value)) = parameter.split_once('=') else {
                return parameter.is_empty();
            };
            let value = value
                .strip_prefix('"')
                .and_then(|value| value.strip_suffix('"'))
                .unwrap_or(value);
            name.eq_ignore_ascii_case("charset") && value.eq_ignore_ascii_case("utf-8")
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_decoded_and_empty_ones_absent() {
        let form = Form::parse(b"scope=a+b%20c&resource=&flag&x%79=1").unwrap();
        assert_eq!(form.get("scope"), Some("a b c"));
        assert_eq!(form.get("xy"), Some("1"));
        for absent in ["resource", "flag", "nothing"] {
            assert_eq!(form.get(absent), None, "{absent}");
        }
    }

    #[test]
    fn c027_a_repeated_parameter_is_refused_however_it_is_written() {
        for (body, why) in [
            ("scope=a&scope=b", InvalidForm::Duplicate),
            ("scope=a&sc%6Fpe=a", InvalidForm::Duplicate),
            ("scope=&scope=a", InvalidForm::Duplicate),
            ("unknown=1&unknown=1", InvalidForm::Duplicate),
            ("resource=a&resource=b", InvalidForm::SecondResource),
            (
                "resource=a&resource=b&scope=a&scope=b",
                InvalidForm::Duplicate,
            ),
            (
                "scope=a&scope=b&resource=a&resource=b",
                InvalidForm::Duplicate,
            ),
        ] {
            assert_eq!(Form::parse(body.as_bytes()), Err(why), "{body}");
        }
    }

    #[test]
    fn the_number_of_parameters_is_bounded() {
        let body = (0..MAX_PARAMETERS)
            .map(|i| format!("p{i}=1"))
            .collect::<Vec<_>>()
            .join("&");
        assert!(Form::parse(body.as_bytes()).is_ok());
        assert_eq!(
            Form::parse(format!("{body}&one=more").as_bytes()),
            Err(InvalidForm::TooMany)
        );
    }

    #[test]
    fn c028_a_media_type_may_only_add_a_charset() {
        let form = "application/x-www-form-urlencoded";
        for good in [
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded;charset=UTF-8",
            "Application/X-WWW-Form-Urlencoded; charset=\"utf-8\"",
        ] {
            assert!(is_media_type(good.as_bytes(), form), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/json",
            "application/x-www-form-urlencoded2",
            "text/plain; application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded; charset=utf-16",
            "application/x-www-form-urlencoded; boundary=x",
            "application/x-www-form-urlencoded, text/plain",
        ] {
            assert!(!is_media_type(bad.as_bytes(), form), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_parsed_or_refused(body: Vec<u8>) {
            if let Ok(form) = Form::parse(&body) {
                prop_assert_ne!(form.get("scope"), Some(""));
            }
        }
    }
}
