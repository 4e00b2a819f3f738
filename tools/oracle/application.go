package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	clustercache "github.com/argoproj/argo-cd/gitops-engine/v3/pkg/cache"
	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/utils/kube"
	"github.com/argoproj/argo-cd/v3/controller"
	statecache "github.com/argoproj/argo-cd/v3/controller/cache"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/argo"
	"github.com/argoproj/argo-cd/v3/util/argo/normalizers"
	"github.com/argoproj/argo-cd/v3/util/db"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
)

const server = "https://cluster.test"

// applicationRequest asks what a refresh makes of an Application. `rendered` is what its sources render to, `live` is
// every object of the cluster, whoever owns it, and `namespaced` the scope of each kind, as `group/Kind`. The live
// objects need uids, because Argo CD takes those with the same one for the same object. The project allows everything
// unless one is given.
type applicationRequest struct {
	Application v1alpha1.Application         `json:"application"`
	Project     *v1alpha1.AppProject         `json:"project"`
	Settings    map[string]string            `json:"settings"`
	Rendered    []*unstructured.Unstructured `json:"rendered"`
	Live        []*unstructured.Unstructured `json:"live"`
	Namespaced  map[string]bool              `json:"namespaced"`
}

type applicationAnswer struct {
	Sync       string           `json:"sync"`
	Health     string           `json:"health"`
	Conditions []condition      `json:"conditions"`
	Resources  []resourceAnswer `json:"resources"`
}

type condition struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// resourceAnswer is one line of the Application's status with the pair that it is about. `status` is empty for what has
// none: a hook, a skipped object, a copy of another object's tracking.
type resourceAnswer struct {
	Group           string          `json:"group"`
	Kind            string          `json:"kind"`
	Namespace       string          `json:"namespace"`
	Name            string          `json:"name"`
	Status          string          `json:"status"`
	Hook            bool            `json:"hook"`
	RequiresPruning bool            `json:"requiresPruning"`
	Wave            int64           `json:"wave"`
	Desired         any             `json:"desired"`
	Modified        bool            `json:"modified"`
	NormalizedLive  json.RawMessage `json:"normalizedLive"`
	PredictedLive   json.RawMessage `json:"predictedLive"`
}

func askApplication(line []byte) (any, error) {
	var asked applicationRequest
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, refusal{err}
	}
	found, err := loadSettings(asked.Settings)
	if err != nil {
		return nil, err
	}
	// Settings are remembered here, and read anew by what follows.
	if err := source.publish(asked.Settings); err != nil {
		return nil, err
	}
	journal.begin()
	application := &asked.Application
	application.Spec.Destination.Server, application.Spec.Destination.Name = server, ""
	manifests, err := track(asked.Rendered, application, found)
	if err != nil {
		return nil, err
	}
	project := asked.Project
	if project == nil {
		project = everythingAllowed()
	}
	manager := controller.NewAppStateManager(
		clusters{}, nil, nil, namespace, nil, nil, source.manager,
		&liveState{live: asked.Live, namespaced: asked.Namespaced, settings: found},
		nil, nil, 0, argo.NewResourceTracking(), false, 0, false, normalizers.IgnoreNormalizerOpts{},
	)
	sources := []v1alpha1.ApplicationSource{{}}
	compared, err := manager.CompareAppState(
		context.Background(), application, project, []string{""}, sources, true, true, manifests, false)
	if err != nil {
		return nil, err
	}
	answer := applicationAnswer{
		Sync:       string(compared.GetSyncStatus().Status),
		Health:     string(compared.GetHealthStatus()),
		Conditions: []condition{},
		Resources:  resources(compared),
	}
	for _, each := range application.Status.Conditions {
		answer.Conditions = append(answer.Conditions, condition{string(each.Type), each.Message})
	}
	return answer, nil
}

// track puts on what was rendered the metadata that the repo server puts on it (argo-cd: reposerver/repository,
// `GenerateManifests`).
func track(rendered []*unstructured.Unstructured, application *v1alpha1.Application, found settings) ([]string, error) {
	manifests := make([]string, 0, len(rendered))
	for _, object := range rendered {
		if found.labelKey != "" && application.Name != "" && !kube.IsCRD(object) {
			err := argo.NewResourceTracking().SetAppInstance(
				object, found.labelKey, application.InstanceName(namespace), application.Spec.Destination.Namespace,
				v1alpha1.TrackingMethod(found.trackingMethod), found.installationID)
			if err != nil {
				return nil, fmt.Errorf("failed to set app instance tracking info on manifest: %w", err)
			}
		}
		text, err := json.Marshal(object)
		if err != nil {
			return nil, refusal{err}
		}
		manifests = append(manifests, string(text))
	}
	return manifests, nil
}

