//! The example programs, built as examples/README.md says from an installed libkms: each opens what the others made,
//! and each refuses what was altered, cut, put in another order, or made for another purpose.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

mod support;
use support::{STRICT, cc, installed_prefix, root, run, temp_dir, write_root_key};

/// 20 MiB and a bit, so that the last chunk is a short one.
const LARGE: usize = 20 * 1024 * 1024 + 12345;
const CHUNK: usize = 65536;
const TAG: usize = 16;
const SEALED_CHUNK: usize = CHUNK + TAG;
const FIXED: usize = 20;
const CONTEXT: [&str; 4] = ["--context", "tenant=7", "--context", "table=orders"];

/// Bytes that no compressor makes smaller, the same at every run (SplitMix64).
fn incompressible(len: usize, mut seed: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// One of the three programs: what to run, and what comes before `encrypt` or `decrypt`.
struct Filecrypt {
    language: &'static str,
    program: PathBuf,
    script: Option<PathBuf>,
}

impl Filecrypt {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.script);
        command.env("LD_LIBRARY_PATH", installed_prefix().join("lib"));
        command.env("PYTHONPATH", root().join("bindings/python/src"));
        command.env("LIBKMS_PATH", installed_prefix().join("lib/libkms.so.0"));
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

fn tool(name: &str, why: &str) {
    let found = Command::new(name).arg(if name == "go" { "version" } else { "--version" }).output();
    assert!(
        found.is_ok_and(|found| found.status.success()),
        "`{name}` is needed {why}; scripts/setup.sh installs it"
    );
}

/// Python with `cryptography`: what scripts/setup.sh made, else what there is.
fn python() -> PathBuf {
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("venv/bin/python");
    let python = if own.exists() { own } else { "python3".into() };
    let probe = run(Command::new(&python).args(["-c", "import cryptography"]));
    assert!(
        probe.is_ok(),
        "Python 3 with `cryptography` is needed for the examples; `make setup` installs it: {probe:?}"
    );
    python
}

fn build_c(out: &Path, sources: &[&str], flags: &[&str]) {
    tool("pkg-config", "to build the C examples");
    let mut pkg_config = Command::new("pkg-config");
    pkg_config.env("PKG_CONFIG_PATH", installed_prefix().join("lib/pkgconfig"));
    let libraries = run(pkg_config.args(["--cflags", "--libs", "kms", "libcrypto"]));
    let libraries = libraries.unwrap_or_else(|e| panic!("libkms and OpenSSL's libcrypto are needed: {e}"));
    let mut compiler = cc();
    compiler.current_dir(root().join("examples/c")).arg("-std=c99").args(STRICT).args(flags);
    compiler.arg("-o").arg(out).args(sources).args(["-x", "none"]).args(libraries.split_whitespace());
    run(&mut compiler).unwrap_or_else(|e| panic!("the C example does not compile: {e}"));
}

fn build_go(out: &Path) {
    tool("go", "to build the Go example");
    let mut go = Command::new("go");
    go.current_dir(root().join("examples/go"))
        .args(["build", "-tags", "libkms_pkgconfig", "-o"])
        .arg(out)
        .arg(".");
    go.env("PKG_CONFIG_PATH", installed_prefix().join("lib/pkgconfig")).env("CGO_ENABLED", "1");
    run(&mut go).unwrap_or_else(|e| panic!("the Go example does not compile: {e}"));
}

/// The programs, a store, a root key, and the large file.
struct Bench {
    dir: tempfile::TempDir,
    programs: [Filecrypt; 3],
}

fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        let dir = temp_dir();
        let (c, go) = (dir.path().join("filecrypt-c"), dir.path().join("filecrypt-go"));
        build_c(&c, &["filecrypt.c", "sealed_file.c"], &["-O2"]);
        build_go(&go);
        write_root_key(&dir.path().join("root.key"));
        fs::write(dir.path().join("large"), incompressible(LARGE, 1)).expect("the large file");
        let script = Some(root().join("examples/python/filecrypt.py"));
        let programs = [
            Filecrypt { language: "C", program: c, script: None },
            Filecrypt { language: "Python", program: python(), script },
            Filecrypt { language: "Go", program: go, script: None },
        ];
        Bench { dir, programs }
    })
}

impl Bench {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(
        &self,
        filecrypt: &Filecrypt,
        command: &str,
        options: &[&str],
        input: &Path,
        output: &Path,
    ) -> Outcome {
        let mut process = filecrypt.command();
        process.current_dir(self.dir.path()).arg(command);
        process.args(["--store", "sqlite:keys.db", "--root-key-uri", "file:root.key"]).args(options);
        let done = process.arg(input).arg(output).output().expect("an example program");
        let text = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
        Outcome { language: filecrypt.language, code: done.status.code(), text: text.into_owned() }
    }

