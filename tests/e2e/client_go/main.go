// What controllers send: informers (typed, dynamic, metadata), leader election, events of both kinds, a
// scale, an apply, a definition and objects of its kind; and what is refused: a version that is not there
// yet, somebody else's name. tapes.py runs it once, through its proxy, to make the tape that test_tapes.py
// replays:
//
//	go mod init tape && go get k8s.io/client-go@v0.36.3 k8s.io/apiextensions-apiserver@v0.36.3
//	go build -o client-go .
//	tests/e2e/tapes.py client-go ./client-go
//
// Arguments: the server, a namespace.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	extensionsclient "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typed "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/cache"
	newevents "k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}

// Seen by an informer, changed by a client, seen again.
func informed(name string, stop chan struct{}, synced cache.InformerSynced) {
	if !cache.WaitForCacheSync(stop, synced) {
		must(fmt.Errorf("%s: not in step", name))
	}
	fmt.Println("in step:", name)
}

func inform(ctx context.Context, config *rest.Config, client kubernetes.Interface, ns string) {
	stop := make(chan struct{})
	defer close(stop)
	dynamicClient, err := dynamic.NewForConfig(config)
	must(err)
	metadataClient, err := metadata.NewForConfig(config)
	must(err)
	made := &core.ConfigMap{ObjectMeta: meta.ObjectMeta{Name: "seen"}, Data: map[string]string{"a": "b"}}
	_, err = client.CoreV1().ConfigMaps(ns).Create(ctx, made, meta.CreateOptions{})
	must(err)

	typedOnes := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(ns))
	maps := typedOnes.Core().V1().ConfigMaps()
	pods := typedOnes.Core().V1().Pods()
	events := make(chan string, 100)
	_, err = maps.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		UpdateFunc: func(_, now interface{}) { events <- now.(*core.ConfigMap).Data["a"] }})
	must(err)
	pods.Informer()
	typedOnes.Start(stop)
	informed("configmaps", stop, maps.Informer().HasSynced)
	informed("pods", stop, pods.Informer().HasSynced)
	dynamicOnes := dynamicinformer.NewFilteredDynamicSharedInformerFactory(dynamicClient, 0, ns, nil)
	dynamicOne := dynamicOnes.ForResource(deployments)
	dynamicOnes.Start(stop)
	informed("deployments, dynamic", stop, dynamicOne.Informer().HasSynced)
	metadataOnes := metadatainformer.NewFilteredSharedInformerFactory(metadataClient, 0, ns, nil)
	metadataOne := metadataOnes.ForResource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"})
	metadataOnes.Start(stop)
	informed("secrets, metadata", stop, metadataOne.Informer().HasSynced)

	_, err = client.CoreV1().ConfigMaps(ns).Patch(ctx, "seen", types.StrategicMergePatchType,
		[]byte(`{"data":{"a":"c"}}`), meta.PatchOptions{})
	must(err)
	select {
	case value := <-events:
		fmt.Println("seen:", value)
	case <-time.After(20 * time.Second):
		must(fmt.Errorf("the change was not seen"))
	}
}

func lead(ctx context.Context, client kubernetes.Interface, ns string) {
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, ns, "leader", client.CoreV1(),
		client.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: "me"})
	must(err)
	ctx, cancel := context.WithCancel(ctx)
	leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{Lock: lock, ReleaseOnCancel: true,
		LeaseDuration: 4 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: time.Second,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { time.Sleep(2500 * time.Millisecond); cancel() },
			OnStoppedLeading: func() { fmt.Println("led") }}})
	cancel()
}

func tell(client kubernetes.Interface, ns string, about *apps.Deployment) {
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typed.EventSinkImpl{Interface: client.CoreV1().Events(ns)})
	recorder := broadcaster.NewRecorder(scheme.Scheme, core.EventSource{Component: "tape"})
	for i := 0; i < 3; i++ {
		recorder.Event(about, "Normal", "Happened", "the same again")
		time.Sleep(300 * time.Millisecond)
	}
	broadcaster.Shutdown()
}

