/* image: archives into the nodes' containerd, what they hold, and away with it. */
#include "cli/command.h"
#include "cli/request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

extern const struct command command_image;

struct images {
	struct session *session;
	const char *verb, *argument;
	struct words nodes;
};

static char *path_of(const char *node)
{
	AUTO_STR s;
	str_init(&s, 4096);
	str_add(&s, "/apis/skiff.dev/v1/nodes/");
	str_add_urlencoded(&s, node);
	str_add(&s, "/images");
	return str_take(&s);
}

static int import_to(const struct images *m, const char *node)
{
	AUTO_REPLY r = { 0 };
	auto_free char *path = path_of(node);
	auto_close int fd = streq(m->argument, "-") ? dup(STDIN_FILENO)
						    : open(m->argument, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "error: %s: %s\n", m->argument, strerror(errno));
		return EXIT_REFUSED;
	}
	struct request q = { .method = "POST",
			     .target = path,
			     .body_fd = fd,
			     .content_type = "application/x-tar",
			     .timeout_ms = -1 };
	request_send(m->session, &q, &r);
	if (r.code)
		return reply_explain(m->session, node, &r);
	printf("%s: %s\n", node, json_str_or(r.body, "message", "imported"));
	return 0;
}

static void print_size(int64_t bytes)
{
	if (bytes < 1000000)
		printf("%6.1f kB", (double)bytes / 1e3);
	else
		printf("%6.1f MB", (double)bytes / 1e6);
}

static int list_of(const struct images *m, const char *node)
{
	AUTO_REPLY r = { 0 };
	auto_free char *path = path_of(node);
	request_json(m->session, "GET", path, NULL, NULL, &r);
	if (r.code)
		return reply_explain(m->session, node, &r);
	const json_t *items = json_object_get(r.body, "items");
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *image = json_array_get(items, i);
		const json_t *names = json_object_get(image, "names");
		const char *name = json_string_value(json_array_get(names, 0));
		printf("%-16s ", node);
		print_size(json_int_or(image, "sizeBytes", 0));
		printf("  %s\n", name ? name : json_str_or(image, "id", ""));
	}
	return 0;
}

static int remove_from(const struct images *m, const char *node)
{
	AUTO_REPLY r = { 0 };
	auto_free char *path = path_of(node);
	AUTO_STR target;
	str_init(&target, 8192);
	str_addf(&target, "%s?ref=", path);
	str_add_urlencoded(&target, m->argument);
	request_json(m->session, "DELETE", target.data, NULL, NULL, &r);
	if (r.code)
		return reply_explain(m->session, node, &r);
	printf("%s: removed %s\n", node, m->argument);
	return 0;
}

static const struct {
	const char *name;
	bool takes_argument;
	int (*run)(const struct images *m, const char *node);
} verbs[] = { { "import", true, import_to }, { "list", false, list_of },
	      { "ls", false, list_of },	     { "remove", true, remove_from },
	      { "rm", true, remove_from } };

static int on_nodes(struct images *m, size_t verb)
{
	AUTO_REPLY r = { 0 };
	int worst = 0;
	if (m->nodes.count > 0) {
		for (size_t i = 0; i < m->nodes.count; i++) {
			int code = verbs[verb].run(m, m->nodes.at[i]);
			worst = MAX(worst, code);
		}
		return worst;
	}
	request_json(m->session, "GET", "/api/v1/nodes", NULL, NULL, &r);
	if (r.code)
		return reply_explain(m->session, "nodes", &r);
	const json_t *items = json_object_get(r.body, "items");
	if (json_array_size(items) == 0) {
		fputs("error: the cluster has no nodes yet\n", stderr);
		return EXIT_FAILED;
	}
	if (json_array_size(items) > 1 && m->argument && streq(m->argument, "-")) {
		fputs("error: standard input can be read once: name one node with --node\n",
		      stderr);
		return EXIT_REFUSED;
	}
	for (size_t i = 0; i < json_array_size(items); i++) {
		int code = verbs[verb].run(
			m, json_str_or(json_array_get(items, i), "metadata.name", ""));
		worst = MAX(worst, code);
	}
	return worst;
}

static int run(int argc, char **argv)
{
	struct images m = { 0 };
	const struct option table[] = { { .name = "node", .many = &m.nodes } };
	struct arguments a = { 0 };
	AUTO_SESSION s = { 0 };
	int code = command_parse(command_image.usage, argc, argv, table, ARRAY_LEN(table), &a);
	if (code)
		return code;
	size_t verb = 0;
	while (verb < ARRAY_LEN(verbs) &&
	       (a.words.count == 0 || !streq(a.words.at[0], verbs[verb].name)))
		verb++;
	if (verb == ARRAY_LEN(verbs) || a.words.count != 1u + verbs[verb].takes_argument) {
		fprintf(stderr, "usage: skiff %s\n", command_image.usage);
		return EXIT_REFUSED;
	}
	code = command_open(&a, &s);
	if (code)
		return code;
	m.session = &s;
	m.argument = verbs[verb].takes_argument ? a.words.at[1] : NULL;
	return on_nodes(&m, verb);
}

const struct command command_image = {
	.name = "image",
	.usage = "image import ARCHIVE|- | list | remove NAME [--node NODE]",
	.summary = "container images of the nodes, without a registry",
	.help = "  import ARCHIVE  a tar as `docker save` writes it, or OCI; - is standard input\n"
		"  list            what the nodes hold\n"
		"  remove NAME     localhost/web:1\n"
		"  --node NODE     only there (several times); else on all nodes\n",
	.run = run,
};
