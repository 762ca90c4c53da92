//! What a request asks for (`resource`, `scope`), held against what it may have: RFC 6749 §3.3, RFC 8707 §2.

use crate::error::ErrorCode;
use crate::form::Form;
use crate::{OAuthClient, Scope};

/// The parameters of a request; each is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The audience.
    pub resource: Option<String>,
    /// The scope.
    pub scope: Option<Scope>,
}

/// What may be asked for, and what is meant where nothing is.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// Every audience.
    pub resources: &'a [String],
    /// The audience when none is named.
    pub default_resource: &'a str,
    /// Every scope.
    pub scopes: &'a Scope,
    /// The scope when none is named.
    pub default_scopes: &'a Scope,
}

impl<'a> From<&'a OAuthClient> for Limits<'a> {
    fn from(client: &'a OAuthClient) -> Self {
        Self {
            resources: &client.resources,
            default_resource: &client.default_resource,
            scopes: &client.scopes,
            default_scopes: &client.default_scopes,
        }
    }
}

/// What a token is to be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// `aud`
    pub audience: String,
    /// `scope`
    pub scope: Scope,
}

/// Why it is not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Beyond {
    /// `scope` is malformed.
    #[error("scope is words of printable ASCII separated by single spaces")]
    MalformedScope,
    /// `scope` has a word that may not be asked for.
    #[error("the client may not ask for this scope")]
    Scope,
    /// `resource` may not be asked for.
    #[error("the client may not ask for this resource")]
    Resource,
}

impl Beyond {
    /// The `error` member of the answer.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::MalformedScope | Self::Scope => ErrorCode::InvalidScope,
            Self::Resource => ErrorCode::InvalidTarget,
        }
    }
}

impl Asked {
    /// Reads the parameters; others are ignored.
    ///
    /// # Errors
    /// When the scope is malformed.
    pub fn from_form(form: &Form<'_>) -> Result<Self, Beyond> {
        let scope = form.get("scope").map(str::parse).transpose();
        Ok(Self {
            resource: form.get("resource").map(str::to_owned),
            scope: scope.map_err(|_| Beyond::MalformedScope)?,
        })
    }

    /// What is granted of it: all or nothing.
    ///
    /// # Errors
    /// When it is more than the limits.
    pub fn within(self, limits: Limits<'_>) -> Result<Granted, Beyond> {
        let audience = match self.resource {
            None => limits.default_resource.to_owned(),
            Some(resource) if limits.resources.contains(&resource) => resource,
            Some(_) => return Err(Beyond::Resource),
        };
        let scope = match self.scope {
            None => limits.default_scopes.clone(),
            Some(scope) if scope.is_subset(limits.scopes) => scope,
            Some(_) => return Err(Beyond::Scope),
        };
        Ok(Granted { audience, scope })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c036_less_than_the_limits_is_granted_and_more_refused() {
        let scope = |text: &str| text.parse::<Scope>().unwrap();
        let resources = [
            "https://a.example".to_owned(),
            "https://b.example".to_owned(),
        ];
        let (scopes, default_scopes) = (scope("r w"), scope("r"));
        let limits = Limits {
            resources: &resources,
            default_resource: "https://a.example",
            scopes: &scopes,
            default_scopes: &default_scopes,
        };
        for (body, expected) in [
            ("", Ok(("https://a.example", "r"))),
            ("scope=w", Ok(("https://a.example", "w"))),
            ("scope=w+r", Ok(("https://a.example", "r w"))),
            ("resource=https://b.example", Ok(("https://b.example", "r"))),
            ("scope=r+x", Err(Beyond::Scope)),
            ("scope=R", Err(Beyond::Scope)),
            ("scope=a++b", Err(Beyond::MalformedScope)),
            ("resource=https://a.example/", Err(Beyond::Resource)),
            ("resource=https://c.example&scope=x", Err(Beyond::Resource)),
        ] {
            let form = Form::parse(body.as_bytes()).unwrap();
            let granted = Asked::from_form(&form).and_then(|asked| asked.within(limits));
            let expected = expected.map(|(audience, words)| Granted {
                audience: audience.to_owned(),
                scope: scope(words),
            });
            assert_eq!(granted, expected, "{body}");
        }
    }
}
