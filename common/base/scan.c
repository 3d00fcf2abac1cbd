#include "common/base/scan.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifdef __SSE2__
/* Bit i: p[i] is the character. */
static unsigned marks_of(__m128i block, char c)
{
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8(c)));
}

static __m128i block_at(const char *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

/* To the first quote or backslash, or to less than sixteen bytes before the end. */
static const char *skip_plain(const char *p, const char *end)
{
	for (; end - p >= 16; p += 16) {
		__m128i block = block_at(p);
		unsigned marks = marks_of(block, '"') | marks_of(block, '\\');
		if (marks)
			return p + __builtin_ctz(marks);
	}
	return p;
}
#else
static const char *skip_plain(const char *p, const char *end)
{
	(void)end;
	return p;
}
#endif

/* Past a string; p stands on its opening quote. */
static const char *past_string(const char *p, const char *end)
{
	for (p = skip_plain(p + 1, end); p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p < end ? p + 1 : end;
}

/* Where one stands in a container whose end is looked for. */
struct skip {
	int depth;
	bool in_string;
	uint64_t escaped; /* 1: the next byte is, by a backslash at the end of a block */
};

/* One character; true: the container ended with it. *ret_used: it, and what it escapes. */
static bool skip_one(struct skip *s, char c, int *ret_used)
{
	*ret_used = 1;
	if (c == '"')
		s->in_string = !s->in_string;
	else if (s->in_string)
		*ret_used += c == '\\';
	else if (c == '{' || c == '[')
		s->depth++;
	else if ((c == '}' || c == ']') && --s->depth == 0)
		return true;
	return false;
}

#ifdef __SSE2__
#define BLOCK 64

struct marks {
	uint64_t quotes, escapes, opens, closes; /* a bit a byte of a block */
};

static struct marks look_at(const char *p)
{
	struct marks m = { 0 };
	for (int i = 0; i < BLOCK / 16; i++) {
		__m128i block = block_at(p + 16 * i);
		__m128i folded = _mm_or_si128(block, _mm_set1_epi8(0x20)); /* [ and ] to { and } */
		m.quotes |= (uint64_t)marks_of(block, '"') << 16 * i;
		m.escapes |= (uint64_t)marks_of(block, '\\') << 16 * i;
		m.opens |= (uint64_t)marks_of(folded, '{') << 16 * i;
		m.closes |= (uint64_t)marks_of(folded, '}') << 16 * i;
	}
	return m;
}

/* Bit i: an odd number of bits up to i. */
static uint64_t parity(uint64_t bits)
{
	for (int shift = 1; shift < 64; shift *= 2)
		bits ^= bits << shift;
	return bits;
}

/* Ones among the bits: not every processor that we run on counts them itself. */
static int ones(uint64_t bits)
{
	bits -= bits >> 1 & 0x5555555555555555;
	bits = (bits & 0x3333333333333333) + (bits >> 2 & 0x3333333333333333);
	bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return (int)(bits * 0x0101010101010101 >> 56);
}

/* Bits of what stands behind an odd number of backslashes; *carry: whether the first one does, and then
 * whether the one behind the block does. A run that begins at an odd bit ends, when it is added to the
 * bits, where one that begins at an even bit does not (Langdale and Lemire, 2019). */
static uint64_t escaped_of(uint64_t backslashes, uint64_t *carry)
{
	const uint64_t even = 0x5555555555555555;
	uint64_t sum;
	backslashes &= ~*carry;
	uint64_t follows = backslashes << 1 | *carry;
	uint64_t odd_starts = backslashes & ~even & ~follows;
	*carry = __builtin_add_overflow(odd_starts, backslashes, &sum);
	return (even ^ sum << 1) & follows;
}

/* Block by block to the end of the container (true), or to what is no whole one. *p: behind the end, or
 * where to go on. */
static bool skip_blocks(struct skip *s, const char **p, const char *end)
{
	const char *at = *p;
	for (; end - at >= BLOCK; at += BLOCK) {
		struct marks m = look_at(at);
		if (m.escapes || s->escaped)
			m.quotes &= ~escaped_of(m.escapes, &s->escaped);
		uint64_t inside = parity(m.quotes) ^ (s->in_string ? ~(uint64_t)0 : 0);
		uint64_t opens = m.opens & ~inside, closes = m.closes & ~inside;
		int closed = closes ? ones(closes) : 0;
		/* One by one only where there are enough of them to end it. */
		for (uint64_t left = s->depth <= closed ? closes : 0; left; left &= left - 1) {
			uint64_t below = (left & -left) - 1;
			if (s->depth + ones(opens & below) == ones(closes & below) + 1) {
				*p = at + __builtin_ctzll(left) + 1;
				return true;
			}
		}
		s->depth += (opens ? ones(opens) : 0) - closed;
		s->in_string = inside >> 63;
	}
	*p = at;
	return false;
}
#else
static bool skip_blocks(struct skip *s, const char **p, const char *end)
{
	(void)s;
	(void)p;
	(void)end;
	return false;
}
#endif

static const char *past_container(const char *p, const char *end)
{
	struct skip s = { .depth = 1 };
	p++;
	if (skip_blocks(&s, &p, end))
		return p;
	/* Byte by byte what is less than a block. */
	for (p += s.escaped; p < end;) {
		int used;
		if (skip_one(&s, *p, &used))
			return p + 1;
		p += used;
	}
	return end;
}

const char *scan_past(const char *p, const char *end)
{
	if (p < end && *p == '"')
		return past_string(p, end);
	if (p < end && (*p == '{' || *p == '['))
		return past_container(p, end);
	while (p < end && *p != ',' && *p != '}' && *p != ']')
		p++;
	return p;
}

struct scan scan_open(struct span container)
{
	if (!container.at || container.len < 2 || (*container.at != '{' && *container.at != '['))
		return (struct scan){ 0 };
	return (struct scan){ container.at + 1, container.at + container.len - 1,
			      *container.at == '{' };
}

bool scan_next(struct scan *s, struct span *ret_name, struct span *ret_value)
{
	if (s->p < s->end && *s->p == ',')
		s->p++;
	if (s->p >= s->end)
		return false;
	*ret_name = (struct span){ 0 };
	if (s->is_object) {
		const char *after = past_string(s->p, s->end);
		*ret_name = (struct span){ s->p + 1, (size_t)(after - s->p) - 2 };
		s->p = after + 1; /* the colon */
	}
	const char *after = scan_past(s->p, s->end);
	*ret_value = (struct span){ s->p, (size_t)(after - s->p) };
	s->p = after;
	return true;
}

static struct span member(struct span object, const char *name, size_t len)
{
	struct scan s = scan_open(object);
	for (struct span key, value; scan_next(&s, &key, &value);)
		if (key.len == len && memcmp(key.at, name, len) == 0)
			return value;
	return (struct span){ 0 };
}

struct span scan_member(struct span object, const char *name)
{
	return member(object, name, strlen(name));
}

struct span scan_dig(struct span object, const char *path)
{
	for (;;) {
		size_t n = strcspn(path, ".");
		object = member(object, path, n);
		if (!object.at || !path[n])
			return object;
		path += n + 1;
	}
}

static unsigned hex4(const char *p)
{
	unsigned v = 0;
	for (int i = 0; i < 4; i++) {
		unsigned c = (unsigned char)p[i];
		v = v * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v;
}

static char *put_utf8(char *to, unsigned c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | (c >> 6));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | (c >> 12));
		*to++ = (char)(0x80 | ((c >> 6) & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | (c >> 18));
		*to++ = (char)(0x80 | ((c >> 12) & 0x3f));
		*to++ = (char)(0x80 | ((c >> 6) & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	return to;
}

/* One escape; p stands behind the backslash. Returns where the text goes on. */
static const char *unescape(const char *p, const char *end, char **to)
{
	static const char from[] = "bfnrt", made[] = "\b\f\n\r\t";
	const char *known = strchr(from, *p);
	if (*p == 'u' && end - p >= 5) {
		unsigned c = hex4(p + 1);
		p += 5;
		if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
			c = 0x10000 + ((c - 0xd800) << 10) + (hex4(p + 2) - 0xdc00);
			p += 6;
		}
		*to = put_utf8(*to, c);
		return p;
	}
	*(*to)++ = known && *p ? made[known - from] : *p;
	return p + 1;
}

char *scan_text(struct span value)
{
	size_t len;
	return scan_text_len(value, &len);
}

char *scan_text_len(struct span value, size_t *ret_len)
{
	*ret_len = value.len;
	if (!value.at)
		return NULL;
	if (value.len < 2 || *value.at != '"')
		return xstrndup(value.at, value.len);
	char *text = xcalloc(value.len, 1), *to = text;
	const char *end = value.at + value.len - 1;
	for (const char *p = value.at + 1; p < end;) {
		if (*p != '\\')
			*to++ = *p++;
		else
			p = unescape(p + 1, end, &to);
	}
	*ret_len = (size_t)(to - text);
	return text;
}

bool scan_is(struct span value, const char *text)
{
	size_t n = strlen(text);
	return value.at && value.len == n + 2 && *value.at == '"' &&
	       memcmp(value.at + 1, text, n) == 0;
}
