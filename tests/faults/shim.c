/* Stands between a process and the C library, and lets a call to the system fail, or the process die there.
 *
 * Only calls about files below one folder count. `faults_arm` is called in a process that was forked for one case:
 * what fails, fails exactly where it would if the system refused, without root, ptrace or another kernel.
 *
 * `faults_record` has every call that changes a file or a name, or synchronises one, written down with its bytes: what a
 * machine that loses its power would have been told. One thread at a time, please: a call and its record are two steps.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { COUNT, FAIL_ONCE, FAIL_FROM, KILL_BEFORE, KILL_AFTER, FAIL_SHORT, QUOTA };

static char folder[PATH_MAX];
static size_t length;
static int action, error_number, log_descriptor = -1;
static long target, counted, budget;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void faults_arm(const char *below, int what, int error, long when, int log) {
    snprintf(folder, sizeof folder, "%s", below);
    length = strlen(folder);
    action = what, error_number = error, target = budget = when, counted = 0, log_descriptor = log;
}

long faults_counted(void) { return counted; }

static int is_below(const char *path) { return length && path && strncmp(path, folder, length) == 0; }

static int path_of(int descriptor, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    path[n < 0 ? 0 : n] = 0;
    return is_below(path);
}

static void die(void) { syscall(SYS_kill, getpid(), SIGKILL); pause(); }

/* Count a call; whether it must fail. `bytes` is what a write asks for. */
static int hit(const char *call, const char *path, const char *other, long bytes) {
    pthread_mutex_lock(&lock);
    long number = ++counted;
    int fails = 0;
    if (action == QUOTA) {
        fails = budget < bytes || (budget <= 0 && strcmp(call, "open") == 0);
        if (!fails) budget -= bytes;
    } else if (number == target) {
        if (action == KILL_BEFORE) die();
        fails = action == FAIL_ONCE || action == FAIL_FROM || action == FAIL_SHORT;
    } else if (number > target) {
        fails = action == FAIL_FROM;
    }
    if (log_descriptor >= 0) {
        char line[2 * PATH_MAX + 64];
        int n = snprintf(line, sizeof line, "%ld\t%s\t%s\t%s\t%d\n", number, call, path, other, fails);
        syscall(SYS_write, log_descriptor, line, (size_t)n);
    }
    pthread_mutex_unlock(&lock);
    return fails;
}

static int recording = -1;

void faults_record(int descriptor) { recording = descriptor; }

/* A line of tabs (call, inode, offset, bytes that follow, path, other path), then the bytes. */
static void record(const char *call, int descriptor, long offset, const void *data, long size, const char *path,
                   const char *other) {
    if (recording < 0) return;
    int error = errno;
    struct stat about = {0};
    if (descriptor >= 0) fstat(descriptor, &about);
    char line[2 * PATH_MAX + 128];
    int n = snprintf(line, sizeof line, "%s\t%lu\t%ld\t%ld\t%s\t%s\n", call, (unsigned long)about.st_ino, offset, size,
                     path, other);
    pthread_mutex_lock(&lock);
    syscall(SYS_write, recording, line, (size_t)n);
    if (size > 0) syscall(SYS_write, recording, data, (size_t)size);
    pthread_mutex_unlock(&lock);
    errno = error;
}

/* Something that was said to whoever waits for it, and that must be true from then on. */
void faults_mark(const char *what) { record("said", -1, 0, NULL, 0, what, ""); }

static void after(void) { if (action == KILL_AFTER && counted == target) die(); }

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, #name, const char *, int, ...); \
        va_list arguments; va_start(arguments, flags); \
        int mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(arguments, int) : 0; \
        va_end(arguments); \
        if (!is_below(path)) return real(path, flags, mode); \
        if (hit("open", path, "", 0)) { errno = error_number; return -1; } \
        int result = real(path, flags, mode); \
        if (result >= 0 && (flags & (O_CREAT | O_TRUNC)) && (flags & O_TMPFILE) != O_TMPFILE) \
            record("open", result, (flags & O_TRUNC) != 0, NULL, 0, path, ""); \
        after(); \
        return result; \
    }
OPEN(open)
OPEN(open64)

