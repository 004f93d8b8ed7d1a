//! A store that is spoken to in AWS's or QKMS's dialect, for their tests.

#![allow(dead_code)] // every test file uses its own part

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kms::capi::constants::*;
use serde_json::{Value, json};

use crate::exchange::Received;
use crate::handle::{Handle, Open};
use crate::keys::NewKey;

pub const ACCOUNT: &str = "111122223333";
pub const KEY: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

/// A store with KEY (alias/app) in it, spoken to in one dialect.
pub struct Service {
    pub kms: Handle,
    pub dialect: u32,
}

impl Service {
    pub fn new(dialect: u32) -> Service {
        let how = Open { root_key: &[0x5a; 32], flags: KMS_OPEN_CREATE, ..Open::default() };
        let kms = Handle::open_with("memory:", how, |options| {
            options.account_id = c"111122223333".as_ptr();
            options.region = c"us-east-1".as_ptr();
        })
        .expect("a store in memory");
        kms.create(NewKey { id: Some(KEY), alias: Some("alias/app"), ..NewKey::default() }).expect("a key");
        Service { kms, dialect }
    }

    /// The same service for another principal.
    pub fn as_principal(&self, principal: &str) -> Service {
        Service { kms: self.kms.as_principal(principal), dialect: self.dialect }
    }

    pub fn both(test: impl Fn(&Service)) {
        [KMS_DIALECT_QKMS, KMS_DIALECT_AWS].into_iter().for_each(|dialect| test(&Service::new(dialect)));
    }

    pub fn arn(&self, resource: &str) -> String {
        match self.dialect {
            KMS_DIALECT_AWS => format!("arn:aws:kms:us-east-1:{ACCOUNT}:{resource}"),
            _ => format!("arn:verenc:{ACCOUNT}:{resource}"),
        }
    }

    pub fn key_arn(&self, key_id: &str) -> String {
        self.arn(&format!("key/{key_id}"))
    }

    pub fn call(&self, operation: &str, arguments: Value) -> Received {
        let answer = self.kms.aws(self.dialect, operation, arguments);
        check_form(&answer);
        answer
    }

    pub fn ok(&self, operation: &str, arguments: Value) -> Value {
        let answer = self.call(operation, arguments);
        assert_eq!((answer.http_status, answer.status), (200, KMS_OK), "{operation}: {}", answer.message);
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// Code and message.
    pub fn error(&self, operation: &str, arguments: Value) -> (String, String) {
        let answer = self.call(operation, arguments);
        assert_eq!(answer.http_status, 400, "{operation}: {}", String::from_utf8_lossy(&answer.body));
        let body = answer.json();
        let text = |member: &str| body[member].as_str().expect("a text").to_string();
        (text("__type"), text("message"))
    }

    pub fn refused(&self, code: &str, message: &str, operation: &str, arguments: Value) {
        let error = self.error(operation, arguments);
        assert_eq!(error, (code.to_string(), message.to_string()), "{operation}");
    }

    pub fn invalid(&self, message: &str, operation: &str, arguments: Value) {
        self.refused("ValidationException", message, operation, arguments);
    }

    /// One validation error.
    pub fn constraint(&self, message: &str, operation: &str, arguments: Value) {
        self.invalid(&format!("1 validation error detected: {message}"), operation, arguments);
    }

    pub fn data_key(&self) -> (Vec<u8>, String) {
        let answer = self.ok("GenerateDataKey", json!({ "KeyId": KEY, "KeySpec": "AES_256" }));
        (unbase64(&answer["Plaintext"]), answer["CiphertextBlob"].as_str().expect("a blob").into())
    }
}

/// What every answer has.
pub fn check_form(answer: &Received) {
    assert_eq!(answer.grpc_status, -1);
    assert_eq!(answer.header("content-type"), Some("application/x-amz-json-1.1"));
    assert_eq!(answer.header("x-amzn-RequestId"), Some(answer.request_id.as_str()));
    assert_eq!(answer.request_id.len(), 36);
    assert_eq!(answer.http_status == 200, answer.status == KMS_OK);
    assert_eq!(answer.message.is_empty(), answer.status == KMS_OK);
}

pub fn unbase64(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().expect("a text")).expect("base64")
}

pub fn members(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

pub fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    i64::try_from(now.as_secs()).expect("seconds")
}
