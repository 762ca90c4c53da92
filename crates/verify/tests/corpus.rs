//! Malformed, forged and misdirected tokens: each is answered 401 `invalid_token`, and none makes the verifier ask
//! anybody but the configured key server, which it asks once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{RSA_PKCS1_SHA512, RSA_PSS_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use common::{AUDIENCE, Behaviour, ISSUER, Key, KeyServer, NOW, Service, b64, claims};
use proptest::prelude::*;
use serde_json::{Value, json};
use sessionmint_verify::{TokenRefusal, VerifyError};

/// A good token of `key` with other header members.
fn with_header(key: &Key, change: &Value) -> String {
    let mut header = key.header();
    for (name, value) in change.as_object().unwrap() {
        header[name] = value.clone();
    }
    key.token_of(header.to_string(), claims().to_string())
}

fn without_header(key: &Key, name: &str) -> String {
    let mut header = key.header();
    header.as_object_mut().unwrap().remove(name);
    key.token_of(header.to_string(), claims().to_string())
}

fn with_claim(key: &Key, name: &str, value: Value) -> String {
    let mut claims = claims();
    claims[name] = value;
    key.token(&claims)
}

fn without_claim(key: &Key, name: &str) -> String {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    key.token(&claims)
}

/// The same token with another signature.
fn resigned(token: &str, signature: &[u8]) -> String {
    let (input, _) = token.rsplit_once('.').unwrap();
    format!("{input}.{}", b64(signature))
}

#[tokio::test]
async fn good_tokens_of_every_algorithm_are_accepted() {
    let keys = [Key::es256("a"), Key::eddsa("b"), Key::rs256("c")];
    let service = Service::with_keys(&keys.each_ref()).await;
    for key in &keys {
        service.accepts(&key.good_token()).await;
        service
            .accepts(&with_header(key, &json!({"typ": "Application/AT+jwt"})))
            .await;
    }
    service.asked_once_for_the_configured_address().await;
}

#[tokio::test]
async fn a_key_named_ed25519_takes_only_that_name() {
    let key = Key::eddsa("k");
    let mut jwk = key.jwk();
    jwk["alg"] = json!("Ed25519");
    let service = Service::start(Behaviour::keys(&[jwk]), |builder| builder).await;
    service
        .accepts(&with_header(&key, &json!({"alg": "Ed25519"})))
        .await;
    service.refuses("EdDSA", &key.good_token()).await;
}

#[tokio::test]
async fn c055_alg_none_in_any_spelling_is_refused() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    for alg in [
        json!("none"),
        json!("None"),
        json!("nOnE"),
        json!("NONE"),
        json!(""),
        json!(null),
        json!(["ES256"]),
        json!({}),
    ] {
        let token = with_header(&key, &json!({"alg": alg}));
        service.refuses(&format!("{alg}, signed"), &token).await;
        service
            .refuses(&format!("{alg}, unsigned"), &resigned(&token, &[]))
            .await;
    }
    service
        .refuses("absent", &without_header(&key, "alg"))
        .await;
    service
        .refuses("no signature", &resigned(&key.good_token(), &[]))
        .await;
    service.asked_once_for_the_configured_address().await;
}

#[tokio::test]
async fn c056_hmac_with_the_public_key_as_secret_is_refused() {
    let keys = [Key::es256("a"), Key::rs256("b")];
    let service = Service::with_keys(&keys.each_ref()).await;
    for key in &keys {
        let der = key.public_der();
        let lines = STANDARD
            .encode(&der)
            .as_bytes()
            .chunks(64)
            .map(|line| str::from_utf8(line).unwrap().to_owned())
            .collect::<Vec<_>>();
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----",
            lines.join("\n")
        );
        let secrets = [
            pem.clone().into_bytes(),
            format!("{pem}\n").into_bytes(),
            der,
            key.jwk().to_string().into_bytes(),
        ];
        let algorithms = [
            ("HS256", hmac::HMAC_SHA256),
            ("HS384", hmac::HMAC_SHA384),
            ("HS512", hmac::HMAC_SHA512),
        ];
        for (name, algorithm) in algorithms {
            for secret in &secrets {
                for alg in [name, key.alg()] {
                    let token = with_header(key, &json!({"alg": alg}));
                    let (input, _) = token.rsplit_once('.').unwrap();
                    let tag = hmac::sign(&hmac::Key::new(algorithm, secret), input.as_bytes());
                    service.refuses(name, &resigned(&token, tag.as_ref())).await;
                }
            }
        }
    }
    service.asked_once_for_the_configured_address().await;
}