    fn encrypt(&self, filecrypt: &Filecrypt, input: &Path, output: &Path) {
        let options = [&["--key", "alias/files", "--create"], &CONTEXT[..]].concat();
        self.run(filecrypt, "encrypt", &options, input, output).expect_done();
    }

    /// A file sealed by the first program, and its bytes.
    fn sealed(&self, dir: &Path, input: &Path) -> Vec<u8> {
        let sealed = dir.join("sealed");
        self.encrypt(&self.programs[0], input, &sealed);
        fs::read(sealed).expect("the sealed file")
    }

    /// Whether `filecrypt` refuses these bytes, and leaves nothing behind. If not, what it made of them.
    fn refuses(&self, filecrypt: &Filecrypt, bytes: &[u8], options: &[&str]) -> Result<Outcome, Vec<u8>> {
        let dir = temp_dir();
        let (input, output) = (dir.path().join("in"), dir.path().join("out"));
        fs::write(&input, bytes).expect("the input");
        let outcome = self.run(filecrypt, "decrypt", options, &input, &output);
        if outcome.code == Some(0) {
            return Err(fs::read(output).expect("the output"));
        }
        assert_eq!(outcome.code, Some(1), "{}: {}", outcome.language, outcome.text);
        assert!(
            outcome.text.contains("refused") || outcome.text.contains("KMS_"),
            "no reason: {}",
            outcome.text
        );
        let left: Vec<_> = fs::read_dir(dir.path())
            .expect("the directory")
            .map(|e| e.expect("an entry").file_name())
            .collect();
        assert_eq!(left, ["in"], "{}: a refused file left something behind", outcome.language);
        Ok(outcome)
    }
}

struct Outcome {
    language: &'static str,
    code: Option<i32>,
    text: String,
}

impl Outcome {
    fn expect_done(&self) {
        assert_eq!(self.code, Some(0), "{}: {}", self.language, self.text);
    }
}

#[test]
fn each_opens_what_the_others_made() {
    let bench = bench();
    let large = fs::read(bench.path("large")).expect("the large file");
    let dir = temp_dir();
    for maker in &bench.programs {
        let sealed = dir.path().join("sealed");
        bench.encrypt(maker, &bench.path("large"), &sealed);
        let len = fs::metadata(&sealed).expect("the sealed file").len() as usize;
        let chunks = LARGE.div_ceil(CHUNK);
        assert_eq!(
            len,
            FIXED + 128 + "tenant\x007\0table\0orders\0".len() + LARGE + chunks * TAG,
            "{}",
            maker.language
        );
        for opener in &bench.programs {
            let opened = dir.path().join("opened");
            bench.run(opener, "decrypt", &CONTEXT, &sealed, &opened).expect_done();
            assert!(
                fs::read(&opened).expect("opened") == large,
                "{} from {}",
                opener.language,
                maker.language
            );
            let mode = fs::metadata(&opened).expect("opened").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "what was decrypted is its owner's alone");
            fs::remove_file(opened).expect("opened");
        }
    }
}

#[test]
fn every_size_at_the_edge_of_a_chunk() {
    let bench = bench();
    let dir = temp_dir();
    let (plain, sealed, opened) =
        (dir.path().join("plain"), dir.path().join("sealed"), dir.path().join("opened"));
    for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
        let bytes = incompressible(size, size as u64);
        fs::write(&plain, &bytes).expect("plain");
        for maker in &bench.programs {
            bench.encrypt(maker, &plain, &sealed);
            for opener in &bench.programs {
                bench.run(opener, "decrypt", &[], &sealed, &opened).expect_done();
                assert!(
                    fs::read(&opened).expect("opened") == bytes,
                    "{size} bytes: {} from {}",
                    opener.language,
                    maker.language
                );
            }
        }
    }
}

/// Where things are in a sealed file.
struct Layout {
    wrapped: usize,
    context: usize,
    chunks: usize,
}

impl Layout {
    fn of(sealed: &[u8]) -> Layout {
        let u16_at = |at: usize| usize::from(u16::from_be_bytes([sealed[at], sealed[at + 1]]));
        let (wrapped_len, context_len) = (u16_at(16), u16_at(18));
        Layout { wrapped: FIXED, context: FIXED + wrapped_len, chunks: FIXED + wrapped_len + context_len }
    }

