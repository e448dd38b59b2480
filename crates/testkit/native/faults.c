/* For tests only: loaded before the C library into a process that is to have faults.
 *
 * The file that CANDELA_FAULTS names holds three 64-bit numbers in this machine's order, which may change
 * at any time: how far the wall clock is off in milliseconds; how long each write to the disk takes
 * longer, in milliseconds; and the number of a process that has loaded this, which is written here. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct knobs {
    volatile int64_t clock_ms;
    volatile int64_t disk_ms;
    volatile int64_t loaded_by;
};

static struct knobs *knobs;

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_msync)(void *, size_t, int);

static void find_real(void) {
    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_msync = dlsym(RTLD_NEXT, "msync");
}

__attribute__((constructor)) static void load(void) {
    const char *path = getenv("CANDELA_FAULTS");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (!real_clock_gettime) find_real();
    if (file < 0) return;
    void *at = mmap(NULL, sizeof(struct knobs), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (at == MAP_FAILED) return;
    knobs = at;
    knobs->loaded_by = getpid();
}

/* The wall clock only: what counts seconds since the start goes on as it did. */
int clock_gettime(clockid_t clock, struct timespec *out) {
    if (!real_clock_gettime) find_real();
    int failed = real_clock_gettime(clock, out);
    int is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    if (!failed && knobs && is_wall) {
        int64_t ns = out->tv_nsec + (knobs->clock_ms % 1000) * 1000000;
        int64_t s = out->tv_sec + knobs->clock_ms / 1000;
        if (ns < 0) { ns += 1000000000; s -= 1; }
        if (ns >= 1000000000) { ns -= 1000000000; s += 1; }
        out->tv_sec = s;
        out->tv_nsec = ns;
    }
    return failed;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

static void wait_for_disk(void) {
    int64_t ms = knobs ? knobs->disk_ms : 0;
    int before = errno;
    if (ms > 0) {
        struct timespec left = { ms / 1000, (ms % 1000) * 1000000 };
        while (nanosleep(&left, &left) && errno == EINTR) {}
    }
    errno = before;
}

int fsync(int file) {
    if (!real_fsync) find_real();
    wait_for_disk();
    return real_fsync(file);
}

int fdatasync(int file) {
    if (!real_fdatasync) find_real();
    wait_for_disk();
    return real_fdatasync(file);
}

int msync(void *at, size_t bytes, int flags) {
    if (!real_msync) find_real();
    if (flags & MS_SYNC) wait_for_disk();
    return real_msync(at, bytes, flags);
}