#[tokio::test]
async fn c056_a_symmetric_key_in_the_set_is_never_used() {
    let (key, secret) = (Key::es256("k"), b"0123456789abcdef0123456789abcdef");
    let oct = json!({"kty": "oct", "kid": "s", "alg": "HS256", "use": "sig", "k": b64(secret)});
    let service = Service::start(Behaviour::keys(&[oct, key.jwk()]), |builder| builder).await;
    let token = with_header(&key, &json!({"alg": "HS256", "kid": "s"}));
    let (input, _) = token.rsplit_once('.').unwrap();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
    service
        .refuses("HS256 of the set", &resigned(&token, tag.as_ref()))
        .await;
    service.accepts(&key.good_token()).await;
}

#[tokio::test]
async fn c057_a_key_serves_one_algorithm() {
    let (rsa, ec, ed) = (Key::rs256("r"), Key::es256("e"), Key::eddsa("d"));
    let service = Service::with_keys(&[&rsa, &ec, &ed]).await;
    for (alg, encoding) in [("PS256", &RSA_PSS_SHA256), ("RS512", &RSA_PKCS1_SHA512)] {
        for alg in [alg, "RS256"] {
            let token = with_header(&rsa, &json!({"alg": alg}));
            let (input, _) = token.rsplit_once('.').unwrap();
            service
                .refuses(
                    alg,
                    &resigned(&token, &rsa.sign_with(input.as_bytes(), encoding)),
                )
                .await;
        }
    }
    for (key, other) in [
        (&rsa, "ES256"),
        (&ec, "EdDSA"),
        (&ec, "ES384"),
        (&ed, "Ed25519"),
        (&ed, "ES256"),
        (&ed, "eddsa"),
    ] {
        service
            .refuses(other, &with_header(key, &json!({"alg": other})))
            .await;
    }
    service.asked_once_for_the_configured_address().await;
}

#[tokio::test]
async fn c058_keys_and_addresses_in_the_header_are_refused_and_never_fetched() {
    let (key, attacker) = (Key::es256("k"), Key::es256("k"));
    let service = Service::with_keys(&[&key]).await;
    let elsewhere = KeyServer::start(Behaviour::keys(&[attacker.jwk()])).await;
    let jku = json!({"jku": format!("{}/jwks", elsewhere.origin)});
    let x5u = json!({"x5u": format!("{}/cert", elsewhere.origin)});
    let changes = [
        json!({"jwk": attacker.jwk()}),
        jku,
        x5u,
        json!({"x5c": [STANDARD.encode(attacker.public_der())]}),
    ];
    for change in &changes {
        service
            .refuses(&change.to_string(), &with_header(&attacker, change))
            .await;
        service
            .refuses(&change.to_string(), &with_header(&key, change))
            .await;
    }
    // An issuer's address in the claims is not an invitation either.
    service
        .refuses(
            "iss",
            &with_claim(&attacker, "iss", json!(elsewhere.origin)),
        )
        .await;
    assert!(elsewhere.requests().is_empty());
    service.asked_once_for_the_configured_address().await;
}

#[tokio::test]
async fn c059_kid_is_an_exact_lookup_of_a_sane_string() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    let kids = [
        json!("unknown"),
        json!("K"),
        json!("k "),
        json!("k\0"),
        json!("../../dev/null"),
        json!("' OR 1=1"),
        json!(""),
        json!(1),
        json!(null),
        json!(["k"]),
        json!({"k": 1}),
        json!("k".repeat(129)),
    ];
    for kid in kids {
        service
            .refuses(&kid.to_string(), &with_header(&key, &json!({"kid": kid})))
            .await;
    }
    service
        .refuses("absent", &without_header(&key, "kid"))
        .await;
    let huge = with_header(&key, &json!({"kid": "k".repeat(1 << 20)}));
    assert_eq!(
        service.verifier.verify(&huge).await.unwrap_err(),
        VerifyError::Refused(TokenRefusal::TooLong)
    );
    service.asked_once_for_the_configured_address().await;
}

#[tokio::test]
async fn c059_two_keys_of_one_kid_name_none() {
    let (one, other, third) = (Key::es256("k"), Key::es256("k"), Key::es256("third"));
    let service = Service::with_keys(&[&one, &other, &third]).await;
    service.refuses("the first", &one.good_token()).await;
    service.refuses("the second", &other.good_token()).await;
    service.accepts(&third.good_token()).await;
}

