/*
 * A worker whose threads' work is done before it hears of that, as on a busy machine; preloaded into
 * nginx. While the file LATE_NOTICE.pid exists, threads of the process do not come to tell its event
 * loop, by 8 bytes to an eventfd, that their work is done.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

ssize_t write(int fd, const void *bytes, size_t count) {
    ssize_t (*real_write)(int, const void *, size_t) =
        (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    const char *prefix = getenv("LATE_NOTICE");

    if (prefix != NULL && count == 8 && syscall(SYS_gettid) != getpid()) {
        const struct timespec pause = {0, 5000000};
        char path[4096];
        snprintf(path, sizeof(path), "%s.%d", prefix, (int)getpid());
        while (access(path, F_OK) == 0) nanosleep(&pause, NULL);
    }
    return real_write(fd, bytes, count);
}
