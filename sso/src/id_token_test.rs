use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use serde_json::{Value, json};

use super::{Doubt, Expected, Keys, read};
use crate::SsoError;

const NOW_S: u64 = 1_700_000_100;

/// A key of RSA, and what it signed elsewhere: ring makes no such keys.
const MODULUS: &str = "ryJR_4caCSkPQKQmq2cxFOsmjqVDoyEnwukn_IscPORSLY3dULvNzZ8JwyL-4n411CUgRQVx6qwjdJg-9j3db89r\
    MawRhJHdfKRABL8vlYfdrAw4h9JiJf--AfqORivqFMrRVO7tT4VioTrmGPxmXCk3GW5W9bnBjWRdyUaRiyh_1LTF\
    ddtbsGk-H0l41cw-Vwl1waQK-YgL0Lri43KWokmlslkFrAUnVxzyykcyRcx1B18lc5-f_zn2mE3Jwli65HxoOvGK\
    O6SHMAK2_0VdYvyuyfbGZ-jqHGOlJ4EVEnvzyp1b1Mtvje3k3hyJXDiV4HZKeJv5MWoBIYvv3LoMUw";
const RS256: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InIifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUub3JnIiwiYXVkIjoiY\
    2F1c2V3YXkiLCJzdWIiOiI0MiIsIm5vbmNlIjoibiIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwNjAwf\
    Q.dTIL39qDgepHAKKSCWKRUX1-PpV5xg5ubI8hoDqdKRnymTPlD_2qDYOrnJJ340mRrCnMXTfp8eeeb0gvwIKDB0\
    WZgOJefuu86RswYnjpmBdRqf1lN46Ht_5dntvPf4CJQb9iIB4m1HK2jib2F-IREq5gMCrKVbHa2Dmz5Fc8lz_Ap3\
    XdzP3Vq3M2VIcRtylbC9PECauavd87jhAhkp3iam1tdWeaX2QI0DgG5dqP6Mk1Ze-PW1tr8X_1TIhBHJyxBjtZ18\
    gbxuzZcl2l_VXC61UjxRDldO1Kvjr994kERV5t4D5Mmml6nZeZAhsR5d0ZCJTL3pOsEHArYr9HJXGoQQ";
const PS256: &str = "eyJhbGciOiJQUzI1NiIsImtpZCI6InIifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUub3JnIiwiYXVkIjoiY\
    2F1c2V3YXkiLCJzdWIiOiI0MiIsIm5vbmNlIjoibiIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwNjAwf\
    Q.Rsuhd9dNagZjlUssHYL9WAdk6eG5sJot6ZTVqgqr5pQZO7QDudO0bkofefYnmKSY9sjDz1eNGufQvq1kPeyl7I\
    2dBL0DQD2q4Vdh_XGRddFgLMj4QRPr38SB8m-sfR8pCimL5GWyWnWk072f0ccmcj3vyCQLm-yZY27kM0if6mVeLW\
    PrFsPbGpdfhQ5IkMEaNAL1qD6NL1j1vGDNelGZqt1MxO8DZC5CchdM64phuPTtiKSDST2PJNPjSZYf3z9tz6WmZ-\
    N-JM-xn-Sd4gOFSwIaAmBjxV94tRnLZHpz1RlRCNFci534zWqS4LazUES1Jdt-AV1W-QiBxAmno1KiWg";

fn expected() -> Expected<'static> {
    Expected {
        issuer: "https://id.example.org",
        client_id: "causeway",
        nonce: "n",
        now_ms: NOW_S * 1_000,
    }
}

