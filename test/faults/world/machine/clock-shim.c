/*
 * Moves the wall clock of the process that it is preloaded into by the seconds that stand in the file $CLOCK_FILE, which is
 * read at most each 20 ms. The monotonic clock stays as it is, as it does when NTP steps a clock or a laptop wakes.
 * (libfaketime clashes with the jemalloc of redis-server.)
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long offset;
static long read_at;

static long current_offset(void) {
  struct timespec monotonic;
  syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &monotonic);
  long ms = monotonic.tv_sec * 1000 + monotonic.tv_nsec / 1000000;
  if (ms - read_at <= 20) return offset;
  read_at = ms;
  const char *path = getenv("CLOCK_FILE");
  int file = path ? open(path, O_RDONLY) : -1;
  if (file < 0) return offset;
  char text[32] = {0};
  if (read(file, text, sizeof text - 1) > 0) offset = atol(text);
  close(file);
  return offset;
}

int clock_gettime(clockid_t id, struct timespec *time) {
  int failed = syscall(SYS_clock_gettime, id, time);
  if (!failed && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) time->tv_sec += current_offset();
  return failed;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *seconds) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (seconds) *seconds = now.tv_sec;
  return now.tv_sec;
}
