//! A store in memory, and requests of vendors' SDKs on it, answered in Rust without C in between; the recorded requests.
#![allow(dead_code)] // each test uses what it needs

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kms::crypto::aad::Aad;
use kms::dialect::{self, Dialect, Request, Response};
use kms::engine::{
    AliasRequest, CreateKeyRequest, DataKeyRequest, DecryptRequest, GrantTokens, KeyRequest, Kms,
    OpenOptions, Output, ScheduleRequest,
};
use kms::error::Status;
use kms::root::RootKeySource;
use serde_json::Value;

pub const ACCOUNT: &str = "000000000000";
pub const REGION: &str = "local";

/// An open store, and the dialect that a test speaks.
pub struct Service {
    pub kms: Kms,
    pub dialect: Dialect,
}

/// Outputs that grow.
struct Memory<const N: usize>([Vec<u8>; N]);

impl<const N: usize> Output<N> for Memory<N> {
    fn reserve(&mut self, needs: [usize; N]) -> kms::Result<[Option<&mut [u8]>; N]> {
        self.0.iter_mut().zip(needs).for_each(|(place, need)| place.resize(need, 0));
        Ok(self.0.each_mut().map(|place| Some(place.as_mut_slice())))
    }
}

impl Service {
    pub fn new(dialect: Dialect) -> Self {
        let options = OpenOptions {
            store: "memory:",
            root: RootKeySource::Raw(&[1; 32]),
            account_id: None,
            region: None,
            flags: kms::capi::constants::KMS_OPEN_CREATE,
            max_staleness_ms: 0,
            timeout_ms: 0,
            max_cached_keys: 0,
            audit: None,
        };
        Service { kms: Kms::open(&options).expect("a store"), dialect }
    }

    /// With a key of that id.
    pub fn with_key(dialect: Dialect, key_id: &str) -> Self {
        let service = Service::new(dialect);
        service.create(key_id);
        service
    }

    pub fn create(&self, key_id: &str) {
        let request = CreateKeyRequest { key_id: Some(key_id), ..CreateKeyRequest::default() };
        self.kms.create_key(&request).expect("a key");
    }

    /// A key whose material is to be imported.
    pub fn create_external(&self, key_id: &str) {
        let request = CreateKeyRequest { key_id: Some(key_id), origin: 1, ..CreateKeyRequest::default() };
        self.kms.create_key(&request).expect("a key");
    }

    pub fn alias(&self, alias: &str, key_id: &str) {
        self.kms.create_alias(&AliasRequest { alias, key_id, flags: 0 }).expect("an alias");
    }

    pub fn disable(&self, key_id: &str) {
        self.kms.disable_key(&KeyRequest::of(key_id, 0)).expect("a key that is enabled");
    }

    pub fn enable(&self, key_id: &str) {
        self.kms.enable_key(&KeyRequest::of(key_id, 0)).expect("a key that is disabled");
    }

    /// Gives the id of the new version.
    pub fn rotate(&self, key_id: &str) -> String {
        self.kms.rotate_key(&KeyRequest::of(key_id, 0)).expect("a new version").version_id
    }

    pub fn schedule_deletion(&self, key_id: &str) {
        let request = ScheduleRequest {
            key_id,
            version_id: None,
            grant_tokens: GrantTokens::new(),
            waiting_days: 30,
            flags: 0,
        };
        self.kms.schedule_key_deletion(&request).expect("a key to delete");
    }

    pub fn primary(&self, key_id: &str) -> String {
        self.kms.describe_key(&KeyRequest::of(key_id, 0)).expect("a key").primary_version_id
    }

    /// A data key of 32 bytes, not through the dialect: its ciphertext and itself.
    pub fn native_data_key<'a>(&self, key_id: &'a str, aad: Aad<'a>) -> (Vec<u8>, Vec<u8>) {
        let request = DataKeyRequest {
            key_id,
            version_id: None,
            key_spec: 0,
            number_of_bytes: 0,
            aad,
            grant_tokens: GrantTokens::new(),
            flags: 0,
        };
        let mut memory = Memory([const { Vec::new() }; 3]);
        self.kms.generate_data_key(&request, &mut memory).expect("a data key");
        let [plaintext, ciphertext, _] = memory.0;
        (ciphertext, plaintext)
    }

    /// What a ciphertext holds, not through the dialect.
    pub fn native_decrypt<'a>(&self, ciphertext: &'a [u8], aad: Aad<'a>) -> Result<Vec<u8>, Status> {
        let grant_tokens = GrantTokens::new();
        let request = DecryptRequest { ciphertext, iv: &[], key_id: None, aad, grant_tokens, flags: 0 };
        let mut memory = Memory([Vec::new()]);
        self.kms.decrypt(&request, &mut memory).map_err(|error| error.status())?;
        let [plaintext] = memory.0;
        Ok(plaintext)
    }

    pub fn send(&self, method: &str, target: &str, headers: &str, body: &[u8]) -> Response {
        let request = Request::new(Some(method), target, headers.as_bytes(), body);
        dialect::answer(&self.kms, self.dialect, &request).expect("an answer")
    }
}

/// A response's header.
pub fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response
        .headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

pub fn json(response: &Response) -> Value {
    serde_json::from_slice(response.body.as_slice()).expect("JSON")
}

/// The bytes of a member that is base64.
pub fn unbase64(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().expect("a string")).expect("base64")
}

pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub fn is_uuid(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12]
        && text.bytes().all(|b| b == b'-' || b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The names of an object's members.
pub fn names(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// A file of tests/vectors/dialects.
pub fn recorded(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/dialects").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A recorded HTTP request.
pub struct Http {
    pub method: String,
    pub target: String,
    /// Lines that end in CR LF.
    pub headers: String,
    pub body: Vec<u8>,
}

impl Http {
    pub fn recorded(name: &str) -> Self {
        let bytes = recorded(&format!("{name}.request.http"));
        // The recorder wrote lines as the platform's files have them.
        let end = bytes.windows(2).position(|two| two == b"\n\n").map(|at| (at, at + 2));
        let crlf = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| (at, at + 4));
        let (head, body) = [crlf, end].into_iter().flatten().min().expect("a blank line");
        let text = std::str::from_utf8(&bytes[..head]).expect("headers");
        let mut lines = text.lines();
        let mut first = lines.next().expect("a request line").split(' ');
        let mut part = || first.next().expect("a part").to_string();
        let (method, target) = (part(), part());
        let headers = lines.map(|line| format!("{line}\r\n")).collect();
        Http { method, target, headers, body: bytes[body..].to_vec() }
    }

    /// With another text in the body and the target.
    pub fn replace(mut self, from: &str, to: &str) -> Self {
        let body = String::from_utf8(self.body).expect("text");
        assert!(body.contains(from) || self.target.contains(from), "{from} is not in the request");
        self.body = body.replace(from, to).into_bytes();
        self.target = self.target.replace(from, to);
        self
    }

    pub fn send(&self, service: &Service) -> Response {
        service.send(&self.method, &self.target, &self.headers, &self.body)
    }
}
