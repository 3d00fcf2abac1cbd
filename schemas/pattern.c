/* States of an expression, and following all of them through a text at once. */
#include "common/base/str.h"
#include "schemas/pattern_internal.h"

#define STEPS_MAX 100000000 /* of one match: about half a second */

enum state_op {
	STATE_RUNES, /* goes on to the next where the character is one of its own */
	STATE_JUMP,
	STATE_SPLIT,
	STATE_PLACE, /* goes on where the place is right */
	STATE_MATCH,
};

struct state {
	enum state_op op;
	enum node_op place;
	uint32_t a, b; /* RUNES: first range, how many; JUMP: where; SPLIT: the two */
};

struct pattern {
	struct state *states;
	size_t count;
	struct rune_range *ranges;
	size_t ranges_count;
};

/* ---- states of a tree ---- */

static size_t add_state(struct pattern *p, enum state_op op, size_t a, size_t b)
{
	if ((p->count & (p->count - 1)) == 0) /* grows by doubling */
		p->states = xrealloc(p->states, p->count ? p->count * 2 : 1, sizeof *p->states);
	p->states[p->count] = (struct state){ .op = op, .a = (uint32_t)a, .b = (uint32_t)b };
	return p->count++;
}

static bool is_full(const struct pattern *p)
{
	return p->count >= PATTERN_STATES_MAX || p->ranges_count >= PATTERN_STATES_MAX * 10u;
}

static void add_runes(struct pattern *p, const struct runes *r)
{
	size_t first = p->ranges_count;
	p->ranges = xrealloc(p->ranges, first + r->count + 1, sizeof *p->ranges);
	for (size_t i = 0; i < r->count; i++)
		p->ranges[p->ranges_count++] = r->at[i];
	add_state(p, STATE_RUNES, first, r->count);
}

static void add_node(struct pattern *p, const struct node *n);

static void add_any(struct pattern *p, const struct node *n)
{
	size_t *ends = xcalloc(n->below_count + 1, sizeof *ends);
	for (size_t i = 0; i < n->below_count; i++) {
		bool is_last = i + 1 == n->below_count;
		size_t split = is_last ? 0 : add_state(p, STATE_SPLIT, p->count + 1, 0);
		add_node(p, n->below[i]);
		if (is_last)
			break;
		ends[i] = add_state(p, STATE_JUMP, 0, 0);
		p->states[split].b = (uint32_t)p->count;
	}
	for (size_t i = 0; i + 1 < n->below_count; i++)
		p->states[ends[i]].a = (uint32_t)p->count;
	free(ends);
}

static void add_many(struct pattern *p, const struct node *n)
{
	const struct node *one = n->below[0];
	for (int i = 0; i < n->min && !is_full(p); i++)
		add_node(p, one);
	if (n->max < 0) {
		size_t split = add_state(p, STATE_SPLIT, p->count + 1, 0);
		add_node(p, one);
		add_state(p, STATE_JUMP, split, 0);
		p->states[split].b = (uint32_t)p->count;
		return;
	}
	size_t first = p->count;
	for (int i = n->min; i < n->max && !is_full(p); i++) {
		add_state(p, STATE_SPLIT, p->count + 1, UINT32_MAX);
		add_node(p, one);
	}
	for (size_t i = first; i < p->count; i++)
		if (p->states[i].op == STATE_SPLIT && p->states[i].b == UINT32_MAX)
			p->states[i].b = (uint32_t)p->count;
}

static void add_node(struct pattern *p, const struct node *n)
{
	if (is_full(p))
		return;
	switch (n->op) {
	case NODE_RUNES:
		add_runes(p, &n->runes);
		break;
	case NODE_ALL:
		for (size_t i = 0; i < n->below_count; i++)
			add_node(p, n->below[i]);
		break;
	case NODE_ANY:
		add_any(p, n);
		break;
	case NODE_MANY:
		add_many(p, n);
		break;
	case NODE_TEXT_BEGIN:
	case NODE_TEXT_END:
	case NODE_LINE_BEGIN:
	case NODE_LINE_END:
	case NODE_WORD_EDGE:
	case NODE_NO_WORD_EDGE:
		add_state(p, STATE_PLACE, 0, 0);
		p->states[p->count - 1].place = n->op;
		break;
	}
}

