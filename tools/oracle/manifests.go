package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/reposerver/apiclient"
	"github.com/argoproj/argo-cd/v3/reposerver/repository"
	apppathutil "github.com/argoproj/argo-cd/v3/util/app/path"
	"github.com/argoproj/argo-cd/v3/util/argo"
	"github.com/argoproj/argo-cd/v3/util/git"
	utilio "github.com/argoproj/argo-cd/v3/util/io"
	"k8s.io/apimachinery/pkg/api/resource"
)

// The schemes that argocd-cm allows for value files unless it says otherwise (argo-cd: util/settings `GetHelmSettings`).
var valueFileSchemes = []string{"https", "http"}

// manifestsRequest asks what the repo server makes of the sources of an Application. `folders` are the checkouts by the
// URLs of their repositories; kustomize changes files in them. `programs` is a folder with the helm and kustomize to run.
// `kubeVersion` and `apiVersions` are what the controller hears of the cluster.
type manifestsRequest struct {
	Application    v1alpha1.Application `json:"application"`
	Folders        map[string]string    `json:"folders"`
	Revision       string               `json:"revision"`
	KubeVersion    string               `json:"kubeVersion"`
	APIVersions    []string             `json:"apiVersions"`
	DirectoryBytes int64                `json:"directoryBytes"`
	Settings       map[string]string    `json:"settings"`
	Programs       string               `json:"programs"`
}

// sourceAnswer is what came of one source: its manifests in their order, or the error that stops the Application.
// `type` is empty for a source that only lends its files.
type sourceAnswer struct {
	Type      string            `json:"type"`
	Manifests []json.RawMessage `json:"manifests"`
	Error     string            `json:"error,omitempty"`
}

func askManifests(line []byte) (any, error) {
	var asked manifestsRequest
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, refusal{err}
	}
	found, err := loadSettings(asked.Settings)
	if err != nil {
		return nil, err
	}
	restore, err := runningProgramsOf(asked.Programs)
	if err != nil {
		return nil, refusal{err}
	}
	defer restore()
	journal.begin()
	spec := asked.Application.Spec
	sources := spec.GetSources()
	references := v1alpha1.RefTargetRevisionMapping{}
	if spec.HasMultipleSources() {
		references, err = argo.GetRefSources(context.Background(), sources, spec.Project, repositoryOf, nil)
		if err != nil {
			return nil, err
		}
	}
	answers := make([]sourceAnswer, 0, len(sources))
	for i := range sources {
		answer, err := asked.render(&sources[i], references, found)
		if err != nil {
			answer = sourceAnswer{Error: err.Error()}
		}
		answers = append(answers, answer)
	}
	return answers, nil
}