    fn chunk(&self, number: usize) -> usize {
        self.chunks + number * SEALED_CHUNK
    }
}

/// Every way in which a sealed file may be not as it was made.
fn altered(sealed: &[u8]) -> Vec<(String, Vec<u8>)> {
    let at = Layout::of(sealed);
    let mut all = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>| all.push((name.to_string(), bytes));
    let last = at.chunk((sealed.len() - at.chunks) / SEALED_CHUNK);
    for (name, offset) in [
        ("the magic", 0),
        ("the version", 4),
        ("the nonce prefix", 5),
        ("the nonce prefix's end", 11),
        ("the chunk size's high byte", 12),
        ("the chunk size's low byte", 15),
        ("the wrapped key's length", 17),
        ("the context's length", 19),
        ("the wrapped key's magic", at.wrapped),
        ("the wrapped key's format", at.wrapped + 2),
        ("the wrapped key's KMS key", at.wrapped + 4),
        ("the wrapped key's version", at.wrapped + 23),
        ("the wrapped key's commitment", at.wrapped + 24),
        ("the wrapped key's IV", at.wrapped + 68),
        ("the wrapped key itself", at.wrapped + 80),
        ("the wrapped key's tag", at.context - 1),
        ("a name of the context", at.context),
        ("a value of the context", at.context + 7),
        ("a NUL of the context", at.context + 6),
        ("the last NUL of the context", at.chunks - 1),
        ("the first chunk", at.chunk(0)),
        ("the first chunk's tag", at.chunk(1) - TAG),
        ("a chunk in the middle", at.chunk(7) + CHUNK / 2),
        ("the tag of a chunk in the middle", at.chunk(8) - 1),
        ("the last chunk", last),
        ("the last tag", sealed.len() - 1),
    ] {
        let mut bytes = sealed.to_vec();
        bytes[offset] ^= 1;
        add(&format!("a flipped bit in {name}"), bytes);
    }
    for (name, len) in [
        ("at its end", sealed.len() - 1),
        ("in the last tag", sealed.len() - TAG / 2),
        ("in the last chunk", last + 100),
        ("exactly after a chunk", last),
        ("exactly after another chunk", at.chunk(3)),
        ("in the middle of a chunk", at.chunk(3) + CHUNK / 3),
        ("shorter than a tag", at.chunk(3) + TAG - 1),
        ("after the header", at.chunks),
        ("in the context", at.context + 3),
        ("in the wrapped key", at.wrapped + 64),
        ("in the first bytes", FIXED - 1),
        ("to nothing", 0),
    ] {
        add(&format!("cut {name}"), sealed[..len].to_vec());
    }
    let chunk = |number: usize| &sealed[at.chunk(number)..at.chunk(number + 1)];
    let head = |chunks: usize| &sealed[..at.chunk(chunks)];
    let tail = |chunks: usize| &sealed[at.chunk(chunks)..];
    add("two neighbouring chunks swapped", [head(2), chunk(3), chunk(2), tail(4)].concat());
    add(
        "two distant chunks swapped",
        [head(0), chunk(9), &sealed[at.chunk(1)..at.chunk(9)], chunk(0), tail(10)].concat(),
    );
    add("a chunk twice", [head(3), chunk(2), tail(3)].concat());
    add("a chunk left out", [head(3), tail(4)].concat());
    add("the first chunk left out", [head(0), tail(1)].concat());
    add("a byte appended", [sealed, &[0]].concat());
    add("the last chunk appended again", [sealed, &sealed[last..]].concat());
    add("an empty chunk appended", [sealed, &[0; TAG]].concat());
    all
}

#[test]
fn altered_cut_and_reordered_files_are_refused() {
    let bench = bench();
    let dir = temp_dir();
    let sealed = bench.sealed(dir.path(), &bench.path("large"));
    for filecrypt in &bench.programs {
        for (name, bytes) in altered(&sealed) {
            assert_ne!(bytes, sealed, "{name} changes nothing");
            let refused = bench.refuses(filecrypt, &bytes, &[]).is_ok();
            assert!(refused, "{}: {name} was not noticed", filecrypt.language);
        }
        // The negative twin: what is as it was made is not refused by the same check.
        let plain = bench.refuses(filecrypt, &sealed, &[]).err().expect("the file as it was made");
        assert!(plain == fs::read(bench.path("large")).expect("large"), "{}", filecrypt.language);
    }
}

