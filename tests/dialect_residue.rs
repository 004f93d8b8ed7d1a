//! What an exchange leaves of plaintexts in the memory of the process, once its response is wiped: nothing, in any
//! dialect, neither as bytes nor as base64, however the request writes it and whether it is answered or refused. A child
//! does the exchanges and has its memory searched.

#[path = "support/memory.rs"]
mod memory;

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kms::crypto::aad::Aad;
use kms::dialect::{self, Dialect, Request, Response};
use kms::engine::{CreateKeyRequest, DecryptRequest, GrantTokens, Kms, OpenOptions, Output};
use kms::error::Status;
use kms::root::RootKeySource;
use memory::Needles;
use zeroize::Zeroizing;

const STORE: &str = "DIALECT_RESIDUE_STORE";
const KEY: &str = "residue";
const SECRET_SIZE: usize = 96;

/// How a request writes its base64.
#[derive(Clone, Copy, PartialEq)]
enum Written {
    /// As it is.
    Plain,
    /// Every character as an escape of JSON, or of a form.
    Escaped,
    /// Escaped, with a line break in it, which no vendor reads.
    Broken,
    /// Escaped, in a body that ends too early.
    Cut,
}

fn open(store: &str, flags: u32) -> Kms {
    let options = OpenOptions {
        store,
        root: RootKeySource::Raw(&[3; 32]),
        account_id: None,
        region: None,
        flags,
        max_staleness_ms: 0,
        timeout_ms: 0,
        max_cached_keys: 0,
        audit: None,
    };
    Kms::open(&options).expect("the store")
}

/// A request's bytes, in memory that does not move while they grow.
struct Bytes(Zeroizing<Vec<u8>>);

impl Bytes {
    fn new() -> Self {
        Bytes(Zeroizing::new(Vec::with_capacity(4096)))
    }

    fn and(mut self, bytes: &[u8]) -> Self {
        assert!(self.0.len() + bytes.len() <= 4096);
        self.0.extend_from_slice(bytes);
        self
    }

    /// A field of bytes, of less than 16384.
    fn field(self, tag: u8, bytes: &[u8]) -> Self {
        let len = bytes.len();
        let size = [(len & 0x7f) as u8 | 0x80, (len >> 7) as u8];
        self.and(&[tag << 3 | 2]).and(&size).and(bytes)
    }
}

fn send(kms: &Kms, dialect: Dialect, operation: &str, body: Bytes) -> Response {
    let headers = format!(
        "x-kms-apiversion: dkms-gcs-0.2\r\nx-kms-apiname: {operation}\r\nx-acs-action: {operation}\r\n\
         x-tc-action: {operation}\r\nx-amz-target: TrentService.{operation}\r\n"
    );
    let first_small = || operation[..1].to_lowercase() + &operation[1..];
    let target = match dialect {
        Dialect::YandexGrpc => format!("/yandex.cloud.kms.v1.SymmetricCryptoService/{operation}"),
        Dialect::YandexRest => format!("/kms/v1/keys/{KEY}:{}", first_small()),
        Dialect::Tencent => format!("/v2/index.php?Action={operation}"),
        _ => "/".into(),
    };
    let response = dialect::answer(kms, dialect, &Request::new(None, &target, headers.as_bytes(), &body.0));
    response.expect("an answer")
}

fn send_well(kms: &Kms, dialect: Dialect, operation: &str, body: Bytes) -> Response {
    let response = send(kms, dialect, operation, body);
    assert_eq!(response.status, Status::Ok, "{dialect:?} {operation}: {}", response.message);
    response
}

/// Base64 in a body of JSON, or in a form.
fn write(start: Bytes, dialect: Dialect, text: &str, written: Written) -> Bytes {
    let is_form = matches!(dialect, Dialect::AlibabaRpc | Dialect::Tencent);
    text.bytes().enumerate().fold(start, |body, (index, byte)| {
        let body = match (written, is_form) {
            (Written::Broken, true) if index == 60 => body.and(b"%0A"),
            (Written::Broken, false) if index == 60 => body.and(b"\\n"),
            _ => body,
        };
        match (written, is_form) {
            // A plus sign is a space in a form.
            (Written::Plain, true) if byte == b'+' => body.and(b"%2B"),
            (Written::Plain, _) => body.and(&[byte]),
            (_, true) => body.and(format!("%{byte:02X}").as_bytes()),
            (_, false) => body.and(format!("\\u{byte:04x}").as_bytes()),
        }
    })
}