#[tokio::test]
async fn c060_degenerate_and_reencoded_signatures_are_refused() {
    let (ec, ed) = (Key::es256("e"), Key::eddsa("d"));
    let service = Service::with_keys(&[&ec, &ed]).await;
    let token = ec.good_token();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let order = URL_SAFE_NO_PAD
        .decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE")
        .unwrap();
    let integer = |number: &[u8]| {
        let digits: Vec<u8> = number
            .iter()
            .copied()
            .skip_while(|byte| *byte == 0)
            .collect();
        let sign = if digits[0] & 0x80 == 0 {
            vec![]
        } else {
            vec![0]
        };
        let content = [sign, digits].concat();
        [vec![2, content.len() as u8], content].concat()
    };
    let der = [integer(&signature[..32]), integer(&signature[32..])].concat();
    let der = [vec![0x30, der.len() as u8], der].concat();
    let one = [vec![0; 31], vec![1]].concat();
    let bad = [
        ("r = s = 0", vec![0; 64]),
        ("r = 0", [&[0; 32], &signature[32..]].concat()),
        ("s = 0", [&signature[..32], &[0; 32]].concat()),
        ("r = s = n", [order.clone(), order.clone()].concat()),
        ("r = s = 1", [one.clone(), one].concat()),
        ("r + n", [&order[..], &signature[32..]].concat()),
        ("truncated", signature[..63].to_vec()),
        ("extended", [&signature[..], &[0]].concat()),
        ("empty", vec![]),
        ("DER", der),
    ];
    for (what, signature) in bad {
        service
            .refuses(what, &format!("{input}.{}", b64(signature)))
            .await;
    }

    let token = ed.good_token();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    // s + L: the same number in the group, another encoding.
    let order = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10_u8,
    ];
    let mut carry = 0;
    let s_plus_order: Vec<u8> = signature[32..]
        .iter()
        .zip(order)
        .map(|(s, l)| {
            let sum = u16::from(*s) + u16::from(l) + carry;
            carry = sum >> 8;
            sum as u8
        })
        .collect();
    let identity = [vec![1], vec![0; 31]].concat();
    let non_canonical_identity = [vec![0xee], vec![0xff; 30], vec![0x7f]].concat();
    let bad = [
        ("all zero", vec![0; 64]),
        ("small-order R, s = 0", [identity, vec![0; 32]].concat()),
        (
            "non-canonical R, s = 0",
            [non_canonical_identity, vec![0; 32]].concat(),
        ),
        ("s + L", [signature[..32].to_vec(), s_plus_order].concat()),
        ("truncated", signature[..63].to_vec()),
        ("extended", [&signature[..], &[0]].concat()),
    ];
    for (what, signature) in bad {
        service
            .refuses(what, &format!("{input}.{}", b64(signature)))
            .await;
    }
    service.asked_once_for_the_configured_address().await;
}

#[tokio::test]
async fn c061_times_are_plain_integers() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    for name in ["exp", "nbf", "iat"] {
        let sane = NOW + if name == "exp" { 300 } else { 0 };
        let bad = [
            json!(sane.to_string()),
            json!(sane as f64 + 0.5),
            json!(-1),
            json!(1_u64 << 63),
            json!(null),
            json!([sane]),
            json!(true),
        ];
        for value in bad {
            service
                .refuses(&format!("{name} {value}"), &with_claim(&key, name, value))
                .await;
        }
        // Written as a float or with an exponent, in the form that JSON parsers take for an integer.
        for text in [
            format!("{sane}.0"),
            "18e8".to_owned(),
            "1e400".to_owned(),
            "-0".to_owned(),
        ] {
            let payload = with_raw_claim(name, &text);
            service
                .refuses(
                    &format!("{name} {text}"),
                    &key.token_of(key.header().to_string(), payload),
                )
                .await;
        }
    }
    for name in ["exp", "iat"] {
        service.refuses(name, &without_claim(&key, name)).await;
    }
    service
        .refuses("expired", &with_claim(&key, "exp", json!(NOW - 5)))
        .await;
    service
        .refuses("issued later", &with_claim(&key, "iat", json!(NOW + 6)))
        .await;
    service
        .refuses("not yet", &with_claim(&key, "nbf", json!(NOW + 6)))
        .await;
    service.accepts(&without_claim(&key, "nbf")).await;
    service
        .accepts(&with_claim(&key, "nbf", json!(NOW + 5)))
        .await;
    service
        .accepts(&with_claim(&key, "exp", json!(NOW - 4)))
        .await;
    service.asked_once_for_the_configured_address().await;
}

fn with_raw_claim(name: &str, text: &str) -> String {
    let mut claims = claims();
    claims[name] = json!("REPLACED");
    claims.to_string().replace("\"REPLACED\"", text)
}

