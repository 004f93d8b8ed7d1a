package kms

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unsafe"
)

// member is where a member of a struct lies.
type member struct {
	name         string
	offset, size uintptr
}

type layout struct {
	members []member
	size    uintptr
}

// headerLayouts reads the offset tables at the end of kms.h, in the columns of this machine.
func headerLayouts(header string) (map[string]layout, error) {
	columns := 0 // 64 bits
	if unsafe.Sizeof(uintptr(0)) == 4 {
		columns = 2
	}
	title := regexp.MustCompile(`^ \* (kms_\w+_t) +64 bits +32 bits$`)
	row := regexp.MustCompile(`^ \*   .*?(\w+)(?:\[\d+\])? +(\d+) +(\d+) +(\d+) +(\d+)$`)
	end := regexp.MustCompile(`^ \*   sizeof +(\d+) +(\d+)$`)
	number := func(s string) uintptr { n, _ := strconv.ParseUint(s, 10, 32); return uintptr(n) }
	tables := map[string]layout{}
	name := ""
	var table layout
	for _, line := range strings.Split(header, "\n") {
		if m := title.FindStringSubmatch(line); m != nil {
			name, table = m[1], layout{}
		} else if m := end.FindStringSubmatch(line); m != nil && name != "" {
			table.size = number(m[1+columns/2])
			tables[name] = table
			name = ""
		} else if m := row.FindStringSubmatch(line); m != nil && name != "" {
			table.members = append(table.members, member{m[1], number(m[2+columns]), number(m[3+columns])})
		} else if name != "" {
			return nil, fmt.Errorf("kms.h, table of %s: cannot read %q", name, line)
		}
	}
	return tables, nil
}

// goLayout is how Go sees a struct: the members that cgo names _ are padding, which no struct of kms.h may have.
func goLayout(t reflect.Type) layout {
	seen := layout{size: t.Size()}
	for i := range t.NumField() {
		field := t.Field(i)
		seen.members = append(seen.members, member{field.Name, field.Offset, field.Type.Size()})
	}
	return seen
}

// differences compares what Go, the header and the library say.
func differences(inGo, inHeader map[string]layout, inLibrary func(string) uintptr) []string {
	var found []string
	for name, header := range inHeader {
		seen, ok := inGo[name]
		if !ok {
			found = append(found, name+": not in layouts()")
			continue
		}
		if !reflect.DeepEqual(seen, header) {
			found = append(found, fmt.Sprintf("%s: Go sees %v, kms.h says %v", name, seen, header))
		}
		if size := inLibrary(name); size != seen.size {
			found = append(found, fmt.Sprintf("%s: Go sees %d bytes, the library %d", name, seen.size, size))
		}
	}
	for name := range inGo {
		if _, ok := inHeader[name]; !ok {
			found = append(found, name+": not in kms.h")
		}
	}
	return found
}

func TestLayouts(t *testing.T) {
	path := "../../include/kms.h"
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	inHeader, err := headerLayouts(string(source))
	if err != nil {
		t.Fatal(err)
	}
	inGo := map[string]layout{}
	for name, typ := range layouts() {
		inGo[name] = goLayout(typ)
	}
	if want := strings.Count(string(source), "\n} kms_"); len(inHeader) != want {
		t.Errorf("kms.h has tables of %d structs and defines %d", len(inHeader), want)
	}
	for _, difference := range differences(inGo, inHeader, structSize) {
		t.Error(difference)
	}
	if structSize("kms_nonsense_t") != 0 {
		t.Error("the library knows kms_nonsense_t")
	}

	// The same comparison must see each kind of drift.
	twin := func(what string, drift func(header map[string]layout)) {
		drifted := map[string]layout{}
		for name, l := range inHeader {
			l.members = append([]member(nil), l.members...)
			drifted[name] = l
		}
		drift(drifted)
		if len(differences(inGo, drifted, structSize)) != 1 {
			t.Errorf("%s was not seen", what)
		}
	}
	const name = "kms_data_key_info_t"
	twin("a moved member", func(h map[string]layout) { h[name].members[3].offset++ })
	twin("a member of another size", func(h map[string]layout) { h[name].members[1].size-- })
	twin("a renamed member", func(h map[string]layout) { h[name].members[1].name = "id" })
	twin("a member less", func(h map[string]layout) { h[name] = layout{h[name].members[1:], h[name].size} })
	twin("a longer struct", func(h map[string]layout) { h[name] = layout{h[name].members, h[name].size + 8} })
	twin("a struct more", func(h map[string]layout) { h["kms_new_t"] = layout{} })
	twin("a struct less", func(h map[string]layout) { delete(h, name) })
	if len(differences(inGo, inHeader, func(string) uintptr { return 16 })) == 0 {
		t.Error("a library with other sizes was not seen")
	}
}
