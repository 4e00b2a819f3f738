package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"

	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/sync"
	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/utils/kube"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
)

// orderRequest asks in which order a sync applies objects to a cluster that has none of them. All kinds are served.
type orderRequest struct {
	Objects    []*unstructured.Unstructured `json:"objects"`
	Namespace  string                       `json:"namespace"`
	Namespaced map[string]bool              `json:"namespaced"`
}

// step is one task of the sync: an object in a phase and a wave.
type step struct {
	Phase string `json:"phase"`
	Wave  int    `json:"wave"`
	Hook  bool   `json:"hook"`
	Group string `json:"group"`
	Kind  string `json:"kind"`
	Name  string `json:"name"`
}

// How a task writes itself (gitops-engine: pkg/sync/sync_task.go).
var task = regexp.MustCompile(`(\w+)/(-?\d+) (hook|resource) ([^/ ]*)/([^: ]+):([^/ ]*)/(\S+) \w+->\w+ \([^)]*\)`)

func askOrder(line []byte) (any, error) {
	var asked orderRequest
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, refusal{err}
	}
	served := httptest.NewServer(kindsServed(asked.Objects))
	defer served.Close()
	result := sync.Reconcile(
		asked.Objects, map[kube.ResourceKey]*unstructured.Unstructured{}, asked.Namespace, scopes{namespaced: asked.Namespaced})
	planned := &plan{}
	config := &rest.Config{Host: served.URL}
	operation, clean, err := sync.NewSyncContext(
		"revision", result, config, config, nobodyApplies{}, asked.Namespace, sync.WithLogr(logr.New(planned)))
	if err != nil {
		return nil, err
	}
	defer clean()
	// The plan is made and logged, and the dry run that follows fails at once.
	operation.Sync(context.Background())
	if !planned.made {
		_, message, _ := operation.GetState()
		return nil, errors.New(message)
	}
	return planned.steps()
}

// plan is a log that keeps the tasks of a sync, in their order.
type plan struct {
	recorder
	made  bool
	tasks string
}

func (p *plan) WithValues(values ...any) logr.LogSink {
	for i := 0; i+1 < len(values); i += 2 {
		tasks, written := values[i+1].(fmt.Stringer)
		if values[i] == "tasks" && written && !p.made {
			p.made, p.tasks = true, tasks.String()
		}
	}
	return p
}

func (p *plan) WithName(string) logr.LogSink { return p }

func (p *plan) steps() ([]step, error) {
	steps := []step{}
	for _, found := range task.FindAllStringSubmatch(p.tasks, -1) {
		wave, err := strconv.Atoi(found[2])
		if err != nil {
			return nil, err
		}
		steps = append(steps, step{found[1], wave, found[3] == "hook", found[4], found[5], found[7]})
	}
	if written := strings.Count(p.tasks, "->"); written != len(steps) {
		return nil, refuse("%d of %d tasks could be read: %s", len(steps), written, p.tasks)
	}
	return steps, nil
}

// kindsServed answers as an API server that serves the kinds of these objects.
func kindsServed(objects []*unstructured.Unstructured) http.HandlerFunc {
	return func(out http.ResponseWriter, request *http.Request) {
		version := strings.TrimPrefix(strings.TrimPrefix(request.URL.Path, "/apis/"), "/api/")
		list := metav1.APIResourceList{GroupVersion: version}
		for _, object := range objects {
			if object.GetAPIVersion() == version {
				list.APIResources = append(list.APIResources, metav1.APIResource{
					Name: strings.ToLower(object.GetKind()), Kind: object.GetKind(), Verbs: metav1.Verbs{"get"},
				})
			}
		}
		out.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(out).Encode(list)
	}
}

// nobodyApplies refuses to apply anything.
type nobodyApplies struct{ kube.Kubectl }

func (nobodyApplies) ManageResources(*rest.Config) (kube.ResourceOperations, func(), error) {
	return refusing{}, func() {}, nil
}

type refusing struct{ kube.ResourceOperations }

func (refusing) ApplyResource(
	context.Context, *unstructured.Unstructured, cmdutil.DryRunStrategy, bool, bool, bool, string,
) (string, error) {
	return "", errors.New("only the order was asked for")
}

func (refusing) ReplaceResource(context.Context, *unstructured.Unstructured, cmdutil.DryRunStrategy, bool) (string, error) {
	return "", errors.New("only the order was asked for")
}

func (refusing) CreateResource(context.Context, *unstructured.Unstructured, cmdutil.DryRunStrategy, bool) (string, error) {
	return "", errors.New("only the order was asked for")
}

var _ kube.ResourceInfoProvider = scopes{}

