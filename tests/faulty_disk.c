/* A disk that can be told to write down what it is asked, and to fail. Loaded by LD_PRELOAD, told by faulty_disk.py.

   It stands between lmdb and libc for files called data.mdb, and leaves all other files alone. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, MARK = 4, FAILED = 8, DURABLE = 16 };

struct entry { /* in the log, before the bytes of a write */
    uint32_t kind, length;
    uint64_t offset; /* of a mark: its number */
};

static int log_fd = -1;
static long calls, failing_from = LONG_MAX, failing_until = LONG_MAX;
static int failing_kinds, failing_error;

typedef ssize_t (*pwrite_function)(int, const void *, size_t, off_t);
typedef ssize_t (*writev_function)(int, const struct iovec *, int);
typedef int (*sync_function)(int);

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static int is_store(int fd) {
    static const char name[] = "/data.mdb";
    char path[64], target[PATH_MAX];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, target, sizeof target), tail = sizeof name - 1;
    return length >= tail && memcmp(target + length - tail, name, tail) == 0;
}

static void put_down(uint32_t kind, uint64_t offset, const void *bytes, uint32_t length) {
    if (log_fd < 0) return;
    struct entry entry = {kind, length, offset};
    struct iovec pieces[] = {{&entry, sizeof entry}, {(void *)bytes, length}};
    writev_function real_writev = real("writev");
    if (real_writev(log_fd, pieces, 2) != (ssize_t)(sizeof entry + length)) abort();
}

/* Counts a call; says whether it is to fail, with errno set. */
static int fails(int kind) {
    calls++;
    if (!(kind & failing_kinds) || calls < failing_from || calls > failing_until) return 0;
    errno = failing_error;
    return 1;
}

static uint32_t durability(int fd) { return fcntl(fd, F_GETFL) & O_DSYNC ? DURABLE : 0; }

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    pwrite_function real_pwrite = real("pwrite");
    if (!is_store(fd)) return real_pwrite(fd, bytes, length, offset);
    if (fails(WRITE)) {
        /* Error 0 is a short write: half of it, as when the disk fills up on the way. */
        if (errno == 0) return real_pwrite(fd, bytes, length / 2, offset);
        int error = errno;
        put_down(WRITE | FAILED | durability(fd), offset, bytes, length);
        /* A write that syncs has reached the page cache when its sync fails. */
        if (error == EIO && durability(fd)) real_pwrite(fd, bytes, length, offset);
        errno = error;
        return -1;
    }
    put_down(WRITE | durability(fd), offset, bytes, length);
    return real_pwrite(fd, bytes, length, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) { return pwrite(fd, bytes, length, offset); }

ssize_t writev(int fd, const struct iovec *pieces, int count) {
    writev_function real_writev = real("writev");
    if (!is_store(fd)) return real_writev(fd, pieces, count);
    int failing = fails(WRITE), error = errno;
    if (failing && error == 0) return real_writev(fd, pieces, count / 2);
    off_t offset = lseek(fd, 0, SEEK_CUR);
    for (int at = 0; at < count; at++) {
        put_down(WRITE | (failing ? FAILED : durability(fd)), offset, pieces[at].iov_base, pieces[at].iov_len);
        offset += pieces[at].iov_len;
    }
    errno = error;
    return failing ? -1 : real_writev(fd, pieces, count);
}

static int synced(int fd, const char *name) {
    if (is_store(fd)) {
        if (fails(SYNC)) {
            int error = errno;
            put_down(SYNC | FAILED, 0, NULL, 0);
            errno = error;
            return -1;
        }
    } else {
        return ((sync_function)real(name))(fd);
    }
    int failed = ((sync_function)real(name))(fd);
    if (!failed) put_down(SYNC, 0, NULL, 0);
    return failed;
}

int fdatasync(int fd) { return synced(fd, "fdatasync"); }
int fsync(int fd) { return synced(fd, "fsync"); }

/* -- told by Python -- */

void disk_record(int fd) { log_fd = fd; }

void disk_mark(uint64_t number) { put_down(MARK, number, NULL, 0); }

/* The `first` call from now on fails, and those behind it up to the `last`; `kinds` of WRITE and SYNC. */
void disk_fail(int kinds, int error, long first, long last) {
    failing_kinds = kinds, failing_error = error;
    failing_from = calls + first, failing_until = last == LONG_MAX ? last : calls + last;
}

long disk_calls(void) { return calls; }