func reconcile(ctx context.Context, config *rest.Config, client kubernetes.Interface, ns string) {
	groups, err := restmapper.GetAPIGroupResources(discovery.NewDiscoveryClientForConfigOrDie(config))
	must(err)
	_, err = restmapper.NewDiscoveryRESTMapper(groups).RESTMapping(
		schema.GroupKind{Group: "apps", Kind: "Deployment"}, "v1")
	must(err)
	one := int32(1)
	labels := map[string]string{"app": "made"}
	d, err := client.AppsV1().Deployments(ns).Create(ctx, &apps.Deployment{
		ObjectMeta: meta.ObjectMeta{Name: "made"},
		Spec: apps.DeploymentSpec{Replicas: &one, Selector: &meta.LabelSelector{MatchLabels: labels},
			Template: core.PodTemplateSpec{ObjectMeta: meta.ObjectMeta{Labels: labels},
				Spec: core.PodSpec{Containers: []core.Container{{Name: "c",
					Image: "localhost/busybox:1", Command: []string{"sleep", "3600"}}}}}}},
		meta.CreateOptions{})
	must(err)
	tell(client, ns, d)
	scale, err := client.AppsV1().Deployments(ns).GetScale(ctx, "made", meta.GetOptions{})
	must(err)
	scale.Spec.Replicas = 2
	_, err = client.AppsV1().Deployments(ns).UpdateScale(ctx, "made", scale, meta.UpdateOptions{})
	must(err)
	dynamicClient, err := dynamic.NewForConfig(config)
	must(err)
	_, err = dynamicClient.Resource(deployments).Namespace(ns).Apply(ctx, "made", &unstructured.Unstructured{
		Object: map[string]interface{}{"apiVersion": "apps/v1", "kind": "Deployment",
			"metadata": map[string]interface{}{"name": "made", "labels": map[string]interface{}{"a": "b"}}}},
		meta.ApplyOptions{FieldManager: "tape", Force: true})
	must(err)
	_, err = dynamicClient.Resource(deployments).Namespace(ns).List(ctx, meta.ListOptions{Limit: 1})
	must(err)
	background := meta.DeletePropagationForeground
	must(client.AppsV1().Deployments(ns).Delete(ctx, "made",
		meta.DeleteOptions{PropagationPolicy: &background}))
	must(client.CoreV1().ConfigMaps(ns).DeleteCollection(ctx, meta.DeleteOptions{},
		meta.ListOptions{FieldSelector: "metadata.name=seen"}))
}

// The newer API of events: a series is counted by a patch.
func tellNewly(ctx context.Context, client kubernetes.Interface, about *core.ConfigMap) {
	broadcaster := newevents.NewBroadcaster(&newevents.EventSinkImpl{Interface: client.EventsV1()})
	must(broadcaster.StartRecordingToSinkWithContext(ctx))
	recorder := broadcaster.NewRecorder(scheme.Scheme, "tape")
	for i := 0; i < 2; i++ {
		recorder.Eventf(about, nil, "Normal", "Happened", "Testing", "the same again")
		time.Sleep(500 * time.Millisecond)
	}
	broadcaster.Shutdown()
}

func refuse(ctx context.Context, config *rest.Config, client kubernetes.Interface, ns string) {
	err := client.CoreV1().RESTClient().Get().MaxRetries(0).Namespace(ns).Resource("configmaps").
		Param("resourceVersion", "900000000000000000").Do(ctx).Error()
	if !errors.HasStatusCause(err, meta.CauseTypeResourceVersionTooLarge) {
		must(fmt.Errorf("a version that is not there yet: %v", err))
	}
	another := rest.CopyConfig(config)
	another.Impersonate = rest.ImpersonationConfig{UserName: "ann", Groups: []string{"devs"}}
	_, err = kubernetes.NewForConfigOrDie(another).CoreV1().ConfigMaps(ns).Get(ctx, "seen", meta.GetOptions{})
	if !errors.IsForbidden(err) {
		must(fmt.Errorf("ann: %v", err))
	}
}

