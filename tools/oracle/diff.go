package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/argo/diff"
	"github.com/argoproj/argo-cd/v3/util/argo/normalizers"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// diffRequest asks whether an Application's object is out of sync. `settings` is the data of argocd-cm; the default
// rule about `/status` follows from it. `dryRun` is what the API server answers to a server-side apply of the desired
// state by argocd-controller in dry-run mode; with it the comparison is a server-side one.
type diffRequest struct {
	Desired                *unstructured.Unstructured           `json:"desired"`
	Live                   *unstructured.Unstructured           `json:"live"`
	IgnoreDifferences      []v1alpha1.ResourceIgnoreDifferences `json:"ignoreDifferences"`
	Settings               map[string]string                    `json:"settings"`
	DryRun                 json.RawMessage                      `json:"dryRun"`
	IncludeMutationWebhook bool                                 `json:"includeMutationWebhook"`
}

type diffAnswer struct {
	Modified       bool            `json:"modified"`
	NormalizedLive json.RawMessage `json:"normalizedLive"`
	PredictedLive  json.RawMessage `json:"predictedLive"`
}

// dryRun is an API server that has answered already.
type dryRun struct{ answer json.RawMessage }

func (d dryRun) Run(context.Context, *unstructured.Unstructured, string) (string, error) {
	return string(d.answer), nil
}

func askDiff(line []byte) (any, error) {
	var asked diffRequest
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, refusal{err}
	}
	if asked.Desired == nil && asked.Live == nil {
		return nil, refuse("neither a desired nor a live object")
	}
	settings, err := loadSettings(asked.Settings)
	if err != nil {
		return nil, err
	}
	journal.begin()
	limits := normalizers.IgnoreNormalizerOpts{}
	builder := diff.NewDiffConfigBuilder().
		WithDiffSettings(asked.IgnoreDifferences, settings.overrides, settings.ignoreAggregatedRoles, limits).
		WithTracking(settings.labelKey, settings.trackingMethod).
		WithNoCache().
		WithLogger(logr.New(journal)).
		WithGVKParser(published).
		WithManager(common.ArgoCDSSAManager).
		WithIgnoreMutationWebhook(!asked.IncludeMutationWebhook)
	if len(asked.DryRun) > 0 {
		builder = builder.WithServerSideDiff(true).WithServerSideDryRunner(dryRun{asked.DryRun})
	}
	config, err := builder.Build()
	if err != nil {
		return nil, refusal{err}
	}
	result, err := diff.StateDiff(context.Background(), asked.Live, asked.Desired, config)
	if err != nil {
		return nil, err
	}
	return diffAnswer{result.Modified, result.NormalizedLive, result.PredictedLive}, nil
}

// ignoreRequest asks what rules leave of one object. Rules that cannot be read at all are an error, as they are in a
// comparison; a rule that fails on this object is skipped, and the log tells.
type ignoreRequest struct {
	Object            *unstructured.Unstructured           `json:"object"`
	IgnoreDifferences []v1alpha1.ResourceIgnoreDifferences `json:"ignoreDifferences"`
}

func askIgnore(line []byte) (any, error) {
	var asked ignoreRequest
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, refusal{err}
	}
	if asked.Object == nil {
		return nil, refusal{errors.New("no object")}
	}
	normalizer, err := normalizers.NewIgnoreNormalizer(asked.IgnoreDifferences, nil, normalizers.IgnoreNormalizerOpts{})
	if err != nil {
		return nil, err
	}
	if err := normalizer.Normalize(asked.Object); err != nil {
		return nil, err
	}
	return asked.Object.Object, nil
}
