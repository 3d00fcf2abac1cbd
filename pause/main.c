/*
 * skiff-pause: the first process of every pod. It holds the pod's namespaces, reaps what other
 * containers of a shared process namespace leave behind, and ends when told to.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void leave(int signum)
{
	(void)signum;
	_exit(0);
}

static void reap(int signum)
{
	(void)signum;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

int main(void)
{
	struct sigaction end = { .sa_handler = leave };
	struct sigaction child = { .sa_handler = reap, .sa_flags = SA_NOCLDSTOP };
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGCHLD, &child, NULL);
	for (;;)
		pause();
}
