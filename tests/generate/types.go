// What Kubernetes' own Go types and defaulting functions say, and its OpenAPI does not.
//
// In: nothing. Out (stdout): JSON
//
//	{"kubernetes": "v1.36.3",
//	 "pointers": {definition: [field, ...]},           fields that are Go pointers: their zero is a value and is kept
//	 "defaults": {definition: {field: [value, ...]}}}  what Scheme.Default puts where nothing was written
//
// A definition has the name it has in swagger.json. A field that is no pointer cannot tell its zero value from absence.
// A default of {} says that the server makes the struct itself; the fields in it stand at their own definition.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"sort"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/install"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/install"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/admissionregistration/install"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	_ "k8s.io/kubernetes/pkg/apis/certificates/install"
	_ "k8s.io/kubernetes/pkg/apis/coordination/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/discovery/install"
	_ "k8s.io/kubernetes/pkg/apis/events/install"
	_ "k8s.io/kubernetes/pkg/apis/flowcontrol/install"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	_ "k8s.io/kubernetes/pkg/apis/node/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	_ "k8s.io/kubernetes/pkg/apis/rbac/install"
	_ "k8s.io/kubernetes/pkg/apis/resource/install"
	_ "k8s.io/kubernetes/pkg/apis/scheduling/install"
	_ "k8s.io/kubernetes/pkg/apis/storage/install"
)

// Objects whose defaults depend on what else is written: one for each branch of a defaulting function that an empty
// object and a filled one do not reach.
var branches = []string{
	`{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":"a:1"}],"initContainers":[{"image":"a:1"}],"ephemeralContainers":[{"image":"a:1"}]}}`,
	`{"apiVersion":"v1","kind":"Service","spec":{"type":"LoadBalancer","sessionAffinity":"ClientIP"}}`,
	`{"apiVersion":"v1","kind":"Service","spec":{"type":"NodePort"}}`,
	`{"apiVersion":"v1","kind":"Service","spec":{"type":"ExternalName"}}`,
	`{"apiVersion":"apps/v1","kind":"DaemonSet","spec":{"updateStrategy":{"type":"RollingUpdate"}}}`,
	`{"apiVersion":"apps/v1","kind":"StatefulSet","spec":{"updateStrategy":{"type":"RollingUpdate"},"persistentVolumeClaimRetentionPolicy":{}}}`,
	`{"apiVersion":"batch/v1","kind":"Job","spec":{"podFailurePolicy":{"rules":[{"onPodConditions":[{}]}]}}}`,
	`{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","spec":{"behavior":{"scaleUp":{},"scaleDown":{}}}}`,
	`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","spec":{"ingress":[{"ports":[{"port":1}]}]}}`,
}

type generated struct {
	pointers map[string]map[string]bool
	defaults map[string]map[string]map[string]bool
	seen     map[reflect.Type]bool
}

func main() {
	for _, install := range []func(*runtime.Scheme){apiextensions.Install, apiregistration.Install} {
		install(legacyscheme.Scheme)
	}
	g := generated{map[string]map[string]bool{}, map[string]map[string]map[string]bool{}, map[reflect.Type]bool{}}
	for gvk, typ := range legacyscheme.Scheme.AllKnownTypes() {
		if gvk.Version == runtime.APIVersionInternal || strings.HasSuffix(gvk.Kind, "List") || strings.HasSuffix(gvk.Kind, "Options") {
			continue
		}
		g.fields(typ)
		// Once for each depth: a default may hang on a struct that is there while what it holds is not.
		for depth := range 12 {
			object, err := legacyscheme.Scheme.New(gvk)
			if err != nil {
				panic(err)
			}
			fill(reflect.ValueOf(object).Elem(), depth, map[reflect.Type]int{})
			g.run(object)
		}
	}
	for _, text := range branches {
		var head struct{ APIVersion, Kind string }
		if err := json.Unmarshal([]byte(text), &head); err != nil {
			panic(err)
		}
		object, err := legacyscheme.Scheme.New(schema.FromAPIVersionAndKind(head.APIVersion, head.Kind))
		if err != nil {
			panic(err)
		}
		if err := json.Unmarshal([]byte(text), object); err != nil {
			panic(err)
		}
		g.run(object)
	}
	g.print()
}

func (g generated) run(object runtime.Object) {
	before := object.DeepCopyObject()
	legacyscheme.Scheme.Default(object)
	g.compare(reflect.ValueOf(before).Elem(), reflect.ValueOf(object).Elem())
}

// The name that swagger.json gives a type: k8s.io/api/core/v1.Pod is io.k8s.api.core.v1.Pod.
func name(typ reflect.Type) string {
	host, rest, _ := strings.Cut(typ.PkgPath(), "/")
	parts := strings.Split(host, ".")
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return strings.Join(parts, ".") + "." + strings.ReplaceAll(rest, "/", ".") + "." + typ.Name()
}

// The JSON name of a field; "" for one that JSON does not have; inline for an embedded struct.
func jsonName(field reflect.StructField) (text string, inline bool) {
	tag := field.Tag.Get("json")
	text, options, _ := strings.Cut(tag, ",")
	if text == "-" || !field.IsExported() {
		return "", false
	}
	return text, text == "" && (strings.Contains(options, "inline") || field.Anonymous)
}

