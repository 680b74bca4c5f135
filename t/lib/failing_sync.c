/*
 * A disk that fails, for the database FAILING_SYNC_FILE and its log; preloaded into nginx.
 * While the file FAILING_SYNC_WHEN exists, fsync and fdatasync give EIO, and what was written to the
 * file since the last sync that did not fail is lost. As with Linux, every descriptor that was open
 * at the time is told once: another process does not get a yes for what one has lost.
 *
 * FAILING_SYNC_STATE is a file that keeps what the lost writes have overwritten. All processes share
 * it, and it outlives them: a program that starts with FAILING_SYNC_POWER_LOSS set undoes whatever is
 * not synced, as if the power had failed, and so may follow upon a kill -9.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILES = 16, MAX_DESCRIPTORS = 4096, UNDO_BYTES = 64 << 20 };

/* What one write has overwritten. */
struct undo {
    size_t previous; /* in the file's list; 0: it is the first */
    off_t at, size_before;
    size_t kept;
    unsigned char bytes[];
};

struct file {
    dev_t device;
    ino_t inode;
    char path[256];
    unsigned losses;
    size_t last, end; /* in `undos`, whose first byte is not used */
    unsigned char undos[UNDO_BYTES];
};

struct state {
    bool is_ready;
    pthread_mutex_t lock;
    struct file files[MAX_FILES];
};

enum kind { UNKNOWN, OTHER, WATCHED };

static struct {
    const char *database, *when;
    struct state *state;
    unsigned char kind[MAX_DESCRIPTORS];
    unsigned seen[MAX_DESCRIPTORS]; /* losses of its file that a descriptor was told of */
} disk;

#define REAL(type, name, ...) \
    static type (*name)(__VA_ARGS__); \
    if (name == NULL) name = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name + sizeof("real_") - 1)

static void fail(const char *what) {
    fprintf(stderr, "failing_sync: %s: %s\n", what, strerror(errno));
    abort();
}

/* ---------------------------------------------------------------- which files */

/* What SQLite writes. The index of its log lives in memory, whatever its file is. */
static bool is_of_database(const char *path) {
    static const char *const ends[] = {"", "-wal", ".new", ".new-wal"};

    if (strncmp(path, disk.database, strlen(disk.database)) != 0) return false;
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        if (strcmp(path + strlen(disk.database), ends[i]) == 0) return true;
    }
    return false;
}

static bool is_watched(int fd) {
    char link[64], path[sizeof(disk.state->files->path)];
    ssize_t length;

    if (disk.state == NULL || fd < 0 || fd >= MAX_DESCRIPTORS) return false;
    if (disk.kind[fd] != UNKNOWN) return disk.kind[fd] == WATCHED;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof(path) - 1);
    path[length > 0 ? length : 0] = '\0';
    disk.kind[fd] = is_of_database(path) ? WATCHED : OTHER;
    return disk.kind[fd] == WATCHED;
}

static struct file *find_file(const struct stat *found) {
    for (struct file *file = disk.state->files; file < disk.state->files + MAX_FILES; file++) {
        if (file->inode == found->st_ino && file->device == found->st_dev) return file;
    }
    return NULL;
}

static struct file *file_of(int fd, const struct stat *found) {
    char link[64];
    struct file *file = find_file(found);
    struct stat nothing = {0};

    if (file != NULL) return file;
    file = find_file(&nothing);
    if (file == NULL) fail("too many files");
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    memset(file->path, 0, sizeof(file->path));
    if (readlink(link, file->path, sizeof(file->path) - 1) < 0) fail(link);
    file->device = found->st_dev;
    file->inode = found->st_ino;
    file->losses = 0;
    file->last = 0;
    file->end = sizeof(struct undo);
    return file;
}

static void lock(void) {
    if (pthread_mutex_lock(&disk.state->lock) == EOWNERDEAD) {
        pthread_mutex_consistent(&disk.state->lock);
    }
}

static void unlock(void) { pthread_mutex_unlock(&disk.state->lock); }

/* ---------------------------------------------------------------- writing down and undoing */