#[test]
fn chunks_of_another_file_are_refused() {
    let bench = bench();
    let dir = temp_dir();
    let plain = dir.path().join("plain");
    fs::write(&plain, incompressible(3 * CHUNK, 5)).expect("plain");
    let (one, other) = (bench.sealed(dir.path(), &plain), bench.sealed(dir.path(), &plain));
    let at = Layout::of(&one);
    for filecrypt in &bench.programs {
        for chunk in 0..3 {
            let mut mixed = one.clone();
            mixed[at.chunk(chunk)..at.chunk(chunk + 1)]
                .copy_from_slice(&other[at.chunk(chunk)..at.chunk(chunk + 1)]);
            assert!(bench.refuses(filecrypt, &mixed, &[]).is_ok(), "{}: chunk {chunk}", filecrypt.language);
        }
        let headless = [&other[..at.chunks], &one[at.chunks..]].concat();
        assert!(bench.refuses(filecrypt, &headless, &[]).is_ok(), "{}: another header", filecrypt.language);
    }
}

#[test]
fn the_wrong_context_and_the_wrong_key_are_refused() {
    let bench = bench();
    let dir = temp_dir();
    let plain = dir.path().join("plain");
    fs::write(&plain, b"for tenant 7").expect("plain");
    let sealed = bench.sealed(dir.path(), &plain);
    // A second KMS key, so that it is known and still the wrong one.
    let other = ["--key", "alias/others", "--create"];
    bench.run(&bench.programs[0], "encrypt", &other, &plain, &dir.path().join("other")).expect_done();
    let at = Layout::of(&sealed);
    let mut for_tenant_8 = sealed.clone();
    for_tenant_8[at.context + "tenant\0".len()] = b'8';
    for filecrypt in &bench.programs {
        for options in [
            &["--context", "tenant=8"][..],
            &["--context", "tenant="],
            &["--context", "tenant=77"],
            &["--context", "Tenant=7"],
            &["--context", "tenant=7", "--context", "table=invoices"],
            &["--context", "shelf=7"],
            &["--key", "alias/others"],
            &["--key", "alias/no-such-key"],
        ] {
            let refused = bench.refuses(filecrypt, &sealed, options).is_ok();
            assert!(refused, "{}: {options:?} was not noticed", filecrypt.language);
        }
        // Whoever edits the context in the file convinces the program, but not the KMS.
        let outcome = bench.refuses(filecrypt, &for_tenant_8, &["--context", "tenant=8"]);
        let outcome =
            outcome.unwrap_or_else(|_| panic!("{}: an edited context was believed", filecrypt.language));
        assert!(outcome.text.contains("context, or its IV is not what was encrypted"), "{}", outcome.text);
        // Negative twins: a part of the context, all of it, and the right key.
        for options in [&[][..], &["--context", "tenant=7"], &CONTEXT, &["--key", "alias/files"]] {
            let plain = bench.refuses(filecrypt, &sealed, options).err();
            assert_eq!(plain.as_deref(), Some(&b"for tenant 7"[..]), "{}: {options:?}", filecrypt.language);
        }
    }
}

#[test]
fn a_refused_file_leaves_what_was_there_before() {
    let bench = bench();
    let dir = temp_dir();
    let mut sealed = bench.sealed(dir.path(), &bench.path("large"));
    *sealed.last_mut().expect("a last byte") ^= 1; // found out when all but the last chunk is written
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    fs::write(&input, &sealed).expect("in");
    for filecrypt in &bench.programs {
        fs::write(&output, "what was there before").expect("out");
        let outcome = bench.run(filecrypt, "decrypt", &[], &input, &output);
        assert_eq!(outcome.code, Some(1), "{}: {}", outcome.language, outcome.text);
        assert_eq!(fs::read(&output).expect("out"), b"what was there before", "{}", filecrypt.language);
    }
}

#[test]
fn mistakes_of_the_caller_have_a_clear_end() {
    let bench = bench();
    let dir = temp_dir();
    let (plain, out) = (dir.path().join("plain"), dir.path().join("out"));
    fs::write(&plain, b"x").expect("plain");
    for filecrypt in &bench.programs {
        let language = filecrypt.language;
        let missing = bench.run(filecrypt, "encrypt", &["--key", "alias/never-made"], &plain, &out);
        assert_eq!(missing.code, Some(1), "{language}: {}", missing.text);
        assert!(missing.text.contains("alias/never-made"), "{language}: {}", missing.text);
        let missing = bench.run(filecrypt, "decrypt", &[], &dir.path().join("no such file"), &out);
        assert_eq!(missing.code, Some(1), "{language}: {}", missing.text);
        let usage = bench.run(filecrypt, "encrypt", &[], &plain, &out); // no --key
        assert_eq!(usage.code, Some(2), "{language}: {}", usage.text);
        let usage = bench.run(filecrypt, "reencrypt", &[], &plain, &out);
        assert_eq!(usage.code, Some(2), "{language}: {}", usage.text);
        let usage = bench.run(filecrypt, "decrypt", &["--context", "no-equals-sign"], &plain, &out);
        assert_eq!(usage.code, Some(2), "{language}: {}", usage.text);
        assert!(!out.exists(), "{language}");
    }
}

