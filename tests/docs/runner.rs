//! Runs the snippets of one document, from the top, in a directory of its own: a file that one leaves is there for the
//! next. They find libkms as a reader does, through an installed prefix.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::markdown::{Document, Snippet};
use super::support::{STRICT, cc, cxx, installed_prefix, root, run, temp_dir, write};

/// What became of a document's snippets.
#[derive(Debug, Default)]
pub struct Report {
    pub run: usize,
    /// Texts that are neither code nor output.
    pub texts: usize,
    pub not_run: Vec<String>,
    pub faults: Vec<String>,
}

struct Sandbox {
    dir: tempfile::TempDir,
    /// What the last snippet printed.
    printed: Option<String>,
}

pub fn run_all(document: &Document) -> Report {
    let mut sandbox = Sandbox { dir: temp_dir(), printed: None };
    let mut report = Report::default();
    for snippet in &document.snippets {
        let place = format!("line {}", snippet.line);
        for fault in make_faults(&snippet.text) {
            report.faults.push(format!("{place}: {fault}"));
        }
        if let Some(reason) = &snippet.not_run {
            report.not_run.push(format!("{place}: {reason}"));
            continue;
        }
        match sandbox.check(snippet) {
            Ok(true) => report.run += 1,
            Ok(false) => report.texts += 1,
            Err(fault) => report.faults.push(format!("{place} ({}): {fault}", snippet.language)),
        }
    }
    report
}

impl Sandbox {
    /// Whether the snippet was run; false for a text that there is nothing to run of.
    fn check(&mut self, snippet: &Snippet) -> Result<bool, String> {
        if snippet.is_output {
            let printed = self.printed.as_deref().ok_or("there is nothing before it that was run")?;
            if printed != snippet.text {
                return Err(format!("the snippet before it printed instead:\n{printed}"));
            }
            return Ok(true);
        }
        let extension = match snippet.language.as_str() {
            "c" => "c",
            "cpp" => "cpp",
            "go" => "go",
            "python" => "py",
            "sh" => "sh",
            "text" => return Ok(false),
            other => {
                return Err(format!("nobody runs the language `{other}`; know c, cpp, go, python, sh, text"));
            }
        };
        let default_name = format!("line_{}.{extension}", snippet.line);
        let name = snippet.file.as_deref().unwrap_or(&default_name);
        let file = write(self.dir.path().join(name), &snippet.text);
        self.printed = None;
        let printed = match extension {
            "c" => self.compile_and_run(cc(), "-std=c99", &file),
            "cpp" => self.compile_and_run(cxx(), "-std=c++17", &file),
            "go" => self.build_go(&file).and_then(|program| self.run(Command::new(program))),
            "py" => self.run_with(python(), &["-W", "error", &file.to_string_lossy()]),
            // Its make targets were looked up; they would install, or take as long as all the tests together.
            _ if is_make_only(&snippet.text) => Ok(String::new()),
            _ => self.run_with(Command::new("bash"), &["-euo", "pipefail", &file.to_string_lossy()]),
        }?;
        self.printed = Some(printed);
        Ok(true)
    }

    fn compile_and_run(
        &self,
        mut compiler: Command,
        standard: &str,
        source: &Path,
    ) -> Result<String, String> {
        let prefix = installed_prefix();
        let program = source.with_extension("program");
        compiler.arg(standard).args(STRICT).arg("-I").arg(prefix.join("include")).arg(source);
        compiler.args(["-x", "none", "-L"]).arg(prefix.join("lib")).arg("-lkms").arg("-o").arg(&program);
        run(&mut compiler)?;
        self.run(Command::new(program))
    }

    /// A module of its own beside the others, so that no two programs meet in one package.
    fn build_go(&self, source: &Path) -> Result<PathBuf, String> {
        let module = source.with_extension("module");
        std::fs::create_dir_all(&module).map_err(|error| error.to_string())?;
        std::fs::copy(source, module.join("main.go")).map_err(|error| error.to_string())?;
        let bindings = root().join("bindings/go");
        let path = "github.com/libkms/libkms/bindings/go";
        let text = format!(
            "module snippet\n\ngo 1.24\n\nrequire {path} v0.0.0\n\nreplace {path} => {}\n",
            bindings.display()
        );
        write(module.join("go.mod"), &text);
        for arguments in [["vet"].as_slice(), &["build", "-o", "program"]] {
            let mut go = Command::new("go");
            go.current_dir(&module).args(arguments).args(["-tags", "libkms_pkgconfig", "."]);
            run(self.environment(&mut go))?;
        }
        Ok(module.join("program"))
    }

    fn run_with(&self, mut command: Command, arguments: &[&str]) -> Result<String, String> {
        command.args(arguments);
        self.run(command)
    }

    fn run(&self, mut command: Command) -> Result<String, String> {
        run(self.environment(command.current_dir(self.dir.path())))
    }

    fn environment<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let library = installed_prefix().join("lib");
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env("PATH", format!("{}:{path}", installed_prefix().join("bin").display()))
            .env("LIBKMS", root())
            .env("LIBKMS_PATH", library.join("libkms.so.0"))
            .env("LD_LIBRARY_PATH", &library)
            .env("PKG_CONFIG_PATH", library.join("pkgconfig"))
            .env("PYTHONPATH", root().join("bindings/python/src"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("CGO_ENABLED", "1")
            .env("GOFLAGS", "-mod=mod")
            .env("GOTOOLCHAIN", "local")
            .env("GOPROXY", "off")
    }
}

/// The Python that `make setup` furnishes with `cryptography`, or the system's.
pub fn python() -> Command {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp is in target");
    let own = target.join("venv/bin/python");
    Command::new(if own.exists() { own } else { "python3".into() })
}

fn commands(script: &str) -> impl Iterator<Item = &str> {
    script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn is_make_only(script: &str) -> bool {
    commands(script).all(|line| line.split_whitespace().next() == Some("make"))
}

/// What is wrong with the `make` commands of a script: targets and variables that the Makefile does not have.
pub fn make_faults(script: &str) -> Vec<String> {
    let makefile = std::fs::read_to_string(root().join("Makefile")).expect("Makefile");
    let has_target = |name: &str| {
        makefile.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')))
    };
    let has_variable = |name: &str| makefile.lines().any(|line| line.starts_with(&format!("{name} ?=")));
    let mut faults = Vec::new();
    for line in commands(script) {
        let Some(words) = line.strip_prefix("make ") else { continue };
        let words = words.split('#').next().unwrap_or_default();
        for word in words.split_whitespace() {
            match word.split_once('=') {
                Some((variable, _)) if !has_variable(variable) => {
                    faults.push(format!("the Makefile has no variable {variable}"));
                }
                None if !has_target(word) => faults.push(format!("the Makefile has no target {word}")),
                _ => {}
            }
        }
    }
    faults
}
