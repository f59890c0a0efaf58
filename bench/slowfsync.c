/* An fsync made slower, for measuring what group commit is worth.
 *
 *   cc -O2 -shared -fPIC -o slowfsync.so slowfsync.c -ldl
 *   SLOW_FSYNC_MS=5 LD_PRELOAD=./slowfsync.so program
 *
 * Every fsync and fdatasync of the program sleeps that long (default 5 ms) after the real one. Sleeps of
 * several threads or processes overlap, as the waiting for a disk's answer does.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static void slow(void)
{
    const char *text = getenv("SLOW_FSYNC_MS");
    double ms = text ? atof(text) : 5.0;
    struct timespec wait = { (time_t)(ms / 1000), (long)(ms * 1000000) % 1000000000L };
    nanosleep(&wait, NULL);
}

int fsync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    int result = real(fd);
    slow();
    return result;
}

int fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    int result = real(fd);
    slow();
    return result;
}
