//! What a code is held against.

use super::*;

/// Of the challenge in the appendix of the RFC.
const VERIFIER_HASH: [u8; 32] = [
    19, 211, 30, 150, 26, 26, 216, 236, 47, 22, 177, 12, 76, 152, 46, 8, 118, 168, 120, 173, 109,
    241, 68, 86, 110, 225, 137, 74, 203, 112, 249, 195,
];

#[test]
fn c080_c086_c087_a_code_is_bound_to_all_that_it_was_issued_for() {
    let request = good("resource=https://b.example.com&resource=https://api.example.com");
    let app = client();
    let other = OAuthClient {
        client_id: "other".parse().unwrap(),
        ..client()
    };
    let changed = OAuthClient {
        redirect_uris: Vec::new(),
        ..client()
    };
    let right = Presented {
        client: &app,
        redirect_uri: Some(CALLBACK),
        verifier_sha256: Some(VERIFIER_HASH),
        resource: None,
    };
    let refused = RedeemDecision::Refuse;
    let redeemed = |audience: &str| RedeemDecision::Redeem {
        audience: audience.to_owned(),
    };
    for (what, presented, fresh, replayed) in [
        (
            "right",
            right,
            redeemed("https://b.example.com"),
            RedeemDecision::Revoke,
        ),
        (
            "another of its resources",
            Presented {
                resource: Some("https://api.example.com"),
                ..right
            },
            redeemed("https://api.example.com"),
            RedeemDecision::Revoke,
        ),
        (
            "a resource that was not asked for",
            Presented {
                resource: Some("https://c.example.com"),
                ..right
            },
            refused(CodeRefusal::Resource),
            RedeemDecision::Revoke,
        ),
        (
            "another client",
            Presented {
                client: &other,
                ..right
            },
            refused(CodeRefusal::Unknown),
            refused(CodeRefusal::Unknown),
        ),
        (
            "the client after its redirect URI was taken away",
            Presented {
                client: &changed,
                ..right
            },
            refused(CodeRefusal::Changed),
            RedeemDecision::Revoke,
        ),
        (
            "no redirect URI",
            Presented {
                redirect_uri: None,
                ..right
            },
            refused(CodeRefusal::RedirectUri),
            refused(CodeRefusal::RedirectUri),
        ),
        (
            "another redirect URI",
            Presented {
                redirect_uri: Some("http://127.0.0.1/cb"),
                ..right
            },
            refused(CodeRefusal::RedirectUri),
            refused(CodeRefusal::RedirectUri),
        ),
        (
            "no verifier",
            Presented {
                verifier_sha256: None,
                ..right
            },
            refused(CodeRefusal::Verifier),
            refused(CodeRefusal::Verifier),
        ),
        (
            "a wrong verifier",
            Presented {
                verifier_sha256: Some([0; 32]),
                ..right
            },
            refused(CodeRefusal::Verifier),
            refused(CodeRefusal::Verifier),
        ),
    ] {
        let issued = |redeemed| {
            Some(IssuedCode {
                request: &request,
                expires_at: NOW.plus_secs(MAX_CODE_SECS),
                redeemed,
            })
        };
        assert_eq!(redeem(issued(false), presented, NOW), fresh, "{what}");
        assert_eq!(
            redeem(issued(true), presented, NOW),
            replayed,
            "{what}, again"
        );
    }
    assert_eq!(redeem(None, right, NOW), refused(CodeRefusal::Unknown));
    let late = IssuedCode {
        request: &request,
        expires_at: NOW,
        redeemed: false,
    };
    assert_eq!(
        redeem(Some(late), right, NOW),
        refused(CodeRefusal::Expired)
    );
    assert_eq!(
        redeem(
            Some(IssuedCode {
                redeemed: true,
                ..late
            }),
            right,
            NOW.plus_secs(30)
        ),
        RedeemDecision::Revoke,
        "what came of it may live on"
    );
}
