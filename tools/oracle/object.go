package main

import (
	"encoding/json"

	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/health"
	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/sync/hook"
	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/sync/ignore"
	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/sync/syncwaves"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/argo"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type objectRequest struct {
	Object   *unstructured.Unstructured `json:"object"`
	Settings map[string]string          `json:"settings"`
}

type objectAnswer struct {
	Hook           bool     `json:"hook"`
	Ignored        bool     `json:"ignored"`
	Skipped        bool     `json:"skipped"`
	HookTypes      []string `json:"hookTypes"`
	DeletePolicies []string `json:"deletePolicies"`
	Wave           int      `json:"wave"`
	Application    string   `json:"application"`
}

func readObject(line []byte) (*unstructured.Unstructured, settings, error) {
	var asked objectRequest
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, settings{}, refusal{err}
	}
	if asked.Object == nil {
		return nil, settings{}, refuse("no object")
	}
	found, err := loadSettings(asked.Settings)
	journal.begin()
	return asked.Object, found, err
}

// askObject tells what one object's own metadata makes of it: a hook or not, its wave, whose it is.
func askObject(line []byte) (any, error) {
	object, found, err := readObject(line)
	if err != nil {
		return nil, err
	}
	method := v1alpha1.TrackingMethod(found.trackingMethod)
	answer := objectAnswer{
		Hook:           hook.IsHook(object),
		Ignored:        ignore.Ignore(object),
		Skipped:        hook.Skip(object),
		HookTypes:      []string{},
		DeletePolicies: []string{},
		Wave:           syncwaves.Wave(object),
		Application:    argo.NewResourceTracking().GetAppName(object, found.labelKey, method, found.installationID),
	}
	for _, each := range hook.Types(object) {
		answer.HookTypes = append(answer.HookTypes, string(each))
	}
	for _, each := range hook.DeletePolicies(object) {
		answer.DeletePolicies = append(answer.DeletePolicies, string(each))
	}
	return answer, nil
}

// askHealth tells how healthy an object is; the answer is null for a kind that has no health.
func askHealth(line []byte) (any, error) {
	object, found, err := readObject(line)
	if err != nil {
		return nil, err
	}
	status, err := health.GetResourceHealth(object, lua.ResourceHealthOverrides(found.overrides))
	if err != nil {
		return nil, err
	}
	return map[string]any{"health": status}, nil
}
