//! The example programs, built as examples/README.md says from an installed libkms: each opens what the others made,
//! and each refuses what was altered, cut, put in another order, or made for another purpose.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

#[path = "examples/altered.rs"]
mod altered;
#[path = "examples/programs.rs"]
mod programs;
mod support;

use altered::{Layout, altered};
use programs::{CHUNK, CONTEXT, FIXED, Filecrypt, LARGE, TAG, bench, build_c, incompressible};
use support::{installed_prefix, root, run, temp_dir};

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