// render does what the repo server does around `GenerateManifests`, which it exports, in methods that need Git
// (argo-cd: reposerver/repository/repository.go `GenerateManifest`, `runRepoOperation`, `runManifestGenAsync`).
func (r manifestsRequest) render(
	source *v1alpha1.ApplicationSource, references v1alpha1.RefTargetRevisionMapping, found settings,
) (sourceAnswer, error) {
	multiple := r.Application.Spec.HasMultipleSources()
	if multiple && source.Path == "" && !source.IsOCI() && !source.IsHelm() {
		return sourceAnswer{Manifests: []json.RawMessage{}}, nil
	}
	root, err := r.checkout(source.RepoURL)
	if err != nil {
		return sourceAnswer{}, err
	}
	paths := utilio.NewRandomizedTempPaths(os.TempDir())
	if multiple && source.Helm != nil {
		if err := r.lend(source.Helm, references, paths); err != nil {
			return sourceAnswer{}, err
		}
	}
	folder, err := apppathutil.Path(root, source.Path)
	if err != nil {
		return sourceAnswer{}, err
	}
	response, err := repository.GenerateManifests(
		context.Background(), folder, root, r.Revision, &apiclient.ManifestRequest{
			Repo:               &v1alpha1.Repository{Repo: source.RepoURL},
			Revision:           r.Revision,
			AppLabelKey:        found.labelKey,
			AppName:            r.Application.InstanceName(namespace),
			Namespace:          r.Application.Spec.Destination.Namespace,
			ApplicationSource:  source,
			KubeVersion:        r.KubeVersion,
			ApiVersions:        r.APIVersions,
			TrackingMethod:     found.trackingMethod,
			HelmOptions:        &v1alpha1.HelmOptions{ValuesFileSchemes: valueFileSchemes},
			HasMultipleSources: multiple,
			RefSources:         references,
			ProjectName:        r.Application.Spec.Project,
			InstallationID:     found.installationID,
		}, false, git.NoopCredsStore{}, *resource.NewQuantity(r.DirectoryBytes, resource.DecimalSI), paths)
	if err != nil {
		return sourceAnswer{}, err
	}
	answer := sourceAnswer{Type: response.SourceType, Manifests: []json.RawMessage{}}
	for _, manifest := range response.Manifests {
		// The controller reads what the repo server sends it, and fails over an object without kind.
		if _, err := v1alpha1.UnmarshalToUnstructured(manifest); err != nil {
			return sourceAnswer{}, fmt.Errorf("failed to unmarshal manifests: %w", err)
		}
		answer.Manifests = append(answer.Manifests, json.RawMessage(manifest))
	}
	return answer, nil
}

// lend checks the sources that value files refer to out, as far as that is done already.
func (r manifestsRequest) lend(
	helm *v1alpha1.ApplicationSourceHelm, references v1alpha1.RefTargetRevisionMapping, paths utilio.TempPaths,
) error {
	candidates := append([]string{}, helm.ValueFiles...)
	for _, parameter := range helm.FileParameters {
		candidates = append(candidates, parameter.Path)
	}
	for _, candidate := range candidates {
		if !strings.HasPrefix(candidate, "$") {
			continue
		}
		name, _, _ := strings.Cut(candidate, "/")
		reference, known := references[name]
		if !known {
			return fmt.Errorf("source referenced %q, which is not one of the available sources", name)
		}
		if reference.Chart != "" {
			return errors.New("source has a 'chart' field defined, but Helm charts are not yet not supported for 'ref' sources")
		}
		root, err := r.checkout(reference.Repo.Repo)
		if err != nil {
			return err
		}
		paths.Add(git.NormalizeGitURL(reference.Repo.Repo), root)
	}
	return nil
}

// checkout is the folder of a repository, once it is known that no link leads out of it.
func (r manifestsRequest) checkout(url string) (string, error) {
	root, known := r.Folders[url]
	if !known {
		return "", fmt.Errorf("failed to get git client for repo %s", url)
	}
	err := apppathutil.CheckOutOfBoundsSymlinks(root, ".git")
	outside := &apppathutil.OutOfBoundsSymlinkError{}
	if errors.As(err, &outside) {
		return "", fmt.Errorf("repository contains out-of-bounds symlinks. file: %s", outside.File)
	}
	return root, err
}

func repositoryOf(_ context.Context, url string, _ string) (*v1alpha1.Repository, error) {
	return &v1alpha1.Repository{Repo: url}, nil
}

// runningProgramsOf puts a folder before the PATH, and every way to a network out of reach, until it is undone.
func runningProgramsOf(folder string) (func(), error) {
	before := map[string]string{}
	wanted := map[string]string{
		"PATH":        folder + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HTTP_PROXY":  nothingListens,
		"HTTPS_PROXY": nothingListens,
		"NO_PROXY":    "",
		"KUBECONFIG":  os.DevNull,
	}
	for name, value := range wanted {
		before[name] = os.Getenv(name)
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	return func() {
		for name, value := range before {
			_ = os.Setenv(name, value)
		}
	}, nil
}

const nothingListens = "http://127.0.0.1:9"
