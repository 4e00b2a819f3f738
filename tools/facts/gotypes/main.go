// Command gotypes prints the Go types of Kubernetes' API as JSON: what client-go's scheme decodes and encodes, which
// is what Argo CD normalises built-in kinds with, and the tags that strategic merge goes by.
//
// A field is one line, `TYPE[?|!][ STRATEGY[,STRATEGY]][:KEY]`: `?` leaves out an empty value when encoding, `!` a zero
// one. TYPE is a plain type, the name of a struct, `*TYPE`, `[]TYPE`, or `{}TYPE` for a map with free keys.
package main

import (
	"encoding"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
)

// Types that encode themselves, by the names that the reader of the table knows them by.
var plain = map[string]string{
	"k8s.io/apimachinery/pkg/api/resource.Quantity":    "quantity",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Duration":    "duration",
	"k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1":    "raw",
	"k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime":   "microtime",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":        "time",
	"k8s.io/apimachinery/pkg/runtime.RawExtension":     "raw",
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString":  "intstr",
}

var (
	unmarshaler = reflect.TypeFor[json.Unmarshaler]()
	marshaler   = reflect.TypeFor[json.Marshaler]()
	texts       = reflect.TypeFor[encoding.TextMarshaler]()
)

type table struct {
	Kinds map[string]string            `json:"kinds"`
	Types map[string]map[string]string `json:"types"`
}

func main() {
	result := table{Kinds: map[string]string{}, Types: map[string]map[string]string{}}
	for gvk, kind := range scheme.Scheme.AllKnownTypes() {
		meta, found := kind.FieldByName("ObjectMeta")
		if gvk.Version == runtime.APIVersionInternal || !found || meta.Type != reflect.TypeFor[metav1.ObjectMeta]() {
			continue
		}
		apiVersion, _ := gvk.ToAPIVersionAndKind()
		result.Kinds[apiVersion+"/"+gvk.Kind] = result.named(kind)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(result); err != nil {
		fail("%v", err)
	}
}

// named puts a struct into the table, with all that it refers to, and returns its name there.
func (t table) named(struct_ reflect.Type) string {
	folder, version := path.Split(struct_.PkgPath())
	name := path.Base(folder) + "." + version + "." + struct_.Name()
	if _, known := t.Types[name]; !known {
		t.Types[name] = map[string]string{}
		t.fields(struct_, t.Types[name])
	}
	return name
}

// fields writes the fields of a struct, and those of the structs that are inlined in it, as encoding/json sees them.
func (t table) fields(struct_ reflect.Type, into map[string]string) {
	for i := range struct_.NumField() {
		field := struct_.Field(i)
		tag, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case !field.IsExported() || tag == "-":
			continue
		case field.Anonymous && tag == "" && field.Type.Kind() == reflect.Struct:
			t.fields(field.Type, into)
			continue
		case field.Anonymous && tag == "":
			fail("%s.%s: an inlined field that is no struct", struct_, field.Name)
		case tag == "":
			tag = field.Name
		}
		if _, twice := into[tag]; twice {
			fail("%s: two fields called %s", struct_, tag)
		}
		into[tag] = t.line(field, options)
	}
}

func (t table) line(field reflect.StructField, options string) string {
	line := t.name(field.Type)
	for _, option := range strings.Split(options, ",") {
		switch option {
		case "omitempty":
			line += "?"
		case "omitzero":
			line += "!"
		case "", "inline":
		default:
			fail("%s: no rule for the option %q", field.Name, option)
		}
	}
	if strategy := field.Tag.Get("patchStrategy"); strategy != "" {
		line += " " + strategy
	}
	if key := field.Tag.Get("patchMergeKey"); key != "" {
		line += ":" + key
	}
	return line
}

func (t table) name(kind reflect.Type) string {
	if name, known := plain[kind.PkgPath()+"."+kind.Name()]; known {
		return name
	}
	if own(kind) {
		fail("%s encodes itself, and there is no rule for it", kind)
	}
	switch kind.Kind() {
	case reflect.Bool, reflect.Int32, reflect.Int64, reflect.Float64, reflect.String:
		return kind.Kind().String()
	case reflect.Pointer:
		return "*" + t.name(kind.Elem())
	case reflect.Slice:
		if kind.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "[]" + t.name(kind.Elem())
	case reflect.Map:
		if kind.Key().Kind() != reflect.String {
			fail("%s: a map whose keys are no text", kind)
		}
		return "{}" + t.name(kind.Elem())
	case reflect.Struct:
		return t.named(kind)
	}
	fail("%s: no rule for this type", kind)
	return ""
}

// own tells whether a type, or a pointer to it, has a say in its own JSON.
func own(kind reflect.Type) bool {
	if kind.Kind() == reflect.Pointer {
		return false
	}
	pointer := reflect.PointerTo(kind)
	return pointer.Implements(unmarshaler) || pointer.Implements(marshaler) || pointer.Implements(texts)
}

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}
