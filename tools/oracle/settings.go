package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	argocdsettings "github.com/argoproj/argo-cd/v3/util/settings"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
)

const namespace = "argocd"

// settings is what a comparison takes from argocd-cm.
type settings struct {
	overrides             map[string]v1alpha1.ResourceOverride
	ignoreAggregatedRoles bool
	labelKey              string
	trackingMethod        string
	installationID        string
}

// settingsSource is one settings manager for all requests. It reads argocd-cm through an informer, so each new content
// carries a number, and is asked for only when that number has arrived.
type settingsSource struct {
	client  kubernetes.Interface
	manager *argocdsettings.SettingsManager
	number  int
	current string
	known   map[string]settings
}

var source *settingsSource

func loadSettings(data map[string]string) (settings, error) {
	if source == nil {
		source = newSettingsSource()
	}
	key := contentKey(data)
	if found, ok := source.known[key]; ok {
		return found, nil
	}
	if err := source.publish(data); err != nil {
		return settings{}, err
	}
	found, err := source.read()
	if err != nil {
		return settings{}, err
	}
	source.known[key] = found
	return found, nil
}

// contentKey is the same for the same data: Go writes the keys of a map in order.
func contentKey(data map[string]string) string {
	text, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func newSettingsSource() *settingsSource {
	labels := map[string]string{"app.kubernetes.io/part-of": "argocd"}
	named := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: labels}
	}
	client := fake.NewSimpleClientset(
		&corev1.ConfigMap{ObjectMeta: named(common.ArgoCDConfigMapName)},
		// The manager will not read one without the other.
		&corev1.Secret{
			ObjectMeta: named(common.ArgoCDSecretName),
			Data:       map[string][]byte{"server.secretkey": []byte("-")},
		},
	)
	return &settingsSource{
		client:  client,
		manager: argocdsettings.NewSettingsManager(context.Background(), client, namespace),
		known:   map[string]settings{},
	}
}

// publish makes the data the content of argocd-cm, and waits until the manager sees it.
func (s *settingsSource) publish(data map[string]string) error {
	key := contentKey(data)
	if s.current == key && s.number > 0 {
		return nil
	}
	s.number++
	number := strconv.Itoa(s.number)
	maps := s.client.CoreV1().ConfigMaps(namespace)
	config, err := maps.Get(context.Background(), common.ArgoCDConfigMapName, metav1.GetOptions{})
	if err != nil {
		return refusal{err}
	}
	config.Annotations = map[string]string{"number": number}
	config.Data = data
	if _, err := maps.Update(context.Background(), config, metav1.UpdateOptions{}); err != nil {
		return refusal{err}
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Microsecond) {
		seen, err := s.manager.GetConfigMapByName(common.ArgoCDConfigMapName)
		if err != nil {
			return refusal{err}
		}
		if seen.Annotations["number"] == number {
			s.current = key
			return nil
		}
	}
	return refusal{errors.New("argocd-cm did not arrive")}
}

func (s *settingsSource) read() (settings, error) {
	overrides, err := s.manager.GetResourceOverrides()
	if err != nil {
		return settings{}, fmt.Errorf("resource overrides: %w", err)
	}
	options, err := s.manager.GetResourceCompareOptions()
	if err != nil {
		return settings{}, fmt.Errorf("compare options: %w", err)
	}
	labelKey, err := s.manager.GetAppInstanceLabelKey()
	if err != nil {
		return settings{}, fmt.Errorf("label key: %w", err)
	}
	method, err := s.manager.GetTrackingMethod()
	if err != nil {
		return settings{}, fmt.Errorf("tracking method: %w", err)
	}
	installation, err := s.manager.GetInstallationID()
	if err != nil {
		return settings{}, fmt.Errorf("installation id: %w", err)
	}
	return settings{overrides, options.IgnoreAggregatedRoles, labelKey, method, installation}, nil
}
