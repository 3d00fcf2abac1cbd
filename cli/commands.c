/* The table of commands, in the order in which `skiff help` shows them. */
#include "cli/command.h"

extern const struct command command_help, command_version, command_cluster, command_apply,
	command_get, command_logs, command_image, command_tree, command_why, command_delete,
	command_scale, command_wait, command_exec, command_rollout, command_events, command_diff,
	command_completion, command_describe, command_token, command_port_forward,
	command_simulate;

const struct command *const commands[] = {
	&command_help,         &command_apply,      &command_diff,
	&command_get,          &command_describe,   &command_tree,
	&command_why,          &command_logs,       &command_exec,
	&command_port_forward, &command_events,     &command_wait,
	&command_rollout,      &command_scale,      &command_delete,
	&command_image,        &command_cluster,    &command_token,
	&command_simulate,     &command_version,    &command_completion,
	NULL,
};
