//! Each rule refuses what breaks it, and names the member that it is about.

use super::*;
use crate::{ClientSubject, RefreshPolicy};

fn worker() -> OAuthClient {
    OAuthClient {
        client_id: "worker".parse().unwrap(),
        subject: ClientSubject::from_random([1; 16]),
        name: "worker".to_owned(),
        authentication: ClientAuthentication::ClientSecretBasic,
        keys: None,
        grants: vec![GrantType::ClientCredentials],
        redirect_uris: Vec::new(),
        post_logout_redirect_uris: Vec::new(),
        default_resource: "https://api.example.com".to_owned(),
        resources: vec!["https://api.example.com".to_owned()],
        scopes: "a b".parse().unwrap(),
        default_scopes: "a".parse().unwrap(),
        ttl: 300,
        refresh: RefreshPolicy::default(),
        trusted: false,
        disabled_at: None,
    }
}

fn native() -> OAuthClient {
    OAuthClient {
        authentication: ClientAuthentication::None,
        grants: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        redirect_uris: vec!["http://127.0.0.1/cb".to_owned()],
        ..worker()
    }
}

#[test]
fn clients_in_order_are_taken() {
    assert_eq!(check(&worker(), false), Ok(()));
    assert_eq!(check(&native(), false), Ok(()));
}

#[test]
fn what_is_unsafe_or_useless_is_refused() {
    use InvalidRegistration as Invalid;
    let refused = |client: OAuthClient, why: Invalid| {
        assert_eq!(check(&client, false), Err(why), "{client:?}");
    };
    refused(
        OAuthClient {
            grants: vec![],
            ..worker()
        },
        Invalid::NoGrant,
    );
    for grant in [GrantType::ClientCredentials, GrantType::TokenExchange] {
        let grants = vec![GrantType::AuthorizationCode, grant];
        refused(
            OAuthClient { grants, ..native() },
            Invalid::PublicClient(grant),
        );
    }
    let grants = vec![GrantType::ClientCredentials, GrantType::RefreshToken];
    refused(OAuthClient { grants, ..worker() }, Invalid::RefreshAlone);
    refused(
        OAuthClient {
            redirect_uris: vec![],
            ..native()
        },
        Invalid::NoRedirectUri,
    );
    let uris = vec!["https://app.example/cb".to_owned()];
    refused(
        OAuthClient {
            redirect_uris: uris.clone(),
            ..worker()
        },
        Invalid::RedirectUriUnused,
    );
    refused(
        OAuthClient {
            post_logout_redirect_uris: uris,
            ..worker()
        },
        Invalid::RedirectUriUnused,
    );
    let uri = "http://app.example/cb".to_owned();
    refused(
        OAuthClient {
            redirect_uris: vec![uri.clone()],
            ..native()
        },
        Invalid::RedirectUri {
            uri,
            why: InvalidRedirectUri::Http,
        },
    );
    let authentication = ClientAuthentication::PrivateKeyJwt;
    refused(
        OAuthClient {
            authentication,
            ..worker()
        },
        Invalid::NoKeys,
    );
    let jwks = Some(ClientKeys::Jwks("{}".to_owned()));
    refused(
        OAuthClient {
            keys: jwks.clone(),
            ..worker()
        },
        Invalid::KeysUnused(ClientAuthentication::ClientSecretBasic),
    );
    refused(
        OAuthClient {
            authentication,
            keys: jwks,
            ..worker()
        },
        Invalid::Keys(InvalidKeySet::Malformed),
    );
    for uri in [
        "http://app.example/jwks",
        "https://u@app.example/jwks",
        "com.example.app:/jwks",
        "/jwks",
    ] {
        let keys = Some(ClientKeys::JwksUri(uri.to_owned()));
        refused(
            OAuthClient {
                authentication,
                keys,
                ..worker()
            },
            Invalid::JwksUri,
        );
    }
    let keys = Some(ClientKeys::JwksUri("https://app.example/jwks".to_owned()));
    assert_eq!(
        check(
            &OAuthClient {
                authentication,
                keys,
                ..worker()
            },
            false
        ),
        Ok(())
    );
    refused(
        OAuthClient {
            resources: vec![],
            ..worker()
        },
        Invalid::NoResource,
    );
    refused(
        OAuthClient {
            default_scopes: "c".parse().unwrap(),
            ..worker()
        },
        Invalid::DefaultScopes("c".parse().unwrap()),
    );
    refused(
        OAuthClient {
            ttl: 301,
            ..worker()
        },
        Invalid::Ttl,
    );
    let policy = |refresh| OAuthClient {
        refresh,
        ..native()
    };
    let standard = RefreshPolicy::default();
    refused(
        policy(RefreshPolicy {
            rotation: Rotation::None,
            ..standard
        }),
        Invalid::PublicWithoutRotation,
    );
    for (refresh, why) in [
        (
            RefreshPolicy {
                window_secs: 61,
                ..standard
            },
            Invalid::RefreshWindow,
        ),
        (
            RefreshPolicy {
                idle_secs: 5,
                ..standard
            },
            Invalid::RefreshIdle,
        ),
        (
            RefreshPolicy {
                absolute_secs: 60,
                ..standard
            },
            Invalid::RefreshAbsolute,
        ),
    ] {
        refused(policy(refresh), why);
    }
    let uri = "https://app.example/bye#x".to_owned();
    refused(
        OAuthClient {
            post_logout_redirect_uris: vec![uri.clone()],
            ..native()
        },
        Invalid::PostLogoutRedirectUri {
            uri,
            why: InvalidRedirectUri::Characters,
        },
    );
    for name in ["", "a\nb", &"x".repeat(101)] {
        refused(
            OAuthClient {
                name: name.to_owned(),
                ..worker()
            },
            Invalid::Name,
        );
    }
}

