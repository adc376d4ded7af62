/* delay IF1 IF2 MILLISECONDS: joins two network interfaces; what comes in at one goes out at the other so much later.
 *
 * A cable of some length, for a path that a kernel without netem cannot make. Frames keep their order, none is lost
 * unless 64 MiB of them wait to be read. Ends with the signal that ends it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* A frame on its way. */
struct frame {
  struct frame *next;
  long long due;
  int len;
  unsigned char bytes[];
};

/* All that goes out at one interface, the earliest first. */
static struct { struct frame *first, **last; } ways[2];

static long long now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static int opened(const char *name) {
  int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), size = 64 << 20;
  struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = if_nametoindex(name)};
  struct packet_mreq all = {.mr_ifindex = at.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
  if (fd < 0 || !at.sll_ifindex || bind(fd, (void *)&at, sizeof at) ||
      setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all)) {
    perror(name);
    exit(1);
  }
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  return fd;
}

/* Takes in what is there. */
static void take(int fd, int way, long long delay) {
  static unsigned char bytes[70000];
  for (int n = 0; n < 64; n++) {
    struct sockaddr_ll from;
    socklen_t size = sizeof from;
    int len = recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT, (void *)&from, &size);
    if (len <= 0) return;
    if (from.sll_pkttype == PACKET_OUTGOING) continue;
    struct frame *frame = malloc(sizeof *frame + len);
    if (!frame) return;
    *frame = (struct frame){.due = now() + delay, .len = len};
    memcpy(frame->bytes, bytes, len);
    *ways[way].last = frame;
    ways[way].last = &frame->next;
  }
}

int main(int count, char **words) {
  if (count != 4) return fputs("usage: delay IF1 IF2 MILLISECONDS\n", stderr), 2;
  int fds[2] = {opened(words[1]), opened(words[2])};
  long long delay = atof(words[3]) * 1e6;
  for (int i = 0; i < 2; i++) ways[i].last = &ways[i].first;
  for (;;) {
    long long due = 0, at = now();
    for (int i = 0; i < 2; i++)
      if (ways[i].first && (!due || ways[i].first->due < due)) due = ways[i].first->due;
    long long wait = due > at ? due - at : 0;
    struct timespec until = {wait / 1000000000, wait % 1000000000};
    struct pollfd ready[2] = {{fds[0], POLLIN, 0}, {fds[1], POLLIN, 0}};
    ppoll(ready, 2, due ? &until : NULL, NULL);
    for (int i = 0; i < 2; i++)
      if (ready[i].revents) take(fds[i], 1 - i, delay);
    at = now();
    for (int i = 0; i < 2; i++)
      while (ways[i].first && ways[i].first->due <= at) {
        struct frame *frame = ways[i].first;
        if (!(ways[i].first = frame->next)) ways[i].last = &ways[i].first;
        send(fds[i], frame->bytes, frame->len, 0);
        free(frame);
      }
  }
}