/* Keeps what is there from `at` on, before it changes. */
static void keep(int fd, off_t at, size_t count) {
    REAL(ssize_t, real_pread64, int, void *, size_t, off_t);
    struct stat found;
    struct file *file;
    struct undo *undo;
    ssize_t kept;

    if (fstat(fd, &found) != 0) fail("fstat");
    file = file_of(fd, &found);
    if (file->end + sizeof(*undo) + count > UNDO_BYTES) fail("too much was written without a sync");
    undo = (struct undo *)(file->undos + file->end);
    kept = real_pread64(fd, undo->bytes, count, at);
    if (kept < 0) fail("pread");
    undo->previous = file->last;
    undo->at = at;
    undo->size_before = found.st_size;
    undo->kept = (size_t)kept;
    file->last = file->end;
    file->end += (sizeof(*undo) + (size_t)kept + 15) / 16 * 16;
}

static void forget(struct file *file) {
    file->last = 0;
    file->end = sizeof(struct undo);
}

static void lose(int fd, struct file *file) {
    REAL(ssize_t, real_pwrite64, int, const void *, size_t, off_t);
    REAL(int, real_ftruncate64, int, off_t);

    while (file->last != 0) {
        const struct undo *undo = (const struct undo *)(file->undos + file->last);
        if (real_pwrite64(fd, undo->bytes, undo->kept, undo->at) != (ssize_t)undo->kept
            || real_ftruncate64(fd, undo->size_before) != 0) {
            fail("undoing");
        }
        file->last = undo->previous;
    }
    forget(file);
}

static void lose_power(void) {
    REAL(int, real_open64, const char *, int, ...);
    REAL(int, real_close, int);

    for (struct file *file = disk.state->files; file < disk.state->files + MAX_FILES; file++) {
        int fd = file->last == 0 ? -1 : real_open64(file->path, O_RDWR | O_CLOEXEC);
        struct stat found;
        if (fd != -1 && fstat(fd, &found) == 0 && find_file(&found) == file) lose(fd, file);
        if (fd != -1) real_close(fd);
        file->device = 0;
        file->inode = 0;
        forget(file);
    }
}

/* ---------------------------------------------------------------- what is intercepted */

ssize_t pwrite64(int fd, const void *data, size_t count, off_t at) {
    REAL(ssize_t, real_pwrite64, int, const void *, size_t, off_t);
    ssize_t written;

    if (!is_watched(fd)) return real_pwrite64(fd, data, count, at);
    lock();
    keep(fd, at, count);
    written = real_pwrite64(fd, data, count, at);
    unlock();
    return written;
}

ssize_t pwrite(int fd, const void *data, size_t count, off_t at) {
    return pwrite64(fd, data, count, at);
}

ssize_t write(int fd, const void *data, size_t count) {
    REAL(ssize_t, real_write, int, const void *, size_t);
    ssize_t written;

    if (!is_watched(fd)) return real_write(fd, data, count);
    lock();
    keep(fd, lseek(fd, 0, SEEK_CUR), count);
    written = real_write(fd, data, count);
    unlock();
    return written;
}

