//! The documents tell the truth: every snippet of README.md, docs/ and the bindings' READMEs is built and run as it
//! stands, links lead somewhere, and names are those of kms.h.
//!
//! A snippet under `<!-- not run: REASON -->` is the only exception; each is listed with its reason.

mod support;

#[path = "docs/facts.rs"]
mod facts;
#[path = "docs/markdown.rs"]
mod markdown;
#[path = "docs/runner.rs"]
mod runner;

use std::path::{Path, PathBuf};

use markdown::{Document, parse};
use support::{root, run, temp_dir, write};

/// What is wrong with a document, and what of it was not run.
fn examine(path: &Path) -> runner::Report {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let document = parse(&text);
    let mut report = runner::run_all(&document);
    report.faults.extend(document.faults.iter().cloned());
    report.faults.extend(untrue_words(&document, path));
    report.faults.extend(facts::private_places(&text));
    report
}

/// What is wrong with the text between the snippets.
fn untrue_words(document: &Document, path: &Path) -> Vec<String> {
    let mut faults = facts::broken_links(document, path);
    faults.extend(facts::unknown_names(document, &support::committed_header()));
    for (line, span) in document.code_spans() {
        faults.extend(runner::make_faults(span).iter().map(|fault| format!("line {line}: {fault}")));
    }
    faults
}

fn is_true(name: &str) {
    let report = examine(&root().join(name));
    println!("{name}: {} snippets run, {} texts, {} not run", report.run, report.texts, report.not_run.len());
    report.not_run.iter().for_each(|snippet| println!("{name}, not run: {snippet}"));
    assert!(report.faults.is_empty(), "{name}:\n{}", report.faults.join("\n"));
}

/// Documents with a test of their own below.
const NAMED: [&str; 5] =
    ["README.md", "CHANGELOG.md", "docs/format.md", "docs/security.md", "docs/integrating.md"];

#[test]
fn readme() {
    is_true("README.md");
}

#[test]
fn changelog() {
    is_true("CHANGELOG.md");
}

#[test]
fn format() {
    is_true("docs/format.md");
}

#[test]
fn security() {
    is_true("docs/security.md");
}

#[test]
fn integrating() {
    is_true("docs/integrating.md");
}

/// Documents in a folder, as paths from the root of the repository.
fn documents(dir: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(dir)).unwrap_or_else(|error| panic!("{dir}: {error}"));
    let files = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    files.filter(|file| file.ends_with(".md")).map(|file| format!("{dir}/{file}")).collect()
}

/// Those of other hands. The snippets of the bindings' READMEs are run by tests of their own.
#[test]
fn the_others() {
    let docs = documents("docs");
    assert!(docs.iter().any(|name| name == "docs/format.md"), "docs/ was not seen: {docs:?}");
    docs.iter().filter(|name| !NAMED.contains(&name.as_str())).for_each(|name| is_true(name));

    for test in ["bindings/go/readme_test.go", "bindings/python/tests/test_readme.py"] {
        assert!(
            facts::source(test).contains("README.md"),
            "{test} does not run the README's snippets any more"
        );
    }
    for name in ["bindings/go", "bindings/python", "examples"].into_iter().flat_map(documents) {
        let text = facts::source(&name);
        let mut faults = untrue_words(&parse(&text), &root().join(&name));
        faults.extend(facts::private_places(&text));
        assert!(faults.is_empty(), "{name}:\n{}", faults.join("\n"));
    }
}

/// The programs of docs/format.md, saved as modules of these names.
fn format_programs() -> tempfile::TempDir {
    let dir = temp_dir();
    let document = parse(&facts::source("docs/format.md"));
    for snippet in &document.snippets {
        if let Some(file) = &snippet.file {
            write(dir.path().join(file), &snippet.text);
        }
    }
    dir
}

/// tests/docs/format_check.py, with the programs of docs/format.md.
fn check_format(programs: &Path) -> Result<String, String> {
    let mut python = runner::python();
    let library = support::installed_prefix().join("lib/libkms.so.0");
    python.args(["-W", "error"]).arg(root().join("tests/docs/format_check.py"));
    python.env(
        "PYTHONPATH",
        std::env::join_paths([programs, &root().join("bindings/python/src")]).expect("a path"),
    );
    python.env("LIBKMS_PATH", library).env("PYTHONDONTWRITEBYTECODE", "1");
    run(python.current_dir(programs))
}

/// Not the one blob of the document only: all lengths, AADs and kinds of stores; and what must be refused.
#[test]
fn the_programs_of_the_format_open_everything() {
    let programs = format_programs();
    let printed = check_format(programs.path()).expect("the programs of docs/format.md");
    println!("{printed}");
}

#[test]
fn a_wrong_word_in_the_format_is_noticed() {
    for (file, from, to) in [
        ("open_blob.py", "b\"\\x43\"", "b\"\\x44\""),
        ("open_blob.py", "blob[:56] +", "blob[:55] +"),
        ("open_blob.py", "sorted(", "list("),
        ("read_store.py", "\">HI\", kind", "\">HQ\", kind"),
        ("read_store.py", "+ id + owner +", "+ owner + id +"),
        ("read_store.py", "b\"\\1\" + grant[4]", "b\"\\2\" + grant[4]"),
        ("read_store.py", "uuid + grant_id", "grant_id"),
    ] {
        let programs = format_programs();
        let path = programs.path().join(file);
        let text = std::fs::read_to_string(&path).expect(file);
        assert!(text.contains(from), "{file} has no `{from}`");
        write(path, &text.replace(from, to));
        assert!(check_format(programs.path()).is_err(), "`{to}` in {file} went unnoticed");
    }
}