/// A request with a key, and a plaintext or a ciphertext.
fn body(dialect: Dialect, key: bool, value: Option<(&str, u8, &[u8])>, written: Written) -> Bytes {
    let text = value.map(|(_, _, bytes)| Zeroizing::new(STANDARD.encode(bytes)));
    let text = text.as_ref().map_or("", |text| text.as_str());
    let name = value.map_or("", |(name, _, _)| name);
    let start = Bytes::new();
    let end: &[u8] = if written == Written::Cut { b"" } else { b"\"}" };
    match dialect {
        Dialect::YandexGrpc | Dialect::AlibabaDkms => {
            let start = if key { start.field(1, KEY.as_bytes()) } else { start };
            value.map_or(Bytes::new().and(&start.0), |(_, tag, bytes)| {
                Bytes::new().and(&start.0).field(tag, bytes)
            })
        }
        Dialect::YandexRest if value.is_none() => start.and(b"{}"),
        Dialect::YandexRest => {
            let name = if name == "Plaintext" { "plaintext" } else { "ciphertext" };
            let start = start.and(format!("{{\"{name}\":\"").as_bytes());
            write(start, dialect, text, written).and(end)
        }
        Dialect::AlibabaRpc | Dialect::Tencent => {
            let small = dialect == Dialect::Tencent;
            let case = |name: &str| if small { name[..1].to_lowercase() + &name[1..] } else { name.into() };
            let start = if key { start.and(format!("{}={KEY}", case("KeyId")).as_bytes()) } else { start };
            let start =
                if value.is_some() { start.and(format!("&{}=", case(name)).as_bytes()) } else { start };
            write(start, dialect, text, written).and(if written == Written::Cut { b"%4" } else { b"" })
        }
        _ => {
            let key = if key { format!("\"KeyId\":\"{KEY}\",") } else { String::new() };
            let start = start.and(b"{").and(key.as_bytes());
            match value {
                None => start.and(b"\"KeySpec\":\"AES_256\"}"),
                Some(_) => {
                    write(start.and(format!("\"{name}\":\"").as_bytes()), dialect, text, written).and(end)
                }
            }
        }
    }
}

/// The ciphertext blob in a response, which has no plaintext: it begins with the format's mark, also in base64.
fn blob(response: &Response) -> Vec<u8> {
    let body = response.body.as_slice();
    if let Some(at) = body.windows(4).position(|four| four == b"KM\x01\x01") {
        return body[at..].iter().copied().take(SECRET_SIZE + 96).collect();
    }
    let at = body.windows(5).position(|five| five == b"S00BA").expect("a blob");
    let text = body[at..].split(|byte| *byte == b'"').next().expect("a text");
    STANDARD.decode(text).expect("base64")
}

/// The child's part: tells when it has the secret, and again when every exchange is over and its copy is wiped.
#[test]
fn in_the_child() {
    let Ok(store) = std::env::var(STORE) else { return };
    let kms = open(&store, 0);
    let mut secret = Zeroizing::new(vec![0; SECRET_SIZE]);
    let mut input = File::open("/dev/stdin").expect("the input");
    input.read_exact(&mut secret).expect("the secret");
    println!("\nhas the secret");
    input.read_exact(&mut [0]).expect("a sign");
    for dialect in Dialect::ALL {
        let plaintext_tag = if dialect == Dialect::YandexGrpc { 4 } else { 2 };
        let encrypt =
            |written| body(dialect, true, Some(("Plaintext", plaintext_tag, secret.as_slice())), written);
        send_well(&kms, dialect, "Encrypt", encrypt(Written::Plain));
        let sealed = blob(&send_well(&kms, dialect, "Encrypt", encrypt(Written::Escaped)));
        if !matches!(dialect, Dialect::YandexGrpc | Dialect::AlibabaDkms) {
            for written in [Written::Broken, Written::Cut] {
                let refused = send(&kms, dialect, "Encrypt", encrypt(written));
                assert_eq!(refused.status, Status::InvalidArgument, "{dialect:?}: {}", refused.message);
            }
        }
        let (name, key, tag) = match dialect {
            Dialect::YandexGrpc => ("Decrypt", true, 3),
            Dialect::AlibabaDkms => ("AdvanceDecrypt", false, 1),
            _ => ("Decrypt", false, 0),
        };
        let ciphertext = body(dialect, key, Some(("CiphertextBlob", tag, &sealed)), Written::Escaped);
        let opened = send_well(&kms, dialect, name, ciphertext);
        assert!(opened.body.len() > SECRET_SIZE);
        drop(opened);
        // The data key is known to who opens its blob.
        let made = send_well(&kms, dialect, "GenerateDataKey", body(dialect, true, None, Written::Plain));
        let made = blob(&made);
        let hex: String = made.iter().take(128).map(|byte| format!("{byte:02x}")).collect();
        println!("\nmade {hex}");
    }
    drop(secret);
    println!("\nis done");
    input.read_exact(&mut [0]).expect("a sign");
    drop(kms);
}