func define(ctx context.Context, config, typedConfig *rest.Config, ns string) {
	extensions, err := extensionsclient.NewForConfig(typedConfig)
	must(err)
	path := ".spec.replicas"
	yes := true
	_, err = extensions.ApiextensionsV1().CustomResourceDefinitions().Create(ctx,
		&apiextensions.CustomResourceDefinition{ObjectMeta: meta.ObjectMeta{Name: "lamps.go.skiff.dev"},
			Spec: apiextensions.CustomResourceDefinitionSpec{Group: "go.skiff.dev", Scope: "Namespaced",
				Names: apiextensions.CustomResourceDefinitionNames{Plural: "lamps", Kind: "Lamp"},
				Versions: []apiextensions.CustomResourceDefinitionVersion{{Name: "v1", Served: true, Storage: true,
					Schema: &apiextensions.CustomResourceValidation{OpenAPIV3Schema: &apiextensions.JSONSchemaProps{
						Type: "object", XPreserveUnknownFields: &yes}},
					Subresources: &apiextensions.CustomResourceSubresources{
						Status: &apiextensions.CustomResourceSubresourceStatus{},
						Scale: &apiextensions.CustomResourceSubresourceScale{SpecReplicasPath: path,
							StatusReplicasPath: ".status.replicas"}}}}}}, meta.CreateOptions{})
	must(err)
	groups, err := restmapper.GetAPIGroupResources(discovery.NewDiscoveryClientForConfigOrDie(config))
	must(err)
	mapping, err := restmapper.NewDiscoveryRESTMapper(groups).RESTMapping(
		schema.GroupKind{Group: "go.skiff.dev", Kind: "Lamp"}, "v1")
	must(err) // at once
	dynamicClient, err := dynamic.NewForConfig(config)
	must(err)
	lamps := dynamicClient.Resource(mapping.Resource).Namespace(ns)
	lamp, err := lamps.Create(ctx, &unstructured.Unstructured{Object: map[string]interface{}{
		"apiVersion": "go.skiff.dev/v1", "kind": "Lamp", "metadata": map[string]interface{}{"name": "a"},
		"spec": map[string]interface{}{"replicas": int64(1)}}}, meta.CreateOptions{})
	must(err)
	must(unstructured.SetNestedField(lamp.Object, int64(1), "status", "replicas"))
	_, err = lamps.UpdateStatus(ctx, lamp, meta.UpdateOptions{})
	must(err)
	_, err = lamps.Patch(ctx, "a", types.MergePatchType, []byte(`{"status":{"on":true}}`), meta.PatchOptions{}, "status")
	must(err)
	_, err = lamps.Patch(ctx, "a", types.MergePatchType, []byte(`{"spec":{"replicas":2}}`), meta.PatchOptions{}, "scale")
	must(err)
	must(extensions.ApiextensionsV1().CustomResourceDefinitions().Delete(ctx, "lamps.go.skiff.dev",
		meta.DeleteOptions{}))
}

func main() {
	config := &rest.Config{Host: os.Args[1], UserAgent: "tape", QPS: 1000, Burst: 1000}
	ns := os.Args[2]
	ctx := context.Background()
	typedConfig := rest.CopyConfig(config) // as controllers do for the kinds that are built in
	typedConfig.ContentType = "application/vnd.kubernetes.protobuf"
	typedConfig.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	client, err := kubernetes.NewForConfig(typedConfig)
	must(err)
	_, err = client.CoreV1().Namespaces().Create(ctx,
		&core.Namespace{ObjectMeta: meta.ObjectMeta{Name: ns}}, meta.CreateOptions{})
	must(err)
	inform(ctx, config, client, ns)
	lead(ctx, client, ns)
	seen, err := client.CoreV1().ConfigMaps(ns).Get(ctx, "seen", meta.GetOptions{})
	must(err)
	tellNewly(ctx, client, seen)
	refuse(ctx, config, client, ns)
	define(ctx, config, typedConfig, ns)
	reconcile(ctx, config, client, ns)
	must(client.CoreV1().Namespaces().Delete(ctx, ns, meta.DeleteOptions{}))
}
