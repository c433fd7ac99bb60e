package docs

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the folder of the module.
const root = "../.."

func pages(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"*.md", "adr/*.md", root + "/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no pages in %s: %v", pattern, err)
		}
		out = append(out, found...)
	}
	return out
}

// TestWhatPagesNameExists follows the links of every page, and looks for every path in it that is written
// as code and begins with a folder of ours.
func TestWhatPagesNameExists(t *testing.T) {
	t.Parallel()
	fenced := regexp.MustCompile("(?s)```.*?```")
	link := regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)
	identifier := regexp.MustCompile(`\.[A-Z].*$`)
	named := regexp.MustCompile("`((?:actors|cluster|gateway|live|storage|internal|e2e|deploy)/[A-Za-z0-9_./-]+)`")
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		prose := fenced.ReplaceAllString(string(text), "")
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
			}
		}
		for _, m := range named.FindAllStringSubmatch(prose, -1) {
			place := identifier.ReplaceAllString(m[1], "")
			if _, err := os.Stat(filepath.Join(root, place)); err != nil && !strings.Contains(m[1], "actors/live/bell") {
				t.Errorf("%s names %s, which is not there", page, m[1])
			}
		}
	}
}

// TestNamedTestsExist looks for the tests that a page names behind a file: `file` TestA, TestB.
func TestNamedTestsExist(t *testing.T) {
	t.Parallel()
	list := regexp.MustCompile("`([a-z0-9_/]+_test\\.go)` (Test[A-Za-z0-9]+(?:, Test[A-Za-z0-9]+)*)")
	found := 0
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list.FindAllStringSubmatch(string(text), -1) {
			source, err := os.ReadFile(filepath.Join(root, m[1]))
			if err != nil {
				t.Fatalf("%s: %v", page, err)
			}
			for name := range strings.SplitSeq(m[2], ", ") {
				if found++; !strings.Contains(string(source), "\nfunc "+name+"(t *testing.T) {") {
					t.Errorf("%s: %s has no %s", page, m[1], name)
				}
			}
		}
	}
	if found < 25 {
		t.Errorf("only %d tests are named; does the pattern still match?", found)
	}
}

// TestTheSmallestKindWorks applies the diff of adding-a-kind.md beside the sources, with a test of the new
// kind, and runs what comes out.
func TestTheSmallestKindWorks(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("adding-a-kind.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```diff\n")
	diff, _, found := strings.Cut(rest, "```\n")
	if !found {
		t.Fatal("no diff in adding-a-kind.md")
	}
	changed := regexp.MustCompile(`(?m)^--- a/(.*)$`).FindAllStringSubmatch(diff, -1)
	made := regexp.MustCompile(`(?m)^\+\+\+ b/(.*)/[a-z]+\.go$\n@@ -0,0`).FindAllStringSubmatch(diff, -1)
	folders := map[string]bool{}
	for _, m := range made {
		folders[m[1]] = true
	}
	if len(changed)+len(folders) > 5 || strings.Contains(diff, "\n-\t") {
		t.Errorf("a kind with a face over HTTP changes %d files and makes something in %d folders; the page promises 5 places", len(changed), len(folders))
	}
	work := t.TempDir()
	for _, m := range changed {
		copyInto(t, work, m[1], filepath.Join(root, m[1]))
	}
	apply := exec.CommandContext(t.Context(), "git", "apply", "-C1", "--recount", "-")
	apply.Dir, apply.Stdin = work, strings.NewReader(diff)
	apply.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(work), "GIT_DIR="+work+"/none")
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("the diff does not apply: %v\n%s", err, out)
	}
	copyInto(t, work, "actors/bell_test.go", "testdata/bell_test.go")
	copyInto(t, work, "bells_test.go", "testdata/bells_test.go")
	// vet would go into the new folder, which only the compiler sees.
	run := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-overlay", overlay(t, work), "-v", "-run", "^(TestBells?|TestMessagesOfEveryKindAreData)$", ".", "./actors")
	run.Dir = root
	out, err := run.CombinedOutput()
	for _, want := range []string{"--- PASS: TestBell ", "--- PASS: TestBells ", "--- PASS: TestMessagesOfEveryKindAreData "} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("the new kind does not work: %v\n%s", err, out)
		}
	}
}

// copyInto copies a file to a name below a folder.
func copyInto(t *testing.T, folder, name, from string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(folder, name)
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// overlay tells the compiler to see the files below work in the place of ours.
func overlay(t *testing.T, work string) string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(work, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(work, path)
		if err != nil {
			return err
		}
		place, err := filepath.Abs(filepath.Join(root, name))
		files[place] = path
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 5 {
		t.Fatalf("only %d files in the diff", len(files))
	}
	text, err := json.Marshal(map[string]any{"Replace": files})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
