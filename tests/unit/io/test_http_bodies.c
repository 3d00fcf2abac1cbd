/* Request bodies and heads at their limits: 413, uploads as a stream, long tokens and URLs. */
#include "tests/unit/io/http_world.h"

static void large_bodies(void)
{
	struct got g;
	size_t size = 3u << 20;
	auto_free char *body = xcalloc(1, size + 1);
	memset(body, 'b', size + 1);
	fetch(W.client,
	      (struct http_request){
		      .method = "POST", .target = "/echo", .body = body, .body_len = size },
	      &g);
	CHECK_INT(g.status, 200);
	CHECK(g.bytes > size);
	str_fini(&g.body);
	fetch(W.client,
	      (struct http_request){
		      .method = "POST", .target = "/echo", .body = body, .body_len = size + 1 },
	      &g);
	CHECK_INT(g.status, 413);
	CHECK(strstr(g.body.data, "\"kind\":\"Status\""));
	CHECK(strstr(g.body.data, "\"code\":413"));
	str_fini(&g.body);
}

static int temporary_file(size_t size)
{
	char path[] = "/tmp/skiff-test-XXXXXX";
	int fd = mkstemp(path);
	CHECK(fd > 0);
	unlink(path);
	auto_free char *bytes = xcalloc(1, 65536);
	memset(bytes, 'u', 65536);
	for (size_t left = size; left;) {
		ssize_t n = write(fd, bytes, MIN(left, (size_t)65536));
		CHECK(n > 0);
		left -= (size_t)n;
	}
	CHECK_INT(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void resume_uploads(void *ctx)
{
	struct loop_timer **t = ctx;
	if (W.kept)
		http_body_resume(W.kept);
	loop_timer_set(*t, 1);
}

static void uploads(void)
{
	struct got g;
	auto_close int fd = temporary_file((20u << 20) + 7);
	struct loop_timer *resume = NULL;
	resume = loop_timer_new(W.loop, resume_uploads, &resume);
	loop_timer_set(resume, 1);
	W.uploaded = 0;
	fetch(W.client,
	      (struct http_request){ .method = "POST", .target = "/upload", .body_fd = fd }, &g);
	CHECK_INT(g.status, 201);
	CHECK(W.upload_complete);
	CHECK_INT(W.uploaded, (20u << 20) + 7);
	CHECK_TEXT("size", g.body.data, "20971527");
	str_fini(&g.body);
	/* From a pipe: chunked, its length unknown. */
	int ends[2];
	CHECK_INT(pipe(ends), 0);
	begin(W.client,
	      (struct http_request){ .method = "POST", .target = "/upload", .body_fd = ends[0] },
	      &g);
	W.uploaded = 0;
	run_ms(20);
	CHECK_INT(write(ends[1], "uuuu", 4), 4);
	run_ms(20);
	CHECK_INT(write(ends[1], "uu", 2), 2);
	close(ends[1]);
	close(ends[0]);
	run_until(&g.is_done);
	CHECK_INT(W.uploaded, 6);
	CHECK_INT(g.status, 201);
	str_fini(&g.body);
	/* Refused at once, and the client still hears why. */
	CHECK_INT(lseek(fd, 0, SEEK_SET), 0);
	fetch(W.client,
	      (struct http_request){ .method = "POST", .target = "/upload-refused", .body_fd = fd },
	      &g);
	CHECK_INT(g.status, 403);
	str_fini(&g.body);
	/* The client leaves in the middle. */
	W.upload_ended = false;
	W.kept = NULL;
	CHECK_INT(pipe(ends), 0);
	CHECK_INT(write(ends[1], "uuuu", 4), 4);
	struct http_call *call = begin(
		W.client,
		(struct http_request){ .method = "POST", .target = "/upload", .body_fd = ends[0] },
		&g);
	while (!W.kept)
		loop_run(W.loop);
	run_ms(20);
	http_cancel(W.client, call);
	run_until(&W.upload_ended);
	CHECK(!W.upload_complete);
	str_fini(&g.body);
	close(ends[0]);
	close(ends[1]);
	loop_timer_free(resume);
}

static void long_heads(void)
{
	struct got g;
	auto_free char *target = xcalloc(1, 8300);
	auto_free char *token = xcalloc(1, 8300);
	memset(target, 'p', 8192);
	memcpy(target, "/echo?q=", 8);
	memset(token, 't', 8192);
	struct http_header header = { "X-Test", token };
	fetch(W.client,
	      (struct http_request){
		      .method = "GET", .target = target, .headers = &header, .headers_count = 1 },
	      &g);
	CHECK_INT(g.status, 200);
	CHECK(g.bytes > 16000);
	str_fini(&g.body);
	size_t huge = 100000;
	auto_free char *long_token = xcalloc(1, huge + 1);
	memset(long_token, 't', huge);
	header.value = long_token;
	fetch(W.client,
	      (struct http_request){
		      .method = "GET", .target = "/echo", .headers = &header, .headers_count = 1 },
	      &g);
	CHECK(g.is_failed || g.status == 431 || g.status == 413);
	str_fini(&g.body);
}

static void all(void)
{
	large_bodies();
	uploads();
	long_heads();
}

int main(void)
{
	run_ways(all);
	return 0;
}
