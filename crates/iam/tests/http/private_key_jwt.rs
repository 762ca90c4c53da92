//! Clients that prove who they are with a signature (RFC 7523).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sessionmint_iam::testing::{Answer, ISSUER, START, TestService, worker_client};
use sessionmint_oauth::{ClientAuthentication, ClientKeys, OAuthClient};
use sessionmint_store::{Audit as _, AuditFilter, AuditKind, By, OAuthClients as _};

use crate::support::{assert_minted, assert_oauth_error};

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// A client's key pair: how it signs, and its public half.
struct Key {
    alg: &'static str,
    jwk: Value,
    sign: Sign,
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn es256() -> Key {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref().to_vec();
    Key {
        alg: "ES256",
        jwk: json!({"kty": "EC", "crv": "P-256", "x": base64(&point[1..33]), "y": base64(&point[33..])}),
        sign: Box::new(move |text| {
            pair.sign(&SystemRandom::new(), text)
                .unwrap()
                .as_ref()
                .to_vec()
        }),
    }
}

fn eddsa() -> Key {
    let pair = Ed25519KeyPair::generate().unwrap();
    Key {
        alg: "EdDSA",
        jwk: json!({"kty": "OKP", "crv": "Ed25519", "x": base64(pair.public_key())}),
        sign: Box::new(move |text| pair.sign(text).as_ref().to_vec()),
    }
}

fn rsa(alg: &'static str, padding: &'static dyn RsaEncoding) -> Key {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = pair.public_key();
    let (n, e) = (
        base64(public.modulus().big_endian_without_leading_zero()),
        base64(public.exponent().big_endian_without_leading_zero()),
    );
    Key {
        alg,
        jwk: json!({"kty": "RSA", "n": n, "e": e}),
        sign: Box::new(move |text| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(padding, &SystemRandom::new(), text, &mut signature)
                .unwrap();
            signature
        }),
    }
}

impl Key {
    fn jwks(&self) -> String {
        let mut jwk = self.jwk.clone();
        (jwk["kid"], jwk["use"], jwk["alg"]) = ("k".into(), "sig".into(), self.alg.into());
        json!({"keys": [jwk]}).to_string()
    }

    fn jwt(&self, claims: &Value) -> String {
        let header = json!({"alg": self.alg, "kid": "k"});
        let text = format!(
            "{}.{}",
            base64(header.to_string()),
            base64(claims.to_string())
        );
        format!("{text}.{}", base64((self.sign)(text.as_bytes())))
    }
}

/// What a client claims at the start of the test.
fn claims(jti: &str) -> Value {
    json!({"iss": "signer", "sub": "signer", "aud": ISSUER, "jti": jti, "iat": START.secs(), "exp": START.secs() + 60})
}

fn signer(key: &Key) -> OAuthClient {
    OAuthClient {
        client_id: "signer".parse().unwrap(),
        authentication: ClientAuthentication::PrivateKeyJwt,
        keys: Some(ClientKeys::Jwks(key.jwks())),
        ..worker_client()
    }
}

async fn service(key: &Key) -> TestService {
    let service = TestService::start().await;
    service.add_oauth_client(signer(key), None).await;
    service
}

async fn ask(service: &TestService, jwt: &str) -> Answer {
    let body = format!(
        "grant_type=client_credentials&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer\
         &client_assertion={jwt}"
    );
    service.form("/oauth/token", None, &body).await
}

#[tokio::test]
async fn c108_each_algorithm_that_a_key_is_for_proves_its_client() {
    let keys = [
        es256(),
        eddsa(),
        rsa("RS256", &RSA_PKCS1_SHA256),
        rsa("PS256", &RSA_PSS_SHA256),
    ];
    for key in keys {
        let service = service(&key).await;
        let minted = assert_minted(&ask(&service, &key.jwt(&claims("1"))).await);
        assert_eq!(minted["client_id"], "signer", "{}", key.alg);
    }
}

#[tokio::test]
async fn c108_what_another_key_signed_proves_nothing() {
    let key = rsa("RS256", &RSA_PKCS1_SHA256);
    let service = service(&key).await;
    for other in [
        es256(),
        eddsa(),
        rsa("RS256", &RSA_PKCS1_SHA256),
        rsa("PS256", &RSA_PSS_SHA256),
    ] {
        let answer = ask(&service, &other.jwt(&claims("1"))).await;
        assert_oauth_error(&answer, 400, "invalid_client");
    }
    assert_oauth_error(&ask(&service, "x").await, 400, "invalid_client");
    assert_minted(&ask(&service, &key.jwt(&claims("1"))).await);
}

/// fapi2-security-profile-final-ensure-client-assertion-with-wrong-aud-fails
#[tokio::test]
async fn c108_the_audience_is_the_issuer_whatever_the_request_calls_the_service() {
    let key = eddsa();
    let service = service(&key).await;
    for aud in [
        json!("https://api.example.com/iam/oauth/token"),
        json!([ISSUER]),
        json!("https://evil.example"),
    ] {
        let mut claims = claims("1");
        claims["aud"] = aud.clone();
        let body = format!(
            "grant_type=client_credentials&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer\
             &client_assertion={}",
            key.jwt(&claims)
        );
        let request = http::Request::builder()
            .method("POST")
            .uri("/iam/oauth/token")
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.into())
            .unwrap();
        assert_oauth_error(&service.send(request).await, 400, "invalid_client");
    }
}