int pattern_compile(const char *text, size_t len, struct pattern **ret, struct error *err)
{
	struct node *tree = NULL;
	if (pattern_parse(text, len, &tree, err) < 0)
		return err->code;
	struct pattern *p = xcalloc(1, sizeof *p);
	add_node(p, tree);
	pattern_node_free(tree);
	if (is_full(p)) {
		pattern_free(p);
		return error_set(err, ERR_INVALID,
				 "error parsing regexp: expression too large: `%.*s`",
				 (int)(len < 900 ? len : 900), text);
	}
	add_state(p, STATE_MATCH, 0, 0);
	*ret = p;
	return 0;
}

void pattern_free(struct pattern *p)
{
	if (!p)
		return;
	free(p->states);
	free(p->ranges);
	free(p);
}

/* ---- following them ---- */

/* States, each once. */
struct set {
	uint32_t *at, *place; /* place[state] is where it stands in `at`, if it does */
	size_t count;
};

struct match {
	const struct pattern *p;
	struct set now, next;
	uint32_t *stack;
	const char *text;
	size_t len, steps;
	bool is_found;
};

static bool set_has(const struct set *s, uint32_t state)
{
	return s->place[state] < s->count && s->at[s->place[state]] == state;
}

static bool is_word(const struct match *m, size_t i)
{
	unsigned char c = i < m->len ? (unsigned char)m->text[i] : ' ';
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z');
}

static bool is_place(const struct match *m, enum node_op place, size_t i)
{
	bool is_edge = (i > 0 && is_word(m, i - 1)) != is_word(m, i);
	switch (place) {
	case NODE_TEXT_BEGIN:
		return i == 0;
	case NODE_TEXT_END:
		return i == m->len;
	case NODE_LINE_BEGIN:
		return i == 0 || m->text[i - 1] == '\n';
	case NODE_LINE_END:
		return i == m->len || m->text[i] == '\n';
	case NODE_WORD_EDGE:
		return is_edge;
	case NODE_NO_WORD_EDGE:
		return !is_edge;
	case NODE_RUNES:
	case NODE_ALL:
	case NODE_ANY:
	case NODE_MANY:
		break;
	}
	return false;
}

/* A state, and all that it leads to without a character, at position `i`. The stack holds each
 * state at most twice: a state puts two on it, when it is new to the set. */
static void enter(struct match *m, struct set *set, uint32_t state, size_t i)
{
	size_t depth = 0;
	m->stack[depth++] = state;
	while (depth) {
		uint32_t at = m->stack[--depth];
		const struct state *s = &m->p->states[at];
		m->steps++;
		if (set_has(set, at))
			continue;
		set->place[at] = (uint32_t)set->count;
		set->at[set->count++] = at;
		switch (s->op) {
		case STATE_JUMP:
			m->stack[depth++] = s->a;
			break;
		case STATE_SPLIT:
			m->stack[depth++] = s->b;
			m->stack[depth++] = s->a;
			break;
		case STATE_PLACE:
			if (is_place(m, s->place, i))
				m->stack[depth++] = at + 1;
			break;
		case STATE_MATCH:
			m->is_found = true;
			return;
		case STATE_RUNES:
			break;
		}
	}
}

static void step(struct match *m, uint32_t rune, size_t after)
{
	const struct pattern *p = m->p;
	m->next.count = 0;
	for (size_t k = 0; k < m->now.count && !m->is_found; k++) {
		uint32_t at = m->now.at[k];
		const struct state *s = &p->states[at];
		if (s->op == STATE_RUNES && runes_have(p->ranges + s->a, s->b, rune))
			enter(m, &m->next, at + 1, after);
	}
	m->steps += m->now.count;
	struct set was = m->now;
	m->now = m->next;
	m->next = was;
}

static enum pattern_answer run(struct match *m)
{
	size_t i = 0;
	while (!m->is_found) {
		uint32_t rune = 0xfffd;
		enter(m, &m->now, 0, i); /* it may begin anywhere */
		if (m->is_found || i == m->len)
			break;
		size_t n = rune_read(m->text + i, m->len - i, &rune);
		i += n ? n : 1;
		step(m, rune, i);
		if (m->steps > STEPS_MAX)
			return PATTERN_COSTLY;
	}
	return m->is_found ? PATTERN_YES : PATTERN_NO;
}

enum pattern_answer pattern_match(const struct pattern *p, const char *text, size_t len)
{
	uint32_t *memory = xcalloc(p->count * 6 + 2, sizeof *memory);
	struct match m = {
		.p = p,
		.now = { memory, memory + p->count, 0 },
		.next = { memory + p->count * 2, memory + p->count * 3, 0 },
		.stack = memory + p->count * 4,
		.text = text,
		.len = len,
	};
	enum pattern_answer answer = run(&m);
	free(memory);
	return answer;
}