/// The C program again under AddressSanitizer and UndefinedBehaviorSanitizer, shown every header there is one bit away
/// from a good one, and every beginning of a good one. That the sanitizers are on is shown in tests/capi.rs.
#[test]
fn no_header_confuses_the_c_program() {
    let bench = bench();
    let dir = temp_dir();
    let program = dir.path().join("filecrypt-sanitized");
    let flags = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    build_c(&program, &["filecrypt.c", "sealed_file.c"], &flags);
    let sanitized = Filecrypt { language: "C, sanitized", program, script: None };
    let plain = dir.path().join("plain");
    fs::write(&plain, b"a short file").expect("plain");
    let sealed = bench.sealed(dir.path(), &plain);
    let header = Layout::of(&sealed).chunks;
    for offset in 0..header {
        let mut bytes = sealed.clone();
        bytes[offset] ^= 0x80 >> (offset % 8);
        assert!(bench.refuses(&sanitized, &bytes, &[]).is_ok(), "offset {offset}");
        assert!(bench.refuses(&sanitized, &sealed[..offset], &[]).is_ok(), "{offset} bytes");
    }
    assert!(bench.refuses(&sanitized, &sealed, &CONTEXT).is_err(), "the file as it was made");
}

/// The build lines and the first session of examples/README.md, as they stand there.
#[test]
fn the_readme_is_right() {
    let readme = fs::read_to_string(root().join("examples/README.md")).expect("examples/README.md");
    let lines = |prefix: &str| {
        let found: Vec<_> =
            readme.split(['`', '\n']).map(str::trim).filter(|line| line.starts_with(prefix)).collect();
        assert!(!found.is_empty(), "examples/README.md has no `{prefix}`");
        found.into_iter().map(str::to_string).collect::<Vec<_>>()
    };
    let dir = temp_dir();
    let prefix = installed_prefix().join("lib");
    let shell = |cwd: &Path, script: &str| {
        let mut shell = Command::new("sh");
        shell.current_dir(cwd).arg("-euc").arg(script);
        shell.env("PKG_CONFIG_PATH", prefix.join("pkgconfig")).env("LD_LIBRARY_PATH", &prefix);
        shell.env("CGO_LDFLAGS", format!("-L{}", prefix.display())); // target/ may be elsewhere
        let path = std::env::var("PATH").expect("PATH");
        shell.env("PATH", format!("{}:{path}", dir.path().display()));
        run(&mut shell).unwrap_or_else(|e| panic!("examples/README.md: {e}"))
    };
    for source in ["filecrypt.c", "demo.c", "sealed_file.c", "sealed_file.h"] {
        fs::copy(root().join("examples/c").join(source), dir.path().join(source)).expect(source);
    }
    for line in lines("cc ") {
        shell(dir.path(), &line);
    }
    fs::write(dir.path().join("report.pdf"), incompressible(100_000, 3)).expect("report.pdf");
    let start = readme.find("    (umask 077;").expect("a first session");
    let session: String = readme[start..]
        .lines()
        .take_while(|line| line.starts_with("    "))
        .map(|line| format!("{line}\n"))
        .collect();
    shell(dir.path(), &session);
    assert!(
        fs::read(dir.path().join("report.pdf")).expect("in")
            == fs::read(dir.path().join("report-again.pdf")).expect("out")
    );

    fs::create_dir(dir.path().join("story")).expect("a directory");
    for _ in 0..2 {
        let told = shell(dir.path(), "demo story report.pdf");
        assert!(told.contains("equal") && told.contains("100000 bytes"), "{told}");
        assert!(told.contains("refused"), "{told}");
    }
    for line in lines("go build") {
        let source = root().join("examples/go");
        let out = dir.path().join("filecrypt-from-go");
        shell(&source, &line.replace("-o filecrypt", &format!("-o {}", out.display())));
        assert!(out.exists(), "{line} made no program");
        fs::remove_file(out).expect("the program");
    }
}
