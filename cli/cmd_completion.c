/* completion: what bash needs to complete our commands. */
#include "cli/command.h"
#include "schemas/schema.h"

#include <stdio.h>

extern const struct command command_completion;

static void print_commands(void)
{
	for (size_t i = 0; commands[i]; i++)
		printf("%s%s", i ? " " : "", commands[i]->name);
}

static void print_types(void)
{
	printf("all");
	for (size_t i = 0; i < schema_kinds_count(); i++)
		printf(" %s", schema_kind_at(i)->resource);
}

/* Where the next option of a help text begins, and how long it is; NULL: there is none. */
static const char *next_option(const char *text, size_t *ret_len)
{
	for (const char *at = text; (at = strstr(at, "--")) != NULL; at++) {
		size_t n = strspn(at + 2, "abcdefghijklmnopqrstuvwxyz-");
		if (n < 2 || (at > text && (at[-1] == '-' || at[-1] == '`')))
			continue;
		*ret_len = n + 2;
		return at;
	}
	return NULL;
}

/* What the help of a command names is what it takes. */
static void print_options(void)
{
	for (size_t i = 0; commands[i]; i++) {
		printf("\t[%s]='--kubeconfig --context --namespace", commands[i]->name);
		const char *texts[] = { commands[i]->usage, commands[i]->help };
		for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
			size_t n;
			for (const char *at = texts[k]; at && (at = next_option(at, &n)); at += n)
				printf(" %.*s", (int)n, at);
		}
		printf("'\n");
	}
}

static const char script[] =
	"\n_skiff() {\n"
	"	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
	"	local command=${COMP_WORDS[1]} places i ns=\n"
	"	for ((i = 1; i < COMP_CWORD; i++)); do\n"
	"		case ${COMP_WORDS[i]} in -n | --namespace) ns=${COMP_WORDS[i+1]} ;; esac\n"
	"	done\n"
	"	_skiff_names() { skiff get \"$1\" -o name ${ns:+-n \"$ns\"} 2>/dev/null; }\n"
	"	if [ \"$COMP_CWORD\" = 1 ]; then\n"
	"		COMPREPLY=($(compgen -W \"$_skiff_commands\" -- \"$word\"))\n"
	"		return\n"
	"	fi\n"
	"	case $before in\n"
	"	-f | --filename) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
	"	-n | --namespace)\n"
	"		places=$(_skiff_names namespaces)\n"
	"		COMPREPLY=($(compgen -W \"${places//namespace\\//}\" -- \"$word\")); return ;;\n"
	"	-o) COMPREPLY=($(compgen -W 'wide yaml json name' -- \"$word\")); return ;;\n"
	"	esac\n"
	"	if [[ $word == -* ]]; then\n"
	"		COMPREPLY=($(compgen -W \"${_skiff_options[$command]}\" -- \"$word\"))\n"
	"		return\n"
	"	fi\n"
	"	case $command in\n"
	"	help) places=$_skiff_commands ;;\n"
	"	cluster) places='up down status' ;;\n"
	"	image) places='import list remove' ;;\n"
	"	rollout)\n"
	"		if [ \"$COMP_CWORD\" = 2 ]; then\n"
	"			places='status undo restart history pause resume'\n"
	"		else places=$(_skiff_names deployments); fi ;;\n"
	"	logs | exec | port-forward)\n"
	"		places=$(_skiff_names pods | sed 's,^pod/,,')\n"
	"		places+=\" $(_skiff_names deployments)\" ;;\n"
	"	tree | why | scale) places=$(_skiff_names deployments,jobs) ;;\n"
	"	get | describe | delete | wait)\n"
	"		if [ \"$COMP_CWORD\" = 2 ]; then places=$_skiff_types\n"
	"		else places=$(_skiff_names \"${COMP_WORDS[2]}\" | sed 's,.*/,,'); fi ;;\n"
	"	esac\n"
	"	COMPREPLY=($(compgen -W \"$places\" -- \"$word\"))\n"
	"}\n"
	"complete -o default -F _skiff skiff\n";

static int run(int argc, char **argv)
{
	if (argc != 2 || !streq(argv[1], "bash")) {
		fprintf(stderr, "usage: skiff %s\n", command_completion.usage);
		return EXIT_REFUSED;
	}
	printf("# source <(skiff completion bash)\n_skiff_commands='");
	print_commands();
	printf("'\n_skiff_types='");
	print_types();
	printf("'\ndeclare -A _skiff_options=(\n");
	print_options();
	printf(")\n%s", script);
	return EXIT_DONE;
}

const struct command command_completion = {
	.name = "completion",
	.usage = "completion bash",
	.summary = "completion for bash: source <(skiff completion bash)",
	.run = run,
};