#[tokio::test]
async fn c062_required_claims_have_their_type() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    for name in ["iss", "aud", "sub", "jti", "client_id"] {
        service
            .refuses(&format!("{name} absent"), &without_claim(&key, name))
            .await;
        for value in [
            json!(1),
            json!({}),
            json!([]),
            json!(null),
            json!(true),
            json!(""),
        ] {
            service
                .refuses(&format!("{name} {value}"), &with_claim(&key, name, value))
                .await;
        }
    }
    for aud in [
        json!([AUDIENCE]),
        json!([AUDIENCE, "https://other.example"]),
        json!({"aud": AUDIENCE}),
    ] {
        service
            .refuses(&aud.to_string(), &with_claim(&key, "aud", aud.clone()))
            .await;
    }
    for aud in [
        "https://api.example.co",
        "https://api.example.com/",
        "https://api.example.com.evil.com",
        "HTTPS://API.EXAMPLE.COM",
        ISSUER,
    ] {
        service
            .refuses(aud, &with_claim(&key, "aud", json!(aud)))
            .await;
    }
    service
        .refuses("iss array", &with_claim(&key, "iss", json!([ISSUER])))
        .await;
    service.asked_once_for_the_configured_address().await;
}

#[tokio::test]
async fn c063_crit_and_b64_are_refused() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    for change in [
        json!({"crit": ["exp"], "exp": NOW}),
        json!({"crit": ["unknown"], "unknown": 1}),
        json!({"crit": []}),
        json!({"crit": null}),
        json!({"crit": ["b64"], "b64": false}),
        json!({"b64": false}),
        json!({"b64": true}),
    ] {
        service
            .refuses(&change.to_string(), &with_header(&key, &change))
            .await;
    }
    service.asked_once_for_the_configured_address().await;
}

#[tokio::test]
async fn c064_only_access_tokens_are_accepted() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    for typ in [
        json!("JWT"),
        json!("dpop+jwt"),
        json!("id_token"),
        json!("logout+jwt"),
        json!("at+jwt2"),
        json!("at+jwt "),
        json!(""),
        json!(null),
        json!(["at+jwt"]),
    ] {
        service
            .refuses(&typ.to_string(), &with_header(&key, &json!({"typ": typ})))
            .await;
    }
    service
        .refuses("absent", &without_header(&key, "typ"))
        .await;
    for typ in [
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "APPLICATION/at+JWT",
    ] {
        service
            .accepts(&with_header(&key, &json!({"typ": typ})))
            .await;
    }
    service.asked_once_for_the_configured_address().await;
}

