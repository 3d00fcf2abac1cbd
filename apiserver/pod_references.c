/* What a pod refers to, read from its bytes without a tree. */
#include "apiserver/authz_node.h"

struct walk {
	void (*visit)(void *ctx, enum pod_reference kind, struct span name);
	void *ctx;
};

static void refer(const struct walk *w, enum pod_reference kind, struct span name)
{
	if (name.at && name.len > 2 && *name.at == '"')
		w->visit(w->ctx, kind, (struct span){ name.at + 1, name.len - 2 });
}

static void environment(const struct walk *w, struct span container)
{
	struct span name, item;
	struct scan s = scan_open(scan_member(container, "env"));
	while (scan_next(&s, &name, &item)) {
		struct span from = scan_member(item, "valueFrom");
		refer(w, REFERS_SECRET, scan_dig(from, "secretKeyRef.name"));
		refer(w, REFERS_CONFIG_MAP, scan_dig(from, "configMapKeyRef.name"));
	}
	s = scan_open(scan_member(container, "envFrom"));
	while (scan_next(&s, &name, &item)) {
		refer(w, REFERS_SECRET, scan_dig(item, "secretRef.name"));
		refer(w, REFERS_CONFIG_MAP, scan_dig(item, "configMapRef.name"));
	}
}

static void containers(const struct walk *w, struct span list)
{
	struct span name, item;
	struct scan s = scan_open(list);
	while (scan_next(&s, &name, &item))
		environment(w, item);
}

static void projected(const struct walk *w, struct span sources)
{
	struct span name, item;
	struct scan s = scan_open(sources);
	while (scan_next(&s, &name, &item)) {
		refer(w, REFERS_SECRET, scan_dig(item, "secret.name"));
		refer(w, REFERS_CONFIG_MAP, scan_dig(item, "configMap.name"));
	}
}

/* One member of a volume: its source. */
static void volume_source(const struct walk *w, const char *pod_name, size_t pod_name_len,
			  struct span volume, struct span kind, struct span source)
{
	if (span_is(kind, "secret"))
		refer(w, REFERS_SECRET, scan_member(source, "secretName"));
	else if (span_is(kind, "configMap"))
		refer(w, REFERS_CONFIG_MAP, scan_member(source, "name"));
	else if (span_is(kind, "persistentVolumeClaim"))
		refer(w, REFERS_CLAIM, scan_member(source, "claimName"));
	else if (span_is(kind, "projected"))
		projected(w, scan_member(source, "sources"));
	else if (span_is(kind, "csi"))
		refer(w, REFERS_SECRET, scan_dig(source, "nodePublishSecretRef.name"));
	else if (span_is(kind, "azureFile"))
		refer(w, REFERS_SECRET, scan_member(source, "secretName"));
	else if (span_is(kind, "ephemeral")) {
		/* Its claim is named after pod and volume. */
		struct span name = scan_member(volume, "name");
		if (!name.at || name.len < 2)
			return;
		auto_free char *claim = xasprintf("%.*s-%.*s", (int)pod_name_len, pod_name,
						  (int)name.len - 2, name.at + 1);
		w->visit(w->ctx, REFERS_CLAIM, (struct span){ claim, strlen(claim) });
	} else {
		/* cephfs, flexVolume, iscsi, rbd, scaleIO, storageos */
		refer(w, REFERS_SECRET, scan_dig(source, "secretRef.name"));
	}
}

static void volumes(const struct walk *w, struct span pod, struct span list)
{
	struct span pod_name = scan_dig(pod, "metadata.name"), name, volume;
	const char *text = pod_name.at ? pod_name.at + 1 : "";
	size_t len = pod_name.len > 2 ? pod_name.len - 2 : 0;
	struct scan s = scan_open(list);
	while (scan_next(&s, &name, &volume)) {
		struct scan members = scan_open(volume);
		for (struct span kind, source; scan_next(&members, &kind, &source);)
			if (source.len && *source.at == '{')
				volume_source(w, text, len, volume, kind, source);
	}
}

static void names_in(const struct walk *w, enum pod_reference kind, struct span list,
		     const char *member)
{
	struct span name, item;
	struct scan s = scan_open(list);
	while (scan_next(&s, &name, &item))
		refer(w, kind, scan_member(item, member));
}

void pod_references(struct span pod,
		    void (*visit)(void *ctx, enum pod_reference kind, struct span name), void *ctx)
{
	const struct walk w = { visit, ctx };
	struct scan s = scan_open(scan_member(pod, "spec"));
	for (struct span name, value; scan_next(&s, &name, &value);) {
		if (span_is(name, "serviceAccountName"))
			refer(&w, REFERS_ACCOUNT, value);
		else if (span_is(name, "volumes"))
			volumes(&w, pod, value);
		else if (span_is(name, "containers") || span_is(name, "initContainers") ||
			 span_is(name, "ephemeralContainers"))
			containers(&w, value);
		else if (span_is(name, "imagePullSecrets"))
			names_in(&w, REFERS_SECRET, value, "name");
		else if (span_is(name, "resourceClaims"))
			names_in(&w, REFERS_RESOURCE_CLAIM, value, "resourceClaimName");
	}
	names_in(&w, REFERS_RESOURCE_CLAIM, scan_dig(pod, "status.resourceClaimStatuses"),
		 "resourceClaimName");
}
