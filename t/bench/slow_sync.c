/*
 * A disk as slow as is wanted, and the number of its syncs; preloaded into nginx. A sync takes
 * SLOW_SYNC_US microseconds at least; SLOW_SYNC_COUNTS is a file that holds, each in 8 bytes, how many
 * there were, how many nanoseconds the disk itself took for them, and how many nanoseconds a sync takes
 * from now on: a test may write that at any time.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static struct {
    _Atomic uint64_t syncs, disk_ns, least_ns;
} *counts;

static int64_t least_ns;

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int slowed(int fd, int (*real_sync)(int)) {
    int64_t began_ns = now_ns();
    int result = real_sync(fd), error = errno;
    int64_t took_ns = now_ns() - began_ns;

    if (counts == NULL) return result;
    atomic_fetch_add(&counts->syncs, 1);
    atomic_fetch_add(&counts->disk_ns, (uint64_t)took_ns);
    int64_t wanted_ns = counts->least_ns > 0 ? (int64_t)counts->least_ns : least_ns;
    if (took_ns < wanted_ns) {
        struct timespec rest = {0, (long)(wanted_ns - took_ns)};
        nanosleep(&rest, NULL);
    }
    errno = error;
    return result;
}

int fsync(int fd) { return slowed(fd, (int (*)(int))dlsym(RTLD_NEXT, "fsync")); }

int fdatasync(int fd) { return slowed(fd, (int (*)(int))dlsym(RTLD_NEXT, "fdatasync")); }

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("SLOW_SYNC_COUNTS");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *shared;

    if (fd == -1 || ftruncate(fd, sizeof(*counts)) != 0) return;
    shared = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (shared == MAP_FAILED) return;
    least_ns = atol(getenv("SLOW_SYNC_US")) * INT64_C(1000);
    counts = shared;
}