fn claims() -> Value {
    json!({"iss": "https://id.example.org", "aud": "causeway", "sub": "42", "nonce": "n",
           "iat": NOW_S, "exp": NOW_S + 60})
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        crate::signatures::install();
        let (rule, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(rule, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(rule, document.as_ref(), &random).unwrap())
    }

    fn key(&self) -> Value {
        let point = &self.0.public_key().as_ref()[1..];
        let (x, y) = point.split_at(32);
        json!({"kty": "EC", "crv": "P-256", "kid": "e", "use": "sig", "alg": "ES256",
               "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = self
            .0
            .sign(&SystemRandom::new(), message.as_bytes())
            .unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// What is said of a token with these claims.
    fn verdict(&self, claims: &Value) -> Result<(), &'static str> {
        let token = self.sign(&json!({"alg": "ES256", "kid": "e"}), claims);
        verdict(&token, vec![self.key()])
    }
}

fn verdict(token: &str, keys: Vec<Value>) -> Result<(), &'static str> {
    match read(token, &Keys::read(keys), &expected()) {
        Ok(_) => Ok(()),
        Err(Doubt::UnknownKey) => Err("unknown key"),
        Err(Doubt::NotValid(SsoError::NotValid(what))) => Err(what),
        Err(other) => panic!("{other:?}"),
    }
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

#[test]
fn a_token_is_believed_that_is_signed_for_us_and_now() {
    let signer = Signer::new();
    assert_eq!(signer.verdict(&claims()), Ok(()));
    let several = with("aud", json!(["other", "causeway"]));
    assert_eq!(signer.verdict(&several), Err("its authorized party"));
    let mut named = several;
    named["azp"] = json!("causeway");
    assert_eq!(signer.verdict(&named), Ok(()));
    let all = read(
        &signer.sign(&json!({"alg": "ES256"}), &claims()),
        &Keys::read(vec![json!({"kty": "odd"}), signer.key()]),
        &expected(),
    );
    assert_eq!(all.unwrap()["sub"], "42");
}

#[test]
fn a_token_is_not_believed_that_is_for_others_or_another_time() {
    let signer = Signer::new();
    for (claims, why) in [
        (with("iss", json!("https://evil.example")), "its issuer"),
        (with("aud", json!("other")), "its audience"),
        (with("aud", json!(["other"])), "its audience"),
        (with("azp", json!("other")), "its authorized party"),
        (with("nonce", json!("m")), "its nonce"),
        (without("nonce"), "its nonce"),
        (without("aud"), "a claim is missing"),
        (without("iss"), "a claim is missing"),
        (without("sub"), "a claim is missing"),
        (without("exp"), "a claim is missing"),
        (with("exp", json!(NOW_S - 60)), "it has expired"),
        (with("exp", json!("soon")), "a claim is missing"),
        (with("iat", json!(NOW_S + 61)), "it is of the future"),
        (with("nbf", json!(NOW_S + 61)), "it is of the future"),
        (with("nbf", json!(-1)), "one of its times"),
    ] {
        assert_eq!(signer.verdict(&claims), Err(why), "{claims}");
    }
    assert_eq!(signer.verdict(&with("exp", json!(NOW_S - 59))), Ok(()));
}

#[test]
fn a_token_is_not_believed_that_others_signed() {
    let (signer, other) = (Signer::new(), Signer::new());
    let token = signer.sign(&json!({"alg": "ES256", "kid": "e"}), &claims());
    assert_eq!(verdict(&token, vec![other.key()]), Err("its signature"));
    assert_eq!(verdict(&token, vec![]), Err("unknown key"));
    let mut key = signer.key();
    key["kid"] = json!("f");
    assert_eq!(verdict(&token, vec![key]), Err("unknown key"));
    let mut key = signer.key();
    key["use"] = json!("enc");
    assert_eq!(verdict(&token, vec![key]), Err("unknown key"));
    // Changed after it was signed.
    let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts[1] = encode(&with("sub", json!("43")));
    assert_eq!(
        verdict(&parts.join("."), vec![signer.key()]),
        Err("its signature")
    );
    // Not signed, or with the public key as if it were a shared secret.
    let none = format!("{}.{}.", encode(&json!({"alg": "none"})), encode(&claims()));
    assert_eq!(verdict(&none, vec![signer.key()]), Err("its header"));
    let hmac = signer.sign(&json!({"alg": "HS256", "kid": "e"}), &claims());
    assert_eq!(verdict(&hmac, vec![signer.key()]), Err("its algorithm"));
    let odd = signer.sign(&json!({"alg": "EdDSA", "kid": "e"}), &claims());
    assert_eq!(verdict(&odd, vec![signer.key()]), Err("unknown key"));
    for broken in ["", "a", "a.b", "a.b.c", "....", &"x".repeat(65_537)] {
        assert!(verdict(broken, vec![signer.key()]).is_err(), "{broken}");
    }
}

#[test]
fn tokens_of_rsa_and_ed25519_are_believed() {
    crate::signatures::install();
    let rsa = json!({"kty": "RSA", "kid": "r", "n": MODULUS, "e": "AQAB"});
    assert_eq!(verdict(RS256, vec![rsa.clone()]), Ok(()));
    assert_eq!(verdict(PS256, vec![rsa.clone()]), Ok(()));
    let mut only = rsa.clone();
    only["alg"] = json!("RS256");
    assert_eq!(verdict(RS256, vec![only.clone()]), Ok(()));
    assert_eq!(verdict(PS256, vec![only]), Err("unknown key"));
    let changed = RS256.replacen("eyJpc3Mi", "eyJpc3Nn", 1);
    assert!(verdict(&changed, vec![rsa]).is_err());

    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key());
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
    let message = format!("{}.{}", encode(&json!({"alg": "EdDSA"})), encode(&claims()));
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()));
    assert_eq!(
        verdict(&format!("{message}.{signature}"), vec![key]),
        Ok(())
    );
}
