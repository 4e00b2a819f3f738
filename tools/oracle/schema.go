package main

import (
	"encoding/json"
	"fmt"
	"os"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/util/proto"
)

// published is what the cluster publishes about its kinds. Without one, lists and maps that managers own are compared as
// wholes; a controller always has one.
var published *managedfields.GvkParser

// askSchema reads the file at `path`, an OpenAPI v2 document as the API server serves it.
//
// It belongs before the first comparison with managed fields: Argo CD keeps for the life of the process which kinds the
// first schema names, and takes its own copy of theirs.
func askSchema(line []byte) (any, error) {
	var asked struct {
		Path string `json:"path"`
	}
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, refusal{err}
	}
	text, err := os.ReadFile(asked.Path)
	if err != nil {
		return nil, refusal{err}
	}
	document, err := openapi_v2.ParseDocument(text)
	if err != nil {
		return nil, refusal{fmt.Errorf("%s: %w", asked.Path, err)}
	}
	models, err := proto.NewOpenAPIData(document)
	if err != nil {
		return nil, refusal{fmt.Errorf("%s: %w", asked.Path, err)}
	}
	parser, err := managedfields.NewGVKParser(models, false)
	if err != nil {
		return nil, refusal{fmt.Errorf("%s: %w", asked.Path, err)}
	}
	published = parser
	return len(models.ListModels()), nil
}