struct Memory([Vec<u8>; 1]);

impl Output<1> for Memory {
    fn reserve(&mut self, needs: [usize; 1]) -> kms::Result<[Option<&mut [u8]>; 1]> {
        self.0[0].resize(needs[0], 0);
        Ok(self.0.each_mut().map(|place| Some(place.as_mut_slice())))
    }
}

fn open_blob(kms: &Kms, ciphertext: &[u8]) -> Vec<u8> {
    let grant_tokens = GrantTokens::new();
    let request =
        DecryptRequest { ciphertext, iv: &[], key_id: None, aad: Aad::None, grant_tokens, flags: 0 };
    let mut memory = Memory([Vec::new()]);
    kms.decrypt(&request, &mut memory).expect("a data key");
    let [plaintext] = memory.0;
    plaintext
}

/// Reads lines of the child up to one; gives those before it.
fn read_to(output: &mut impl Read, line: &str) -> Vec<String> {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(format!("\n{line}\n").as_bytes()) {
        assert_eq!(
            output.read(&mut byte).expect("the child's output"),
            1,
            "{}",
            String::from_utf8_lossy(&text)
        );
        text.push(byte[0]);
    }
    String::from_utf8(text).expect("text").lines().map(str::to_string).collect()
}

fn found(child: &Child, needles: &Needles) -> String {
    let memory = memory::read(child.id());
    memory::report(memory.iter().flat_map(|(mapping, bytes)| {
        needles.find_in(bytes).into_iter().map(move |(offset, name)| (mapping, offset as u64, name))
    }))
}

#[test]
fn nothing_of_a_plaintext_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = format!("sqlite:{}", folder.path().join("keys.db").display());
    let kms = open(&store, kms::capi::constants::KMS_OPEN_CREATE);
    kms.create_key(&CreateKeyRequest { key_id: Some(KEY), ..CreateKeyRequest::default() }).expect("a key");
    let mut secret = [0; SECRET_SIZE];
    kms::crypto::uuid::fill_from_kernel(&mut secret).expect("random bytes");

    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "in_the_child", "--nocapture"])
        .env(STORE, &store)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let mut input = child.stdin.take().expect("the child's input");
    let mut output = child.stdout.take().expect("the child's output");
    input.write_all(&secret).expect("to send");
    let mut needles = Needles::default();
    needles.add("the plaintext", &secret);
    needles.add("the plaintext in base64", STANDARD.encode(secret).as_bytes());
    read_to(&mut output, "has the secret");
    assert!(found(&child, &needles).contains("the plaintext"), "what is there is found");

    input.write_all(b"1").expect("to send");
    let lines = read_to(&mut output, "is done");
    let made: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("made ")).collect();
    assert_eq!(made.len(), Dialect::ALL.len());
    for (hex, dialect) in made.iter().zip(Dialect::ALL) {
        let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("a byte");
        let ciphertext: Vec<u8> = (0..hex.len()).step_by(2).map(digit).collect();
        let data_key = open_blob(&kms, &ciphertext);
        needles.add(&format!("a data key of {dialect:?}"), &data_key);
        needles.add(&format!("a data key of {dialect:?} in base64"), STANDARD.encode(&data_key).as_bytes());
    }
    assert_eq!(found(&child, &needles), "");
    input.write_all(b"2").expect("to send");
    drop(input);
    assert!(child.wait().expect("the child's end").success());
}