int ftruncate64(int fd, off_t size) {
    REAL(int, real_ftruncate64, int, off_t);
    struct stat found;
    int result;

    if (!is_watched(fd)) return real_ftruncate64(fd, size);
    lock();
    if (fstat(fd, &found) != 0) fail("fstat");
    keep(fd, size, found.st_size > size ? (size_t)(found.st_size - size) : 0);
    result = real_ftruncate64(fd, size);
    unlock();
    return result;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

/* The file that says so may name the inodes that it is about. */
static bool syncs_fail(ino_t inode) {
    unsigned long one;
    bool is_any = true, is_this = false;
    FILE *when = fopen(disk.when, "re");

    if (when == NULL) return false;
    while (fscanf(when, "%lu", &one) == 1) {
        is_any = false;
        is_this = is_this || one == inode;
    }
    fclose(when);
    return is_any || is_this;
}

/* What lets the test know that a failure was met. */
static void note_failure(void) {
    FILE *when = access(disk.when, F_OK) == 0 ? fopen(disk.when, "ae") : NULL;

    if (when == NULL) return;
    fputc('!', when);
    fclose(when);
}

static int sync_file(int fd, int (*real_sync)(int)) {
    struct stat found;
    struct file *file;
    int result;

    if (!is_watched(fd)) return real_sync(fd);
    lock();
    if (fstat(fd, &found) != 0) fail("fstat");
    file = file_of(fd, &found);
    if (syncs_fail(found.st_ino)) {
        lose(fd, file);
        file->losses++;
    }
    result = real_sync(fd);
    if (disk.seen[fd] != file->losses) {
        disk.seen[fd] = file->losses;
        note_failure();
        errno = EIO;
        result = -1;
    } else if (result == 0) {
        forget(file);
    }
    unlock();
    return result;
}

int fsync(int fd) {
    REAL(int, real_fsync, int);
    return sync_file(fd, real_fsync);
}

int fdatasync(int fd) {
    REAL(int, real_fdatasync, int);
    return sync_file(fd, real_fdatasync);
}

static void note_descriptor(int fd) {
    struct stat found;
    const struct file *file;

    if (fd < 0 || fd >= MAX_DESCRIPTORS) return;
    disk.kind[fd] = UNKNOWN;
    if (!is_watched(fd) || fstat(fd, &found) != 0) return;
    lock();
    file = find_file(&found);
    disk.seen[fd] = file == NULL ? 0 : file->losses;
    unlock();
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, real_##name, const char *, int, ...); \
        va_list more; \
        int fd; \
        va_start(more, flags); \
        fd = real_##name(path, flags, va_arg(more, mode_t)); \
        va_end(more); \
        note_descriptor(fd); \
        return fd; \
    }

OPEN(open)
OPEN(open64)

int close(int fd) {
    REAL(int, real_close, int);

    if (fd >= 0 && fd < MAX_DESCRIPTORS) disk.kind[fd] = UNKNOWN;
    return real_close(fd);
}

/* Its inode may be given to another file. */
int unlink(const char *path) {
    REAL(int, real_unlink, const char *);
    struct stat found;
    struct file *file;
    int result;

    if (disk.state == NULL || !is_of_database(path)) {
        return real_unlink(path);
    }
    lock();
    file = lstat(path, &found) == 0 ? find_file(&found) : NULL;
    result = real_unlink(path);
    if (file != NULL && result == 0) {
        file->device = 0;
        file->inode = 0;
        forget(file);
    }
    unlock();
    return result;
}

int rename(const char *from, const char *to) {
    REAL(int, real_rename, const char *, const char *);
    struct stat found;
    struct file *file;
    int result;

    if (disk.state == NULL || !is_of_database(from)) {
        return real_rename(from, to);
    }
    lock();
    file = lstat(from, &found) == 0 ? find_file(&found) : NULL;
    result = real_rename(from, to);
    if (file != NULL && result == 0) snprintf(file->path, sizeof(file->path), "%s", to);
    unlock();
    return result;
}

__attribute__((constructor)) static void begin(void) {
    REAL(int, real_open64, const char *, int, ...);
    REAL(int, real_close, int);
    REAL(int, real_ftruncate64, int, off_t);
    const char *path = getenv("FAILING_SYNC_STATE");
    void *state;
    int fd;

    if (path == NULL) return;
    /* nginx writes over its environment. */
    disk.database = strdup(getenv("FAILING_SYNC_FILE"));
    disk.when = strdup(getenv("FAILING_SYNC_WHEN"));
    fd = real_open64(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd == -1 || real_ftruncate64(fd, sizeof(struct state)) != 0) fail(path);
    state = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (state == MAP_FAILED) fail(path);
    real_close(fd);
    disk.state = state;
    if (!disk.state->is_ready) {
        pthread_mutexattr_t attributes;
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
        pthread_mutex_init(&disk.state->lock, &attributes);
        disk.state->is_ready = true;
    }
    if (getenv("FAILING_SYNC_POWER_LOSS") != NULL) lose_power();
}
