/* JSON output, payload reading and small file helpers of the guest agent. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "agent.h"

int serial = -1;
static char *buffer;
static size_t used, capacity;

static void room(size_t n)
{
	if (used + n <= capacity)
		return;
	/* Generous from the start: a growing heap in the middle of a scenario would pass the memory hooks. */
	capacity = (used + n) * 2 > 8u << 20 ? (used + n) * 2 : 8u << 20;
	buffer = realloc(buffer, capacity);
	if (!buffer)
		_exit(3);
}

static void put(const char *s, size_t n)
{
	room(n);
	memcpy(buffer + used, s, n);
	used += n;
}

void out(const char *format, ...)
{
	char text[4096];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	put(text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

static void put_escaped(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = s[i];
		char text[8];

		if (c == '"' || c == '\\')
			put((char[]){ '\\', c }, 2);
		else if (c == '\n')
			put("\\n", 2);
		else if (c == '\t')
			put("\\t", 2);
		else if (c < 32 || c >= 127)
			put(text, sprintf(text, "\\u%04x", c));
		else
			put((char *)&c, 1);
	}
}

void out_string(const char *text)
{
	put("\"", 1);
	put_escaped(text, strlen(text));
	put("\"", 1);
}

void out_text(const char *text, size_t cap)
{
	size_t n = strlen(text), head = cap * 3 / 4, tail = cap - head;

	if (n <= cap) {
		out_string(text);
		return;
	}
	put("\"", 1);
	put_escaped(text, head);
	out("\\n...[%zu bytes cut]...\\n", n - cap);
	put_escaped(text + n - tail, tail);
	put("\"", 1);
}

void out_hex(const void *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *b = bytes;

	room(2 * n + 2);
	buffer[used++] = '"';
	for (size_t i = 0; i < n; i++) {
		buffer[used++] = digits[b[i] >> 4];
		buffer[used++] = digits[b[i] & 15];
	}
	buffer[used++] = '"';
}

void out_line(void)
{
	put("\n", 1);
}

void out_flush(void)
{
	for (size_t done = 0; done < used;) {
		ssize_t n = write(serial, buffer + done, used - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += n;
	}
	used = 0;
}

void out_error(const char *what, int error)
{
	out("{\"t\":\"error\",\"what\":");
	out_string(what);
	out(",\"errno\":%d,\"text\":", error);
	out_string(error ? strerror(error) : "");
	out("}");
	out_line();
}

char *payload_line(struct payload *p)
{
	if (p->at >= p->end)
		return NULL;
	char *line = p->at, *nl = memchr(line, '\n', p->end - line);

	if (!nl)
		nl = p->end; /* the payload has one spare byte behind it */
	*nl = 0;
	p->at = nl + 1;
	return line;
}

char *payload_bytes(struct payload *p, size_t n)
{
	if (p->at > p->end || n > (size_t)(p->end - p->at))
		return NULL;
	char *bytes = p->at;

	p->at += n + 1;
	return bytes;
}

char *next_word(char **line)
{
	char *s = *line;

	while (*s == ' ')
		s++;
	if (!*s)
		return NULL;
	char *word = s;

	while (*s && *s != ' ')
		s++;
	if (*s)
		*s++ = 0;
	*line = s;
	return word;
}

long long number(const char *word)
{
	if (!word)
		return 0;
	return word[0] == '-' ? strtoll(word, NULL, 0) : (long long)strtoull(word, NULL, 0);
}

size_t unhex(const char *hex, unsigned char *to, size_t cap)
{
	size_t n = 0;

	for (; hex[0] && hex[1] && n < cap; hex += 2) {
		unsigned int byte;

		if (sscanf(hex, "%2x", &byte) != 1)
			break;
		to[n++] = byte;
	}
	return n;
}

double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int write_file(const char *path, const void *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int ret = write(fd, data, n) == (ssize_t)n ? 0 : -errno;

	close(fd);
	return ret;
}

int read_file(const char *path, char *to, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;

	to[0] = 0;
	if (fd < 0)
		return -errno;
	for (ssize_t r; n < cap - 1 && (r = read(fd, to + n, cap - 1 - n)) > 0;)
		n += r;
	close(fd);
	while (n && to[n - 1] == '\n')
		n--;
	to[n] = 0;
	return 0;
}