func marshals(typ reflect.Type) bool {
	marshaler := reflect.TypeFor[json.Marshaler]()
	return typ.Implements(marshaler) || reflect.PointerTo(typ).Implements(marshaler)
}

func (g generated) fields(typ reflect.Type) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || g.seen[typ] || marshals(typ) {
		return
	}
	g.seen[typ] = true
	g.own(typ, typ)
}

func (g generated) own(owner, typ reflect.Type) {
	for i := range typ.NumField() {
		field := typ.Field(i)
		text, inline := jsonName(field)
		if inline {
			embedded := field.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			g.own(owner, embedded)
			continue
		}
		if text == "" {
			continue
		}
		if g.pointers[name(owner)] == nil {
			g.pointers[name(owner)] = map[string]bool{}
		}
		if field.Type.Kind() == reflect.Pointer {
			g.pointers[name(owner)][text] = true
		}
		g.fields(field.Type)
	}
}

// Makes every struct that a pointer or a list can hold, once on each way down and to a depth; leaves scalars alone.
func fill(value reflect.Value, depth int, above map[reflect.Type]int) {
	typ := value.Type()
	switch value.Kind() {
	case reflect.Struct:
		if marshals(typ) || above[typ] > 0 || strings.HasSuffix(typ.Name(), "Meta") {
			return
		}
		above[typ]++
		for i := range value.NumField() {
			if text, inline := jsonName(typ.Field(i)); text != "" && text != "status" || inline {
				fill(value.Field(i), depth, above)
			}
		}
		above[typ]--
	case reflect.Pointer:
		if depth > 0 && typ.Elem().Kind() == reflect.Struct && !marshals(typ.Elem()) && above[typ.Elem()] == 0 {
			value.Set(reflect.New(typ.Elem()))
			fill(value.Elem(), depth-1, above)
		}
	case reflect.Slice:
		if depth > 0 && typ.Elem().Kind() == reflect.Struct && !marshals(typ.Elem()) && above[typ.Elem()] == 0 {
			value.Set(reflect.MakeSlice(typ, 1, 1))
			fill(value.Index(0), depth-1, above)
		}
	}
}

func (g generated) compare(before, after reflect.Value) {
	g.compareAs(name(after.Type()), before, after)
}

func (g generated) compareAs(owner string, before, after reflect.Value) {
	typ := after.Type()
	for i := range typ.NumField() {
		text, inline := jsonName(typ.Field(i))
		b, a := before.Field(i), after.Field(i)
		if inline {
			if a.Kind() == reflect.Struct {
				g.compareAs(owner, b, a)
			}
			continue
		}
		if text == "" || a.IsZero() {
			continue
		}
		isStruct := func(t reflect.Type) bool { return t.Kind() == reflect.Struct && !marshals(t) }
		switch {
		case isStruct(a.Type()):
			g.compare(b, a)
		case a.Kind() == reflect.Pointer && isStruct(a.Type().Elem()):
			if b.IsNil() {
				g.record(owner, text, json.RawMessage("{}"))
				b = reflect.New(a.Type().Elem())
			}
			g.compare(b.Elem(), a.Elem())
		case a.Kind() == reflect.Slice && isStruct(a.Type().Elem()) && a.Len() == b.Len():
			for j := range a.Len() {
				g.compare(b.Index(j), a.Index(j))
			}
		case b.IsZero() && a.Kind() != reflect.Map:
			g.record(owner, text, a.Interface())
		}
	}
}

func (g generated) record(owner, field string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	if g.defaults[owner] == nil {
		g.defaults[owner] = map[string]map[string]bool{}
	}
	if g.defaults[owner][field] == nil {
		g.defaults[owner][field] = map[string]bool{}
	}
	g.defaults[owner][field][string(text)] = true
}

func keys[V any](m map[string]V) []string {
	found := make([]string, 0, len(m))
	for key := range m {
		found = append(found, key)
	}
	sort.Strings(found)
	return found
}

func (g generated) print() {
	version := ""
	build, _ := debug.ReadBuildInfo()
	for _, module := range build.Deps {
		if module.Path == "k8s.io/kubernetes" {
			version = module.Version
		}
	}
	out := struct {
		Kubernetes string                                  `json:"kubernetes"`
		Pointers   map[string][]string                     `json:"pointers"`
		Defaults   map[string]map[string][]json.RawMessage `json:"defaults"`
	}{version, map[string][]string{}, map[string]map[string][]json.RawMessage{}}
	for _, owner := range keys(g.pointers) {
		out.Pointers[owner] = keys(g.pointers[owner])
	}
	for _, owner := range keys(g.defaults) {
		out.Defaults[owner] = map[string][]json.RawMessage{}
		for _, field := range keys(g.defaults[owner]) {
			for _, value := range keys(g.defaults[owner][field]) {
				out.Defaults[owner][field] = append(out.Defaults[owner][field], json.RawMessage(value))
			}
		}
	}
	text, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stdout, string(text))
}
