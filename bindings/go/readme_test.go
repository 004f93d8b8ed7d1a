package kms_test

import (
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// goBlocks are the Go snippets of a text in Markdown.
func goBlocks(markdown string) []string {
	var blocks []string
	for _, match := range regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(markdown, -1) {
		blocks = append(blocks, match[1])
	}
	return blocks
}

// exampleBodies are the statements of the Example functions of a Go file, without indentation.
func exampleBodies(t *testing.T, path string) []string {
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for _, declaration := range file.Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Example") {
			body := string(source[files.Position(f.Body.Lbrace).Offset+2 : files.Position(f.Body.Rbrace).Offset])
			bodies = append(bodies, strings.ReplaceAll(strings.TrimPrefix(body, "\t"), "\n\t", "\n"))
		}
	}
	return bodies
}

// inExample says whether a snippet is part of an example, which go test runs.
func inExample(snippet string, bodies []string) bool {
	for _, body := range bodies {
		if strings.Contains("\n"+body, "\n"+snippet) {
			return true
		}
	}
	return false
}

func TestReadmeSnippets(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	bodies := exampleBodies(t, "example_test.go")
	blocks := goBlocks(string(readme))
	if all := strings.Count(string(readme), "```"); all != 2*len(blocks) {
		t.Errorf("README.md has %d fences, and %d Go snippets between them: what else is there is not run", all, len(blocks))
	}
	programs := 0
	for _, block := range blocks {
		if formatted, err := format.Source([]byte(block)); err != nil || string(formatted) != block {
			t.Errorf("gofmt would have it otherwise (%v):\n%s", err, block)
		}
		if strings.HasPrefix(block, "package main\n") {
			programs++
			runProgram(t, block)
		} else if !inExample(block, bodies) {
			t.Errorf("no example has this snippet:\n%s", block)
		}
	}
	if programs != 1 || len(blocks) < 2 {
		t.Errorf("%d snippets, %d programs", len(blocks), programs)
	}
	drifted := strings.Replace(blocks[1], "kms.", "kms2.", 1)
	if drifted == blocks[1] || inExample(drifted, bodies) {
		t.Error("a snippet that differs from its example was not seen")
	}
}

// newModule makes a module in which a program builds that imports this package from a directory.
func newModule(t *testing.T, program, from string) string {
	const path = "github.com/libkms/libkms/bindings/go"
	dir := t.TempDir()
	module := "module first\n\ngo 1.24\n\nrequire " + path + " v0.0.0\n\nreplace " + path + " => " + from + "\n"
	for name, content := range map[string]string{"go.mod": module, "main.go": program, "root.key": strings.Repeat("k", 32)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func run(t *testing.T, dir string, environment []string, command ...string) string {
	t.Helper()
	c := exec.Command(command[0], command[1:]...)
	c.Dir = dir
	c.Env = append(os.Environ(), environment...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", command, err, out)
	}
	return string(out)
}

func runProgram(t *testing.T, program string) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := newModule(t, program, here)
	run(t, dir, nil, "go", "build", "-o", "first")
	for range 2 { // the second run finds the store of the first
		if out := run(t, dir, nil, "./first"); out != "the same data key: true\n" {
			t.Errorf("the program of README.md printed %q", out)
		}
	}
}

// fetched copies what `go get` fetches of this package: no header and no library lie around it.
func fetched(t *testing.T) string {
	dir := t.TempDir()
	for _, pattern := range []string{"*.go", "*.c", "*.h", "go.mod"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			content, err := os.ReadFile(name)
			if err == nil && !strings.HasSuffix(name, "_test.go") {
				err = os.WriteFile(filepath.Join(dir, name), content, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// The two ways to link an installed library, as README.md has them, with the same program.
func TestLinkingInstalled(t *testing.T) {
	target := os.Getenv("CARGO_TARGET_DIR")
	if target == "" {
		target = "../../target"
	}
	release, err := filepath.Abs(filepath.Join(target, "release"))
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	program := goBlocks(string(readme))[0]
	prefix := t.TempDir()
	header, err := filepath.Abs("../../include/kms.h")
	if err != nil {
		t.Fatal(err)
	}
	pc := "Name: kms\nDescription: test\nVersion: 0\nCflags: -I" + prefix + "/include\nLibs: -L" + prefix + "/lib -lkms\n"
	if err := os.MkdirAll(prefix+"/include", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(prefix+"/lib/pkgconfig", 0o700); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{
		"include/kms.h": header, "lib/libkms.so": release + "/libkms.so", "lib/libkms.so.0": release + "/libkms.so",
		"lib/libkms.a": release + "/libkms.a",
	} {
		if err := os.Symlink(to, filepath.Join(prefix, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(prefix+"/lib/pkgconfig/kms.pc", []byte(pc), 0o600); err != nil {
		t.Fatal(err)
	}

	module := fetched(t)
	shared := newModule(t, program, module)
	run(t, shared, []string{"PKG_CONFIG_PATH=" + prefix + "/lib/pkgconfig"}, "go", "build", "-tags", "libkms_pkgconfig", "-o", "first")
	out := run(t, shared, []string{"LD_LIBRARY_PATH=" + prefix + "/lib"}, "./first")
	if out != "the same data key: true\n" {
		t.Errorf("linked to the shared library it printed %q", out)
	}
	static := newModule(t, program, module)
	run(t, static, []string{"CGO_CFLAGS=-I" + prefix + "/include", "CGO_LDFLAGS=-L" + prefix + "/lib"}, "go", "build", "-o", "first")
	if out := run(t, static, nil, "./first"); out != "the same data key: true\n" {
		t.Errorf("linked to the static library it printed %q", out)
	}
	for dir, needs := range map[string]bool{shared: true, static: false} {
		program, err := os.ReadFile(filepath.Join(dir, "first"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(program), "libkms.so.0") != needs {
			t.Errorf("needing libkms.so.0 is %v, expected %v", !needs, needs)
		}
	}
}
