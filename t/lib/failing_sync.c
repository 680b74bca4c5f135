/*
 * A disk that fails, for the database FAILING_SYNC_FILE and its log; preloaded into nginx.
 *
 * While the file FAILING_SYNC_WHEN exists, fsync and fdatasync give EIO, and what was written to
 * the file since the last sync that did not fail never comes to the disk. Readers of the file see
 * that at once, or with "later" in FAILING_SYNC_WHEN not before the power fails, like a kernel that
 * keeps such pages in its cache. Numbers there are inodes: only these fail. As with Linux every
 * descriptor that was open at the time is told, once.
 *
 * FAILING_SYNC_STATE is a file with the contents of the disk. All processes share it, and it
 * outlives them: a program that starts with FAILING_SYNC_POWER_LOSS set takes everything else away,
 * as if the power had failed, and so may follow a kill -9.
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

enum { MAX_FILES = 16, MAX_DESCRIPTORS = 4096, PAGE_BYTES = 4096, MAX_PAGES = 16384 };

struct file {
    dev_t device;
    ino_t inode;
    char path[256];
    unsigned losses;
    off_t size; /* on the disk */
    bool is_dirty[MAX_PAGES];
    unsigned char pages[MAX_PAGES][PAGE_BYTES]; /* on the disk */
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
    unsigned seen[MAX_DESCRIPTORS]; /* number of its file's losses that a descriptor was told of */
} disk;

#define REAL(type, name, ...) \
    static type (*name)(__VA_ARGS__); \
    if (name == NULL) name = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name + sizeof("real_") - 1)

static void fail(const char *what) {
    fprintf(stderr, "failing_sync: %s: %s\n", what, strerror(errno));
    abort();
}

/* ---------------------------------------------------------------- which files */

/* Files that SQLite writes. The index of its log lives in memory, whatever its file is. */
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

/* Contents that a file has when it is first met are on the disk. */
static struct file *file_of(int fd, const struct stat *found) {
    REAL(ssize_t, real_pread64, int, void *, size_t, off_t);
    char link[64];
    struct file *file = find_file(found);
    struct stat nothing = {0};

    if (file != NULL) return file;
    file = find_file(&nothing);
    if (file == NULL) fail("too many files");
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    memset(file->path, 0, sizeof(file->path));
    if (readlink(link, file->path, sizeof(file->path) - 1) < 0) fail(link);
    if (real_pread64(fd, file->pages, sizeof(file->pages), 0) != found->st_size) fail("reading");
    file->device = found->st_dev;
    file->inode = found->st_ino;
    file->size = found->st_size;
    file->losses = 0;
    memset(file->is_dirty, 0, sizeof(file->is_dirty));
    return file;
}

static void forget(struct file *file) {
    file->device = 0;
    file->inode = 0;
}

static void lock(void) {
    if (pthread_mutex_lock(&disk.state->lock) == EOWNERDEAD) {
        pthread_mutex_consistent(&disk.state->lock);
    }
}

static void unlock(void) { pthread_mutex_unlock(&disk.state->lock); }

/* ---------------------------------------------------------------- what is on the disk */

static void touch(int fd, off_t from, off_t end) {
    struct stat found;
    struct file *file;

    if (fstat(fd, &found) != 0) fail("fstat");
    file = file_of(fd, &found);
    if (end > (off_t)sizeof(file->pages)) fail("the file is too large");
    for (; from < end; from = (from / PAGE_BYTES + 1) * PAGE_BYTES) {
        file->is_dirty[from / PAGE_BYTES] = true;
    }
}

static void bring_to_disk(int fd, struct file *file, off_t size) {
    REAL(ssize_t, real_pread64, int, void *, size_t, off_t);

    for (off_t i = 0; i < MAX_PAGES; i++) {
        if (!file->is_dirty[i]) continue;
        memset(file->pages[i], 0, PAGE_BYTES);
        if (real_pread64(fd, file->pages[i], PAGE_BYTES, i * PAGE_BYTES) < 0) fail("reading");
        file->is_dirty[i] = false;
    }
    file->size = size;
}

static void take_from_disk(int fd, const struct file *file, bool is_all) {
    REAL(ssize_t, real_pwrite64, int, const void *, size_t, off_t);
    REAL(int, real_ftruncate64, int, off_t);

    for (off_t i = 0; i * PAGE_BYTES < file->size; i++) {
        if ((is_all || file->is_dirty[i])
            && real_pwrite64(fd, file->pages[i], PAGE_BYTES, i * PAGE_BYTES) != PAGE_BYTES) {
            fail("restoring");
        }
    }
    if (real_ftruncate64(fd, file->size) != 0) fail("restoring");
}

static void lose_power(void) {
    REAL(int, real_open64, const char *, int, ...);
    REAL(int, real_close, int);

    for (struct file *file = disk.state->files; file < disk.state->files + MAX_FILES; file++) {
        int fd = file->inode == 0 ? -1 : real_open64(file->path, O_RDWR | O_CLOEXEC);
        struct stat found;
        if (fd != -1 && fstat(fd, &found) == 0 && find_file(&found) == file) {
            take_from_disk(fd, file, true);
        }
        if (fd != -1) real_close(fd);
        forget(file);
    }
}

/* ---------------------------------------------------------------- what is intercepted */

ssize_t pwrite64(int fd, const void *data, size_t count, off_t at) {
    REAL(ssize_t, real_pwrite64, int, const void *, size_t, off_t);
    ssize_t written;

    if (!is_watched(fd)) return real_pwrite64(fd, data, count, at);
    lock();
    touch(fd, at, at + (off_t)count);
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
    touch(fd, lseek(fd, 0, SEEK_CUR), lseek(fd, 0, SEEK_CUR) + (off_t)count);
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
    touch(fd, size, found.st_size);
    result = real_ftruncate64(fd, size);
    unlock();
    return result;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

enum loss { NONE, AT_ONCE, LATER };

static enum loss loss_of(ino_t inode) {
    bool is_any = true, is_this = false;
    enum loss loss = AT_ONCE;
    char word[64];
    FILE *when = fopen(disk.when, "re");

    if (when == NULL) return NONE;
    while (fscanf(when, "%63s", word) == 1) {
        if (strcmp(word, "later") == 0) loss = LATER;
        if (word[0] < '0' || word[0] > '9') continue;
        is_any = false;
        is_this = is_this || strtoul(word, NULL, 10) == inode;
    }
    fclose(when);
    return is_any || is_this ? loss : NONE;
}

/* Lets the test know that a failure was met. */
static void note_failure(void) {
    FILE *when = access(disk.when, F_OK) == 0 ? fopen(disk.when, "ae") : NULL;

    if (when == NULL) return;
    fputc('!', when);
    fclose(when);
}

static int sync_file(int fd, int (*real_sync)(int)) {
    struct stat found;
    struct file *file;
    enum loss loss;
    int result;

    if (!is_watched(fd)) return real_sync(fd);
    lock();
    if (fstat(fd, &found) != 0) fail("fstat");
    file = file_of(fd, &found);
    loss = loss_of(found.st_ino);
    result = real_sync(fd);
    if (loss != NONE) {
        if (loss == AT_ONCE) take_from_disk(fd, file, false);
        memset(file->is_dirty, 0, sizeof(file->is_dirty));
        file->losses++;
    } else if (result == 0) {
        bring_to_disk(fd, file, found.st_size);
    }
    if (disk.seen[fd] != file->losses) {
        disk.seen[fd] = file->losses;
        note_failure();
        errno = EIO;
        result = -1;
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

/* The inode may be given to another file. */
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
    if (file != NULL && result == 0) forget(file);
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