#[tokio::test]
async fn c065_other_shapes_of_a_token_are_refused() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    let good = key.good_token();
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let last = |text: &str| {
        // The last of 43 or 86 characters carries unused bits: another character with the same used ones.
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let (rest, last) = text.split_at(text.len() - 1);
        let index = alphabet.find(last).unwrap();
        format!("{rest}{}", &alphabet[index + 1..index + 2])
    };
    let shapes = [
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{good}.{signature}")),
        (
            "five parts",
            format!("{header}.{payload}.{payload}.{payload}.{signature}"),
        ),
        ("one part", header.to_owned()),
        ("only dots", "..".to_owned()),
        ("empty", String::new()),
        ("empty header", format!(".{payload}.{signature}")),
        ("empty payload", format!("{header}..{signature}")),
        (
            "padding on the header",
            format!("{header}=.{payload}.{signature}"),
        ),
        (
            "padding on the payload",
            format!("{header}.{payload}=.{signature}"),
        ),
        ("padding on the signature", format!("{good}==")),
        ("space before", format!(" {good}")),
        ("space after", format!("{good} ")),
        ("space within", format!("{header}. {payload}.{signature}")),
        ("tab", format!("{header}\t.{payload}.{signature}")),
        ("quotes", format!("\"{good}\"")),
        ("a list", format!("{good}, Bearer {good}")),
        (
            "trailing bits",
            format!("{header}.{payload}.{}", last(signature)),
        ),
        (
            "JSON serialization",
            json!({"protected": header, "payload": payload, "signature": signature}).to_string(),
        ),
    ];
    for (what, token) in shapes {
        service.refuses(what, &token).await;
    }
    // `~~~` and `???` are `fn5-` and `Pz8_` in base64url: the standard alphabet writes them with `+` and `/`.
    let mut claims = claims();
    claims["x"] = json!("~~~~~~???????");
    let token = key.token(&claims);
    service.accepts(&token).await;
    let standard = token.replace('-', "+").replace('_', "/");
    assert_ne!(standard, token);
    service.refuses("standard alphabet", &standard).await;

    let text = claims.to_string();
    let signed = |payload: &[u8]| key.token_of(key.header().to_string(), payload);
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let twice = |member: &str| text.replacen('{', &format!("{{{member},"), 1);
    let payloads = [
        ("duplicate sub", twice(r#""sub":"usr_admin""#).into_bytes()),
        (
            "duplicate sub, escaped",
            twice(r#""s\u0075b":"usr_admin""#).into_bytes(),
        ),
        ("duplicate unknown", twice(r#""y":1,"y":2"#).into_bytes()),
        (
            "nested duplicate",
            twice(r#""act":{"sub":"a","sub":"b"}"#).into_bytes(),
        ),
        ("UTF-16", utf16),
        ("byte order mark", format!("\u{feff}{text}").into_bytes()),
        ("not UTF-8", [text.as_bytes(), &[0xff]].concat()),
        ("two values", format!("{text}{text}").into_bytes()),
        ("an array", format!("[{text}]").into_bytes()),
        ("a string", json!(text).to_string().into_bytes()),
        ("nothing", Vec::new()),
    ];
    for (what, payload) in payloads {
        service.refuses(what, &signed(&payload)).await;
    }
    let header = r#"{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"k"}"#;
    service
        .refuses("duplicate alg", &key.token_of(header, &text))
        .await;
    let jwe = json!({"alg": "dir", "enc": "A256GCM", "typ": "at+jwt", "kid": "k"}).to_string();
    let jwe = [jwe.as_str(), "", "iv", "text", "tag"].map(b64).join(".");
    service.refuses("JWE", &jwe).await;
    service.asked_once_for_the_configured_address().await;
}

#[tokio::test]
async fn c066_every_flipped_bit_of_the_decoded_parts_is_noticed() {
    for key in [Key::es256("k"), Key::eddsa("k")] {
        let service = Service::with_keys(&[&key]).await;
        let token = key.good_token();
        service.accepts(&token).await;
        let parts: Vec<_> = token
            .split('.')
            .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap())
            .collect();
        for part in 0..3 {
            for bit in 0..parts[part].len() * 8 {
                let mut parts = parts.clone();
                parts[part][bit / 8] ^= 1 << (bit % 8);
                let forged = parts.iter().map(b64).collect::<Vec<_>>().join(".");
                let verdict = service.verifier.verify(&forged).await;
                assert!(
                    matches!(verdict, Err(VerifyError::Refused(_))),
                    "part {part}, bit {bit}: {verdict:?}"
                );
            }
        }
        service.asked_once_for_the_configured_address().await;
    }
}

#[test]
fn c066_a_flipped_bit_anywhere_in_the_text_is_noticed() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let key = Key::rs256("k");
    let service = runtime.block_on(Service::with_keys(&[&key]));
    let token = key.good_token();
    runtime.block_on(service.accepts(&token));
    let config = ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(position in 0..token.len(), bit in 0..7)| {
        let mut bytes = token.clone().into_bytes();
        bytes[position] ^= 1_u8 << bit;
        let forged = String::from_utf8(bytes).unwrap();
        let verdict = runtime.block_on(service.verifier.verify(&forged));
        prop_assert!(matches!(verdict, Err(VerifyError::Refused(_))), "{forged}");
    });
    runtime.block_on(service.asked_once_for_the_configured_address());
}

#[tokio::test]
async fn c067_the_issuer_is_compared_whole() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    for iss in [
        "https://api.example.com/iam/",
        "https://api.example.com/ia",
        "https://api.example.com/iam2",
        "https://api.example.com",
        "http://api.example.com/iam",
        "https://API.example.com/iam",
        "https://api.example.com:443/iam",
        " https://api.example.com/iam",
        "https://api.example.com/%69am",
        "https://evil.com/iam",
    ] {
        service
            .refuses(iss, &with_claim(&key, "iss", json!(iss)))
            .await;
    }
    // A key of another issuer, under a name that this one uses too.
    service
        .refuses("another issuer's key", &Key::es256("k").good_token())
        .await;
    service.asked_once_for_the_configured_address().await;
}

#[tokio::test]
async fn c068_a_token_over_8_kib_is_refused_before_it_is_parsed() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    let padded = |bytes: usize| with_claim(&key, "x", json!("x".repeat(bytes)));
    let (fits, too_long) = (padded(5600), padded(6200));
    assert!(fits.len() <= 8192 && too_long.len() > 8192);
    service.accepts(&fits).await;
    service.refuses("well signed, too long", &too_long).await;
    let garbage = "\u{1}".repeat(8193);
    assert_eq!(
        service.verifier.verify(&garbage).await.unwrap_err(),
        VerifyError::Refused(TokenRefusal::TooLong)
    );
    service.asked_once_for_the_configured_address().await;
}