#[test]
fn the_format_names_every_record_field_and_kind_of_row() {
    let (records, kinds) = (facts::source("src/store/record.rs"), facts::source("src/store/mod.rs"));
    let missing = facts::undocumented_rows(&facts::source("docs/format.md"), &records, &kinds);
    assert!(missing.is_empty(), "docs/format.md, part 2, does not document:\n{}", missing.join("\n"));

    let records = records.replace("pub rows_sum:", "pub other_sum:");
    let kinds = kinds.replace("Alias = 4,", "Alias = 4,\n    Grant = 7,");
    let missing = facts::undocumented_rows(&facts::source("docs/format.md"), &records, &kinds);
    assert_eq!(missing, ["KeyRecord: field 11 other_sum", "kind 7 Grant"]);
}

#[test]
fn nothing_that_is_there_is_promised_for_later() {
    let (readme, header) = (facts::source("README.md"), support::committed_header());
    let stale = facts::there_already(&readme, &header);
    assert!(stale.is_empty(), "README.md, \"Not yet\", still lists:\n{}", stale.join("\n"));

    let readme = "**Not yet**\n\n- Grants, dialects\n\n**Limits**\n\nof deleting aliases\n";
    let header = "kms_status_t kms_exchange(kms_t *kms);\nkms_status_t kms_delete_alias(kms_t *kms);\n";
    assert_eq!(facts::there_already(readme, header), ["\"dialects\": kms.h has kms_exchange"]);
}

#[test]
fn the_limits_of_the_readme_are_the_headers() {
    let (readme, header) = (facts::source("README.md"), support::committed_header());
    assert_eq!(facts::wrong_limits(&readme, &header), [""; 0]);
    let header = header.replace("KMS_MAX_AAD_SIZE 8192", "KMS_MAX_AAD_SIZE 8193");
    assert_eq!(facts::wrong_limits(&readme, &header), ["raw AAD: not what KMS_MAX_AAD_SIZE says"]);
}

/// What a document with this text is faulted for.
fn faults(text: &str) -> Vec<String> {
    let dir = temp_dir();
    examine(&write(dir.path().join("text.md"), text)).faults
}

#[test]
fn a_broken_snippet_is_reported() {
    let python = "raise SystemExit('the python one')";
    let go = "package main\n\nfunc main() { undefined() }";
    for (language, text, complaint) in [
        ("c", "#include <kms.h>\nint main(void) { int unused; return 0; }", "unused"),
        ("c", "#include <kms.h>\nint main(void) { return 3; }", "exit status: 3"),
        ("cpp", "#include <kms.h>\nint main() { return kms_no_such_function(); }", "kms_no_such_function"),
        ("python", python, "the python one"),
        ("python", "import libkms\nlibkms.no_such_function()", "no_such_function"),
        ("go", go, "undefined"),
        ("sh", "false\ntrue", "exit status: 1"),
        ("sh", "make no-such-target", "no target no-such-target"),
        ("sh", "make install NO_SUCH=1", "no variable NO_SUCH"),
        ("ruby", "puts 1", "nobody runs the language `ruby`"),
        ("", "int main(void) { return 0; }", "nobody runs the language ``"),
    ] {
        let faults = faults(&format!("A snippet:\n\n```{language}\n{text}\n```\n"));
        assert_eq!(faults.len(), 1, "{language}: {text}: {faults:?}");
        assert!(faults[0].starts_with("line 3") && faults[0].contains(complaint), "{faults:?}");
    }
}

#[test]
fn other_faults_of_a_document_are_reported() {
    for (text, complaint) in [
        ("```sh\necho 1\n```\n\n<!-- output -->\n```text\n2\n```\n", "printed instead:\n1"),
        ("<!-- output -->\n```text\n2\n```\n", "nothing before it"),
        ("```sh\ntrue\n", "never closed"),
        ("<!-- not run: -->\n```sh\nfalse\n```\n", "neither `not run: REASON`"),
        ("<!-- not run: why -->\nno snippet\n", "does not stand above a snippet"),
        ("text\n\n    int main(void) { return 3; }\n", "an indented block"),
        ("[a page](no-such-page.md)\n", "there is no no-such-page.md"),
        ("# One\n[here](#two)\n", "#two has no such heading"),
        ("the function `kms_create_kye`\n", "kms.h has no kms_create_kye"),
        ("flags `KMS_OPNE_*`\n", "kms.h has no KMS_OPNE_"),
        ("run `make no-such-target`\n", "no target no-such-target"),
        ("in /work/shared\n", "it names /work/"),
    ] {
        let faults = faults(text);
        assert!(faults.iter().any(|fault| fault.contains(complaint)), "{text}: {faults:?}");
    }
}

#[test]
fn what_is_not_run_is_counted_and_listed() {
    let text = "<!-- not run: it would say nothing -->\n```c\nnot C at all\n```\n\n```python\nprint(1)\n```\n\n\
                <!-- output -->\n```text\n1\n```\n\n```text\nwords\n```\n\n# A heading, `code`\n\
                [there](#a-heading-code) `KMS_OPEN_*` `make test`\n";
    let dir = temp_dir();
    let report = examine(&write(PathBuf::from(dir.path()).join("text.md"), text));
    assert_eq!(report.faults, [""; 0]);
    assert_eq!((report.run, report.texts), (2, 1));
    assert_eq!(report.not_run, ["line 2: it would say nothing"]);
}