/// fapi2-security-profile-final-ensure-client-assertion-with-exp-is-5-minutes-in-past-fails
#[tokio::test]
async fn c108_an_assertion_is_over_after_a_minute() {
    let key = eddsa();
    let service = service(&key).await;
    service.clock.advance_secs(75);
    let late = ask(&service, &key.jwt(&claims("1"))).await;
    assert_oauth_error(&late, 400, "invalid_client");
}

#[tokio::test]
async fn c109_an_assertion_is_good_once() {
    let key = eddsa();
    let service = std::sync::Arc::new(service(&key).await);
    let jwt = key.jwt(&claims("1"));
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (service, jwt) = (std::sync::Arc::clone(&service), jwt.clone());
        all.spawn(async move { ask(&service, &jwt).await.status == 200 });
    }
    let good = all
        .join_all()
        .await
        .into_iter()
        .filter(|good| *good)
        .count();
    assert_eq!(good, 1);
    // The same `jti` in another assertion is no better, and another one is.
    let mut again = claims("1");
    again["exp"] = (START.secs() + 59).into();
    assert_oauth_error(
        &ask(&service, &key.jwt(&again)).await,
        400,
        "invalid_client",
    );
    assert_minted(&ask(&service, &key.jwt(&claims("2"))).await);
}

#[tokio::test]
async fn c109_a_jti_belongs_to_its_client_and_is_kept_until_it_is_over() {
    let key = eddsa();
    let service = service(&key).await;
    let other = OAuthClient {
        client_id: "other".parse().unwrap(),
        subject: sessionmint_oauth::ClientSubject::from_random([2; 16]),
        ..signer(&key)
    };
    service.add_oauth_client(other, None).await;
    assert_minted(&ask(&service, &key.jwt(&claims("1"))).await);
    let mut others = claims("1");
    (others["iss"], others["sub"]) = ("other".into(), "other".into());
    assert_minted(&ask(&service, &key.jwt(&others)).await);
    use sessionmint_store::Marks as _;
    let until = START.plus_secs(75);
    assert_eq!(service.store.purge_marks(until).await, Ok(0));
    assert_eq!(service.store.purge_marks(until.plus_secs(1)).await, Ok(2));
}

#[tokio::test]
async fn c109_what_is_refused_uses_nothing_up() {
    let key = eddsa();
    let service = service(&key).await;
    let mut wrong = claims("1");
    wrong["aud"] = "https://evil.example".into();
    ask(&service, &key.jwt(&wrong)).await;
    ask(&service, &eddsa().jwt(&claims("1"))).await;
    assert_minted(&ask(&service, &key.jwt(&claims("1"))).await);
}

#[tokio::test]
async fn c111_a_disabled_client_is_refused_with_a_signature_too() {
    let key = eddsa();
    let service = service(&key).await;
    let id = signer(&key).client_id;
    let disabled = service
        .store
        .set_oauth_client_disabled(&id, true, By::service(START));
    disabled.await.unwrap();
    let answer = ask(&service, &key.jwt(&claims("1"))).await;
    assert_oauth_error(&answer, 400, "invalid_client");
    service.app.write_refusals().await.unwrap();
    let filter = AuditFilter {
        kinds: vec![AuditKind::ClientRefused],
        ..AuditFilter::default()
    };
    let records = service.store.audit(&filter, None, 10).await.unwrap();
    assert_eq!(records[0].client_id, Some(id));
}

#[tokio::test]
async fn c105_an_assertion_counts_for_nothing_from_a_client_with_a_secret() {
    let key = eddsa();
    let service = service(&key).await;
    let other = OAuthClient {
        client_id: "worker".parse().unwrap(),
        subject: sessionmint_oauth::ClientSubject::from_random([2; 16]),
        authentication: ClientAuthentication::ClientSecretBasic,
        ..signer(&key)
    };
    service.add_oauth_client(other, Some("s")).await;
    let mut claims = claims("1");
    (claims["iss"], claims["sub"]) = ("worker".into(), "worker".into());
    let answer = ask(&service, &key.jwt(&claims)).await;
    assert_oauth_error(&answer, 400, "invalid_client");
}

#[tokio::test]
async fn c110_keys_behind_a_private_address_are_out_of_reach_and_that_is_no_refusal() {
    let key = eddsa();
    let service = TestService::start().await;
    let client = OAuthClient {
        keys: Some(ClientKeys::JwksUri("https://127.0.0.1/jwks".to_owned())),
        ..signer(&key)
    };
    service.add_oauth_client(client, None).await;
    let answer = ask(&service, &key.jwt(&claims("1"))).await;
    assert_oauth_error(&answer, 503, "temporarily_unavailable");
}
