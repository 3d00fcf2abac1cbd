#include "schemas/openapi_parameters.h"

static const struct {
	const char *name, *type, *description;
} parameters[PARAMETER_COUNT] = {
	[PARAMETER_ALLOW_WATCH_BOOKMARKS] = { "allowWatchBookmarks", "boolean",
					      "Whether the watch may send bookmarks: events that say "
					      "only how far it has come." },
	[PARAMETER_COMMAND] = { "command", "string",
				"The command and its arguments: one of them each time." },
	[PARAMETER_CONTAINER] = { "container", "string",
				  "Which container; needed where the pod has several." },
	[PARAMETER_CONTINUE] = { "continue", "string",
				 "Where the list goes on: metadata.continue of the page before. An "
				 "old one is answered with 410 and one with which to go on." },
	[PARAMETER_DRY_RUN] = { "dryRun", "string", "All: do everything but store the outcome." },
	[PARAMETER_FIELD_MANAGER] = { "fieldManager", "string",
				      "In whose name the fields are set: at most 128 characters." },
	[PARAMETER_FIELD_SELECTOR] = { "fieldSelector", "string",
				       "Which objects, by their fields; all where it is empty." },
	[PARAMETER_FIELD_VALIDATION] = { "fieldValidation", "string",
					 "What happens about fields that are unknown or given "
					 "twice: Ignore, Warn or Strict." },
	[PARAMETER_FOLLOW] = { "follow", "boolean", "Whether to go on with what is logged later." },
	[PARAMETER_FORCE] = { "force", "boolean",
			      "Whether an apply takes fields over from other managers." },
	[PARAMETER_GRACE_PERIOD_SECONDS] = { "gracePeriodSeconds", "integer",
					     "Seconds until it is gone; 0 at once. Without it, what "
					     "the kind has." },
	[PARAMETER_IGNORE_STORE_READ_ERROR] = { "ignoreStoreReadErrorWithClusterBreakingPotential",
						"boolean",
						"Whether what cannot be read may be deleted." },
	[PARAMETER_INSECURE_SKIP_TLS_VERIFY_BACKEND] = { "insecureSkipTLSVerifyBackend", "boolean",
							 "Whether the certificate of the node may "
							 "be a wrong one." },
	[PARAMETER_LABEL_SELECTOR] = { "labelSelector", "string",
				       "Which objects, by their labels; all where it is empty." },
	[PARAMETER_LIMIT] = { "limit", "integer",
			      "How many objects a page has at most. Where more follow, "
			      "metadata.continue says how to ask; all pages show one state." },
	[PARAMETER_LIMIT_BYTES] = { "limitBytes", "integer", "How many bytes of the log at most." },
	[PARAMETER_NAME] = { "name", "string", "Name of the " },
	[PARAMETER_NAMESPACE] = { "namespace", "string", "Namespace of the object." },
	[PARAMETER_ORPHAN_DEPENDENTS] = { "orphanDependents", "boolean",
					  "Deprecated for propagationPolicy: whether what it owns "
					  "stays behind." },
	[PARAMETER_PORTS] = { "ports", "integer", "Ports, where the connection is a WebSocket." },
	[PARAMETER_PRETTY] = { "pretty", "string", "true: JSON with indents." },
	[PARAMETER_PREVIOUS] = { "previous", "boolean",
				 "Whether the log of the container before this one is meant." },
	[PARAMETER_PROPAGATION_POLICY] = { "propagationPolicy", "string",
					   "What becomes of what it owns: Orphan keeps it, "
					   "Background deletes it afterwards, Foreground "
					   "before." },
	[PARAMETER_RESOURCE_VERSION] = { "resourceVersion", "string",
					 "What the answer may be as old as; the newest state where "
					 "it is not given." },
	[PARAMETER_RESOURCE_VERSION_MATCH] = { "resourceVersionMatch", "string",
					       "How resourceVersion is meant: Exact or "
					       "NotOlderThan." },
	[PARAMETER_SEND_INITIAL_EVENTS] = { "sendInitialEvents", "boolean",
					    "Whether the watch begins with all that there is, and "
					    "a bookmark after it." },
	[PARAMETER_SHARD_SELECTOR] = { "shardSelector", "string",
				       "Which part of the objects, by a hash." },
	[PARAMETER_SINCE_SECONDS] = { "sinceSeconds", "integer",
				      "How many seconds ago the log begins." },
	[PARAMETER_STDERR] = { "stderr", "boolean", "Whether its standard error comes back." },
	[PARAMETER_STDIN] = { "stdin", "boolean", "Whether its standard input is sent." },
	[PARAMETER_STDOUT] = { "stdout", "boolean", "Whether its standard output comes back." },
	[PARAMETER_STREAM] = { "stream", "string",
			       "Of which stream the log is: All, Stdout or Stderr." },
	[PARAMETER_TAIL_LINES] = { "tailLines", "integer",
				   "How many lines from the end of the log." },
	[PARAMETER_TIMEOUT_SECONDS] = { "timeoutSeconds", "integer",
					"After how many seconds the request ends." },
	[PARAMETER_TIMESTAMPS] = { "timestamps", "boolean",
				   "Whether each line begins with its time." },
	[PARAMETER_TTY] = { "tty", "boolean", "Whether it gets a terminal." },
	[PARAMETER_WATCH] = { "watch", "boolean", "Whether to send changes, as they happen." },
};

void openapi_add_parameters(uint64_t set, const char *kind, struct str *out)
{
	bool has_one = false;
	for (size_t i = 0; i < PARAMETER_COUNT; i++) {
		bool in_path = i == PARAMETER_NAME || i == PARAMETER_NAMESPACE;
		if (!(set >> i & 1))
			continue;
		str_add(out, has_one ? ",{\"name\":\"" : ",\"parameters\":[{\"name\":\"");
		str_add(out, parameters[i].name);
		str_add(out, in_path ? "\",\"in\":\"path\",\"required\":true,\"description\":\""
				     : "\",\"in\":\"query\",\"description\":\"");
		str_add(out, parameters[i].description);
		if (i == PARAMETER_NAME) {
			str_add(out, kind);
			str_add_char(out, '.');
		}
		str_add(out, "\",\"schema\":{\"type\":\"");
		str_add(out, parameters[i].type);
		str_add(out, "\",\"uniqueItems\":true}}");
		has_one = true;
	}
	if (has_one)
		str_add_char(out, ']');
}
