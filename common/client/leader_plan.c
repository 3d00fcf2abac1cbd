#include "common/client/leader.h"

enum leader_action leader_plan(const struct leader_seen *seen, const char *identity)
{
	if (!seen->exists)
		return LEADER_CREATE;
	if (strcmp(seen->holder, identity) == 0)
		return LEADER_RENEW;
	/* Clocks differ between machines: only how long we saw no change counts. */
	if (seen->holder[0] == '\0' || seen->is_dead ||
	    seen->unchanged_ms >= seen->duration_s * 1000)
		return LEADER_TAKE;
	return LEADER_WAIT;
}
