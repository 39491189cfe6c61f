/* Loaded before libc into a node's process: its fsync gets slow or fails, its wall clock is off,
 * while the page shared with the test says so. Everything else is as it was. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* The same order as in shim.rs; each 8 bytes, native. */
struct dials {
    volatile uint64_t sync_delay_us;
    volatile uint64_t sync_error;
    volatile int64_t clock_offset_ms;
    volatile uint64_t syncs;
};

static struct dials *dials;
static int (*real_clock)(clockid_t, struct timespec *);

__attribute__((constructor)) static void open_dials(void) {
    const char *path = getenv("IMPRESARIO_TEST_DIALS");
    real_clock = dlsym(RTLD_NEXT, "clock_gettime");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(NULL, sizeof(struct dials), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED) dials = page;
}

static int sync_file(long number, int file) {
    if (dials) {
        uint64_t us = dials->sync_delay_us;
        struct timespec pause = {us / 1000000, (us % 1000000) * 1000};
        if (us) nanosleep(&pause, NULL);
        __atomic_fetch_add(&dials->syncs, 1, __ATOMIC_RELAXED);
        if (dials->sync_error) {
            errno = (int)dials->sync_error;
            return -1;
        }
    }
    return (int)syscall(number, file);
}

int fsync(int file) { return sync_file(SYS_fsync, file); }
int fdatasync(int file) { return sync_file(SYS_fdatasync, file); }

int clock_gettime(clockid_t id, struct timespec *time) {
    int result =
        real_clock ? real_clock(id, time) : (int)syscall(SYS_clock_gettime, id, time);
    int is_wall = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
    if (result == 0 && dials && is_wall && dials->clock_offset_ms) {
        int64_t ns = time->tv_nsec + (dials->clock_offset_ms % 1000) * 1000000;
        time->tv_sec += dials->clock_offset_ms / 1000;
        if (ns < 0) { ns += 1000000000; time->tv_sec -= 1; }
        if (ns >= 1000000000) { ns -= 1000000000; time->tv_sec += 1; }
        time->tv_nsec = ns;
    }
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}
