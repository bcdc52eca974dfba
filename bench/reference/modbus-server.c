/*
 * The fastest Modbus TCP server we know how to write, so that a client's figure is the client's: one thread, epoll, no allocation.
 * Answers functions 3 and 4; each register holds its own address, so a value in the wrong place names itself.
 *
 *   modbus-server LISTENERS     listens on that many free ports of 127.0.0.1, prints them on one line, ends when stdin ends
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_FILES = 1 << 16, REQUEST = 12, ANSWER = 9 + 250 };

/* Bytes of a request that has not come whole yet, by file descriptor. */
static struct { uint8_t bytes[REQUEST]; int have; } half[MOST_FILES];
static char is_listener[MOST_FILES];

static void die(const char *what) { perror(what); exit(1); }

static int listen_on_free_port(int *port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t size = sizeof at;
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) < 0 || listen(fd, 512) < 0) die("listen");
  getsockname(fd, (struct sockaddr *)&at, &size);
  *port = ntohs(at.sin_port);
  return fd;
}

/* Builds the answer to one request of 12 bytes. Returns its size. */
static int answer_to(const uint8_t *ask, uint8_t *say) {
  unsigned from = ask[8] << 8 | ask[9], count = ask[10] << 8 | ask[11];
  int refused = (ask[7] != 3 && ask[7] != 4) ? 1 : (count < 1 || count > 125) ? 3 : (from + count > 65536) ? 2 : 0;
  memcpy(say, ask, 4);
  say[6] = ask[6];
  say[4] = 0;
  if (refused) {
    say[5] = 3, say[7] = ask[7] | 0x80, say[8] = refused;
    return 9;
  }
  say[5] = 3 + 2 * count, say[7] = ask[7], say[8] = 2 * count;
  for (unsigned at = 0; at < count; at++) say[9 + 2 * at] = (from + at) >> 8, say[10 + 2 * at] = from + at;
  return 9 + 2 * count;
}

static void close_client(int fd) { half[fd].have = 0; close(fd); }

static void serve(int fd) {
  static uint8_t in[4096], out[(4096 / REQUEST + 1) * ANSWER];
  memcpy(in, half[fd].bytes, half[fd].have);
  ssize_t got = read(fd, in + half[fd].have, sizeof in - half[fd].have);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) { close_client(fd); return; }
  int have = half[fd].have + got, at = 0, size = 0;
  for (; have - at >= REQUEST; at += REQUEST) {
    if (in[at + 5] != 6) { close_client(fd); return; } /* only reads are understood */
    size += answer_to(in + at, out + size);
  }
  half[fd].have = have - at;
  memcpy(half[fd].bytes, in + at, have - at);
  for (int sent = 0; sent < size;) {
    ssize_t wrote = write(fd, out + sent, size - sent);
    if (wrote < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (wrote < 0) { close_client(fd); return; }
    sent += wrote;
  }
}

int main(int argc, char **argv) {
  int listeners = argc > 1 ? atoi(argv[1]) : 1, one = 1;
  struct rlimit files = { MOST_FILES, MOST_FILES };
  if (setrlimit(RLIMIT_NOFILE, &files) < 0) { getrlimit(RLIMIT_NOFILE, &files); files.rlim_cur = files.rlim_max; setrlimit(RLIMIT_NOFILE, &files); }
  int poll = epoll_create1(0);
  struct epoll_event watch = { .events = EPOLLIN }, happened[512];
  for (int i = 0; i < listeners; i++) {
    int port;
    watch.data.fd = listen_on_free_port(&port);
    is_listener[watch.data.fd] = 1;
    if (epoll_ctl(poll, EPOLL_CTL_ADD, watch.data.fd, &watch) < 0) die("epoll_ctl");
    printf(i ? " %d" : "%d", port);
  }
  printf("\n");
  fflush(stdout);
  watch.data.fd = 0;
  epoll_ctl(poll, EPOLL_CTL_ADD, 0, &watch);
  for (;;) {
    int count = epoll_wait(poll, happened, 512, -1);
    for (int i = 0; i < count; i++) {
      int fd = happened[i].data.fd;
      if (fd == 0) {
        char ignored[64];
        if (read(0, ignored, sizeof ignored) <= 0) return 0;
      } else if (is_listener[fd]) {
        int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
        if (client < 0) continue;
        if (client >= MOST_FILES) { close(client); continue; }
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        half[client].have = 0;
        watch.data.fd = client;
        epoll_ctl(poll, EPOLL_CTL_ADD, client, &watch);
      } else serve(fd);
    }
  }
}
