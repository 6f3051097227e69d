/* Stands between a process and the C library, and lets a call to the system fail, or the process die there.
 *
 * Only calls about files below one folder count. `faults_arm` is called in a process that was forked for one case:
 * what fails, fails exactly where it would if the system refused, without root, ptrace or another kernel.
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
    after();
    return result;
}

int fsync(int descriptor) {
    REAL(int, "fsync", int);
    char path[PATH_MAX];
    if (!length || !path_of(descriptor, path)) return real(descriptor);
    if (hit("fsync", path, "", 0)) { errno = error_number; return -1; }
    int result = real(descriptor);
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
    after();
    return result;
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    REAL(int, "linkat", int, const char *, int, const char *, int);
    if (!is_below(from)) return real(from_folder, from, to_folder, to, flags);
    if (hit("link", from, to, 0)) { errno = error_number; return -1; }
    int result = real(from_folder, from, to_folder, to, flags);
    after();
    return result;
}

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    if (!is_below(path)) return real(path);
    if (action != QUOTA && hit("unlink", path, "", 0)) { errno = error_number; return -1; }
    int result = real(path);
    after();
    return result;
}