func everythingAllowed() *v1alpha1.AppProject {
	return &v1alpha1.AppProject{Spec: v1alpha1.AppProjectSpec{
		SourceRepos:              []string{"*"},
		Destinations:             []v1alpha1.ApplicationDestination{{Server: "*", Namespace: "*"}},
		ClusterResourceWhitelist: []v1alpha1.ClusterResourceRestrictionItem{{Group: "*", Kind: "*"}},
	}}
}

// resources reads the lists of a comparison's result, which only its own package can name.
func resources(compared any) []resourceAnswer {
	statuses := *(*[]v1alpha1.ResourceStatus)(field(compared, "resources").Addr().UnsafePointer())
	managed := field(compared, "managedResources")
	pairs := reflect.NewAt(managed.Type(), managed.Addr().UnsafePointer()).Elem()
	answers := make([]resourceAnswer, 0, len(statuses))
	for i, status := range statuses {
		pair := pairs.Index(i)
		result := pair.FieldByName("Diff").Interface().(diff.DiffResult)
		answer := resourceAnswer{
			Group:           status.Group,
			Kind:            status.Kind,
			Namespace:       status.Namespace,
			Name:            status.Name,
			Status:          string(status.Status),
			Hook:            status.Hook,
			RequiresPruning: status.RequiresPruning,
			Wave:            status.SyncWave,
			Modified:        result.Modified,
			NormalizedLive:  result.NormalizedLive,
			PredictedLive:   result.PredictedLive,
		}
		if target := pair.FieldByName("Target").Interface().(*unstructured.Unstructured); target != nil {
			answer.Desired = target.Object
		}
		answers = append(answers, answer)
	}
	return answers
}

func field(pointer any, name string) reflect.Value {
	return reflect.ValueOf(pointer).Elem().FieldByName(name)
}

// clusters is the database of Argo CD, as far as a comparison asks it.
type clusters struct{ db.ArgoDB }

func (clusters) GetCluster(_ context.Context, address string) (*v1alpha1.Cluster, error) {
	return &v1alpha1.Cluster{Server: address, Name: "test"}, nil
}

func (clusters) GetProjectClusters(context.Context, string) ([]*v1alpha1.Cluster, error) {
	return nil, nil
}

// liveState is the controller's memory of the cluster, as far as a comparison asks it.
type liveState struct {
	statecache.LiveStateCache
	live       []*unstructured.Unstructured
	namespaced map[string]bool
	settings   settings
}

// GetManagedLiveObjs follows the cluster cache of the engine (gitops-engine: pkg/cache/cluster.go): what is tracked to
// the Application and nobody's child, and what has the key of a desired object, whoever it is tracked to.
func (s *liveState) GetManagedLiveObjs(
	_ *v1alpha1.Cluster, application *v1alpha1.Application, desired []*unstructured.Unstructured,
) (map[kube.ResourceKey]*unstructured.Unstructured, error) {
	wanted := map[kube.ResourceKey]bool{}
	for _, object := range desired {
		wanted[kube.GetResourceKey(object)] = true
	}
	tracking, method := argo.NewResourceTracking(), v1alpha1.TrackingMethod(s.settings.trackingMethod)
	managed := map[kube.ResourceKey]*unstructured.Unstructured{}
	for _, object := range s.live {
		key := kube.GetResourceKey(object)
		owner := tracking.GetAppName(object, s.settings.labelKey, method, s.settings.installationID)
		ours := owner == application.InstanceName(namespace) && len(object.GetOwnerReferences()) == 0
		if ours || wanted[key] {
			managed[key] = object
		}
	}
	return managed, nil
}

func (s *liveState) GetClusterCache(*v1alpha1.Cluster) (clustercache.ClusterCache, error) {
	return scopes{namespaced: s.namespaced}, nil
}

func (s *liveState) IsNamespaced(_ *v1alpha1.Cluster, kind schema.GroupKind) (bool, error) {
	return scopes{namespaced: s.namespaced}.IsNamespaced(kind)
}

type scopes struct {
	clustercache.ClusterCache
	namespaced map[string]bool
}

func (s scopes) IsNamespaced(kind schema.GroupKind) (bool, error) {
	namespaced, known := s.namespaced[kind.Group+"/"+kind.Kind]
	if !known {
		return false, fmt.Errorf("the cluster has no %s", kind)
	}
	return namespaced, nil
}

func (s scopes) GetGVKParser() *managedfields.GvkParser { return published }