fn web() -> BrowserClient {
    BrowserClient {
        client_id: "web".parse().unwrap(),
        origins: vec!["https://ui.example.com".to_owned()],
        default_resource: "https://api.example.com".to_owned(),
        resources: vec!["https://api.example.com".to_owned()],
        scopes: "a b".parse().unwrap(),
        default_scopes: "a".parse().unwrap(),
        ttl: 300,
    }
}

#[test]
fn a_browser_app_is_held_to_its_rules_and_the_member_is_named() {
    let issuer: Issuer = "https://api.example.com/iam".parse().unwrap();
    assert_eq!(check_browser(&web(), Some(&issuer)), Ok(()));
    assert_eq!(check_browser(&web(), None), Ok(()));
    let with = |change: fn(&mut BrowserClient)| {
        let mut client = web();
        change(&mut client);
        client
    };
    for (client, field, what) in [
        (
            with(|c| c.origins.clear()),
            "origins",
            "at least one origin",
        ),
        (
            with(|c| c.origins.push("https://UI.example.com".to_owned())),
            "origins",
            "write `https://ui.example.com`",
        ),
        (
            with(|c| c.origins.push("https://api.example.com".to_owned())),
            "origins",
            "the origin of the service itself",
        ),
        (
            with(|c| c.resources.clear()),
            "resources",
            "at least one resource",
        ),
        (
            with(|c| c.resources.push("/notes".to_owned())),
            "resources",
            "a resource is the address of an API",
        ),
        (
            with(|c| c.default_resource.push('2')),
            "default_resource",
            "(https://api.example.com)",
        ),
        (
            with(|c| c.default_scopes = "a c".parse().unwrap()),
            "default_scopes",
            "beyond the scopes of the client: c;",
        ),
        (with(|c| c.ttl = 4), "ttl", "5 to 300"),
    ] {
        let error = check_browser(&client, Some(&issuer)).unwrap_err();
        assert_eq!(error.field(), field);
        assert!(error.to_string().contains(what), "{error}");
    }
    let elsewhere = with(|c| c.origins = vec!["https://api.example.com".to_owned()]);
    assert_eq!(
        check_browser(&elsewhere, None),
        Ok(()),
        "no issuer is known"
    );
}