ssize_t write(int descriptor, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    char path[PATH_MAX];
    if (!length || !path_of(descriptor, path)) return real(descriptor, data, size);
    if (hit("write", path, "", (long)size)) {
        if (action == FAIL_SHORT && size > 1) {
            action = FAIL_FROM;
            return real(descriptor, data, size / 2);
        }
        errno = error_number;
        return -1;
    }
    ssize_t result = real(descriptor, data, size);
    if (result > 0) record("write", descriptor, lseek(descriptor, 0, SEEK_CUR) - result, data, result, path, "");
    after();
    return result;
}

/* In the place of bytes that are there: recorded, but no fault waits for it. */
#define PWRITE(name) \
    ssize_t name(int descriptor, const void *data, size_t size, off_t offset) { \
        REAL(ssize_t, #name, int, const void *, size_t, off_t); \
        char path[PATH_MAX]; \
        ssize_t result = real(descriptor, data, size, offset); \
        if (result > 0 && length && path_of(descriptor, path)) record("write", descriptor, offset, data, result, path, ""); \
        return result; \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define FTRUNCATE(name) \
    int name(int descriptor, off_t size) { \
        REAL(int, #name, int, off_t); \
        char path[PATH_MAX]; \
        int result = real(descriptor, size); \
        if (result == 0 && length && path_of(descriptor, path)) record("truncate", descriptor, size, NULL, 0, path, ""); \
        return result; \
    }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

int fdatasync(int descriptor) {
    REAL(int, "fdatasync", int);
    char path[PATH_MAX];
    int result = real(descriptor);
    if (result == 0 && length && path_of(descriptor, path)) record("fsync", descriptor, 0, NULL, 0, path, "");
    return result;
}

int fsync(int descriptor) {
    REAL(int, "fsync", int);
    char path[PATH_MAX];
    if (!length || !path_of(descriptor, path)) return real(descriptor);
    if (hit("fsync", path, "", 0)) { errno = error_number; return -1; }
    int result = real(descriptor);
    if (result == 0) record("fsync", descriptor, 0, NULL, 0, path, "");
    after();
    return result;
}

/* The descriptor is closed even if the call fails, as on Linux. */
int close(int descriptor) {
    REAL(int, "close", int);
    char path[PATH_MAX];
    if (!length || !path_of(descriptor, path)) return real(descriptor);
    int fails = hit("close", path, "", 0), result = real(descriptor);
    if (fails) { errno = error_number; return -1; }
    after();
    return result;
}

int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    if (!is_below(from)) return real(from, to);
    if (hit("rename", from, to, 0)) { errno = error_number; return -1; }
    int result = real(from, to);
    if (result == 0) record("rename", -1, 0, NULL, 0, from, to);
    after();
    return result;
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    REAL(int, "linkat", int, const char *, int, const char *, int);
    if (!is_below(from)) return real(from_folder, from, to_folder, to, flags);
    if (hit("link", from, to, 0)) { errno = error_number; return -1; }
    int result = real(from_folder, from, to_folder, to, flags);
    if (result == 0) record("link", -1, 0, NULL, 0, from, to);
    after();
    return result;
}

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    if (!is_below(path)) return real(path);
    if (action != QUOTA && hit("unlink", path, "", 0)) { errno = error_number; return -1; }
    int result = real(path);
    if (result == 0) record("unlink", -1, 0, NULL, 0, path, "");
    after();
    return result;
}

/* As `shutil.rmtree` removes. */
int unlinkat(int folder_descriptor, const char *name, int flags) {
    REAL(int, "unlinkat", int, const char *, int);
    char path[2 * PATH_MAX];
    int is_counted = length && recording >= 0 && name[0] != '/' && path_of(folder_descriptor, path);
    int result = real(folder_descriptor, name, flags);
    if (result == 0 && is_counted) {
        snprintf(path + strlen(path), PATH_MAX, "/%s", name);
        record("unlink", -1, 0, NULL, 0, path, "");
    }
    return result;
}

int rmdir(const char *path) {
    REAL(int, "rmdir", const char *);
    int result = real(path);
    if (result == 0 && is_below(path)) record("unlink", -1, 0, NULL, 0, path, "");
    return result;
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t);
    int result = real(path, mode);
    if (result == 0 && is_below(path)) record("mkdir", -1, 0, NULL, 0, path, "");
    return result;
}
