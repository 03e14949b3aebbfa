/*
 * What tests/bench/bare.c is, but the bytes of files do not come here: FUSE passthrough, since Linux 6.9.
 *
 *     passing FOLDER MOUNTPOINT
 *
 * The kernel reads and writes the files of FOLDER itself; it asks for names, and says who opens and closes.
 * The libfuse of Debian 12 knows nothing of it, so this speaks with /dev/fuse, as root. It is mounted once
 * that is agreed on; if the kernel refuses, it says why, and the exit status is 3.
 */
#include "names.h"
#include <errno.h>
#include <linux/fuse.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/uio.h>

#define REFUSED 3
#define LEAST_WRITE 4096 /* Source: process_init_reply() in fs/fuse/inode.c; no request to write will come */

/*
 * What <linux/fuse.h> has since Linux 6.9, with protocol 7.40; the two answers are fuse_init_out and
 * fuse_open_out there. Source: include/uapi/linux/fuse.h of Linux 6.9.
 */
#define MINOR 40
#ifndef FUSE_PASSTHROUGH
#define FUSE_PASSTHROUGH (1ULL << 37)
#define FOPEN_PASSTHROUGH (1 << 7)
#define FUSE_DEV_IOC_BACKING_OPEN _IOW(FUSE_DEV_IOC_MAGIC, 1, struct fuse_backing_map)
#define FUSE_DEV_IOC_BACKING_CLOSE _IOW(FUSE_DEV_IOC_MAGIC, 2, uint32_t)
struct fuse_backing_map {
    int32_t fd;
    uint32_t flags;
    uint64_t padding;
};
#endif

struct agreed {
    uint32_t major, minor, max_readahead, flags;
    uint16_t max_background, congestion_threshold;
    uint32_t max_write, time_gran;
    uint16_t max_pages, map_alignment;
    uint32_t flags2, max_stack_depth, unused[6];
};

struct handed {
    uint64_t fh;
    uint32_t open_flags;
    int32_t backing_id;
};

/*
 * All who have a file open share what it is registered as: the kernel takes no second one meanwhile, nor one
 * who opens it without. Source: fs/fuse/iomode.c.
 */
struct opened {
    int descriptor, backing; /* what it is registered as */
    unsigned handles;
};

static int device;
static const char *mountpoint;
static union {
    struct fuse_in_header header;
    char bytes[FUSE_MIN_READ_BUFFER];
} request;

static void reply(int error, const void *told, size_t size) {
    struct fuse_out_header header = {
        .len = sizeof header + size, .error = -error, .unique = request.header.unique};
    struct iovec parts[] = {{&header, sizeof header}, {(void *)told, size}};
    writev(device, parts, 2); /* fails if who asked has gone */
}

static int registered(int descriptor) {
    struct fuse_backing_map map = {.fd = descriptor};
    return descriptor < 0 ? -1 : ioctl(device, FUSE_DEV_IOC_BACKING_OPEN, &map);
}

/* Nobody tells how long a file has become. */
static void measure(struct node *node) {
    struct stat now;
    if (node->opened && fstat(node->opened->descriptor, &now) == 0)
        node->attributes.st_size = now.st_size;
}

static struct fuse_attr attributes(uint64_t ino) {
    const struct stat *known = &nodes[ino].attributes;
    measure(&nodes[ino]);
    return (struct fuse_attr){
        .ino = ino, .size = known->st_size, .mode = known->st_mode, .nlink = known->st_nlink,
        .uid = known->st_uid, .gid = known->st_gid, .blksize = known->st_blksize};
}

static struct fuse_entry_out entry(uint64_t ino) {
    struct fuse_entry_out told = {.nodeid = ino, .entry_valid = HOLDS, .attr_valid = HOLDS};
    if (ino)
        told.attr = attributes(ino);
    return told;
}

static void reply_entry(uint64_t ino) {
    struct fuse_entry_out told = entry(ino);
    reply(0, &told, sizeof told);
}

static void reply_attributes(uint64_t ino) {
    struct fuse_attr_out told = {.attr_valid = HOLDS, .attr = attributes(ino)};
    reply(0, &told, sizeof told);
}

static uint64_t add(uint64_t parent, const char *name, mode_t mode) {
    return make(parent, name, mode, request.header.uid, request.header.gid);
}

static void passing_lookup(uint64_t parent, const void *name) {
    reply_entry(find(parent, name));
}

static void passing_getattr(uint64_t ino, const void *what) {
    (void)what;
    reply_attributes(ino);
}

static void resize(uint64_t ino, off_t size) {
    struct opened *opened = nodes[ino].opened;
    int descriptor = opened ? opened->descriptor : open_kept(ino, O_RDWR);
    if (ftruncate(descriptor, size) == 0)
        nodes[ino].attributes.st_size = size;
    if (!opened)
        close(descriptor);
}

static void passing_setattr(uint64_t ino, const void *what) {
    const struct fuse_setattr_in *wanted = what;
    struct stat *known = &nodes[ino].attributes;
    if (wanted->valid & FATTR_MODE)
        known->st_mode = (known->st_mode & S_IFMT) | (wanted->mode & 07777);
    if (wanted->valid & FATTR_UID)
        known->st_uid = wanted->uid;
    if (wanted->valid & FATTR_GID)
        known->st_gid = wanted->gid;
    if (wanted->valid & FATTR_SIZE)
        resize(ino, wanted->size);
    reply_attributes(ino);
}

static void passing_mkdir(uint64_t parent, const void *what) {
    const struct fuse_mkdir_in *wanted = what;
    reply_entry(add(parent, (const char *)(wanted + 1), S_IFDIR | wanted->mode));
}

static void passing_remove(uint64_t parent, const void *name) {
    take_away(find(parent, name));
    reply(0, NULL, 0);
}

static void renamed(uint64_t parent, uint64_t new_parent, const char *names) {
    move(parent, names, new_parent, names + strlen(names) + 1);
    reply(0, NULL, 0);
}

static void passing_rename(uint64_t parent, const void *what) {
    const struct fuse_rename_in *wanted = what;
    renamed(parent, wanted->newdir, (const char *)(wanted + 1));
}

static void passing_rename2(uint64_t parent, const void *what) {
    const struct fuse_rename2_in *wanted = what;
    renamed(parent, wanted->newdir, (const char *)(wanted + 1));
}

/* It is opened for writing, too, whoever asks: the kernel opens it once more for each, as they asked. */
static struct handed handed(uint64_t ino, int flags) {
    struct opened *opened = nodes[ino].opened;
    if (!opened) {
        opened = nodes[ino].opened = calloc(1, sizeof *opened);
        opened->descriptor = open_kept(ino, O_RDWR | flags);
        opened->backing = registered(opened->descriptor); /* -1: the kernel will not open it */
    }
    opened->handles++;
    return (struct handed){.open_flags = FOPEN_PASSTHROUGH, .backing_id = opened->backing};
}

static void passing_create(uint64_t parent, const void *what) {
    const struct fuse_create_in *wanted = what;
    uint64_t ino = add(parent, (const char *)(wanted + 1), S_IFREG | (wanted->mode & 07777));
    struct {
        struct fuse_entry_out entry;
        struct handed handed;
    } told = {.handed = handed(ino, O_CREAT | O_EXCL)};
    told.entry = entry(ino);
    reply(0, &told, sizeof told);
}

static void passing_open(uint64_t ino, const void *what) {
    const struct fuse_open_in *wanted = what;
    struct handed told = handed(ino, 0);
    if (wanted->flags & O_TRUNC)
        resize(ino, 0);
    reply(0, &told, sizeof told);
}

static void passing_release(uint64_t ino, const void *what) {
    struct opened *opened = nodes[ino].opened;
    (void)what;
    if (--opened->handles == 0) {
        measure(&nodes[ino]);
        ioctl(device, FUSE_DEV_IOC_BACKING_CLOSE, &opened->backing);
        close(opened->descriptor);
        free(opened);
        nodes[ino].opened = NULL;
    }
    reply(0, NULL, 0);
}

static void passing_opendir(uint64_t ino, const void *what) {
    struct handed told = {0};
    (void)ino, (void)what;
    reply(0, &told, sizeof told);
}

static void passing_readdirplus(uint64_t directory, const void *what) {
    const struct fuse_read_in *wanted = what;
    char *buffer = calloc(1, wanted->size);
    size_t used = 0;
    for (size_t position = wanted->offset; position < nodes[directory].count; position++) {
        uint64_t ino = nodes[directory].entries[position];
        if (!ino)
            continue;
        struct fuse_direntplus *line = (struct fuse_direntplus *)(buffer + used);
        size_t length = strlen(nodes[ino].name);
        size_t taken = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET_DIRENTPLUS + length);
        if (taken > wanted->size - used)
            break;
        line->entry_out = entry(ino);
        line->dirent = (struct fuse_dirent){
            .ino = ino, .off = position + 1, .namelen = length,
            .type = (nodes[ino].attributes.st_mode & S_IFMT) >> 12};
        memcpy(line->dirent.name, nodes[ino].name, length);
        used += taken;
    }
    reply(0, buffer, used);
    free(buffer);
}

/* What libfuse says by itself. */
static void passing_statfs(uint64_t ino, const void *what) {
    struct fuse_statfs_out told = {.st = {.bsize = 512, .namelen = 255}};
    (void)ino, (void)what;
    reply(0, &told, sizeof told);
}

static void passing_nothing(uint64_t ino, const void *what) {
    (void)ino, (void)what;
    reply(0, NULL, 0);
}

static void passing_unanswered(uint64_t ino, const void *what) { (void)ino, (void)what; }

static void (*const operations[])(uint64_t ino, const void *what) = {
    [FUSE_LOOKUP] = passing_lookup,
    [FUSE_GETATTR] = passing_getattr,
    [FUSE_SETATTR] = passing_setattr,
    [FUSE_MKDIR] = passing_mkdir,
    [FUSE_UNLINK] = passing_remove,
    [FUSE_RMDIR] = passing_remove,
    [FUSE_RENAME] = passing_rename,
    [FUSE_RENAME2] = passing_rename2,
    [FUSE_CREATE] = passing_create,
    [FUSE_OPEN] = passing_open,
    [FUSE_FLUSH] = passing_nothing,
    [FUSE_RELEASE] = passing_release,
    [FUSE_OPENDIR] = passing_opendir,
    [FUSE_RELEASEDIR] = passing_nothing,
    [FUSE_READDIRPLUS] = passing_readdirplus,
    [FUSE_STATFS] = passing_statfs,
    [FUSE_FORGET] = passing_unanswered,
    [FUSE_BATCH_FORGET] = passing_unanswered,
    [FUSE_INTERRUPT] = passing_unanswered,
};

/* Wait for a request; 0: it is mounted no more. */
static int heard(void) {
    ssize_t size;
    do /* ENOENT: who asked has gone */
        size = read(device, &request, sizeof request);
    while (size < 0 && (errno == EINTR || errno == ENOENT));
    return size > 0;
}

static void serve(void) {
    while (heard()) {
        uint32_t operation = request.header.opcode;
        if (operation < sizeof operations / sizeof *operations && operations[operation])
            operations[operation](request.header.nodeid, &request.header + 1);
        else
            reply(ENOSYS, NULL, 0);
    }
}

/* Give /dev/fuse a file system that is mounted nowhere yet; the kernel begins by asking what it can do. */
static int new_file_system(void) {
    char number[24];
    const char *options[][2] = {{"source", "passing"}, {"fd", number}, {"rootmode", "40000"},
                                {"user_id", "0"}, {"group_id", "0"}, {"allow_other", NULL},
                                {"default_permissions", NULL}};
    int context = fsopen("fuse", FSOPEN_CLOEXEC);
    if (context < 0)
        return -1;
    snprintf(number, sizeof number, "%d", device);
    for (size_t one = 0; one < sizeof options / sizeof *options; one++)
        fsconfig(context, options[one][1] ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, options[one][0],
                 options[one][1], 0);
    return fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0 ? context : -1;
}

static const char *refusal(int is_offered) {
    if (!is_offered)
        return "this Linux does not offer it";
    return errno == ELOOP ? "the folder's file system lies over another" : strerror(errno);
}

/* Ask for what libfuse asks for by itself, and for passthrough; see whether a file can be registered. */
static int agree(void) {
    const struct fuse_init_in *offered = (const void *)(&request.header + 1);
    if (!heard() || request.header.opcode != FUSE_INIT)
        return -1;
    struct agreed told = {
        .major = FUSE_KERNEL_VERSION, .minor = MINOR, .max_readahead = offered->max_readahead,
        .flags = offered->flags &
                 (FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES | FUSE_AUTO_INVAL_DATA |
                  FUSE_DO_READDIRPLUS | FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS | FUSE_HANDLE_KILLPRIV |
                  FUSE_INIT_EXT),
        .flags2 = FUSE_PASSTHROUGH >> 32, .max_stack_depth = 1, .max_write = LEAST_WRITE, .time_gran = 1};
    int is_offered = (offered->flags2 & told.flags2) != 0;
    reply(0, &told, sizeof told);
    int tried = open_kept(0, O_RDWR | O_CREAT), backing = registered(tried);
    if (backing < 0)
        fprintf(stderr, "FUSE passthrough is refused: %s\n", refusal(is_offered));
    ioctl(device, FUSE_DEV_IOC_BACKING_CLOSE, &backing);
    close(tried);
    remove_kept(0);
    return backing < 0 ? -1 : 0;
}

static void leave(int signal) {
    (void)signal;
    umount2(mountpoint, MNT_DETACH);
    _exit(0);
}

int main(int count, char **words) {
    if (count != 3 || (folder = open(words[1], O_DIRECTORY | O_CLOEXEC)) < 0)
        return 2;
    mountpoint = words[2];
    device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    new_node(S_IFDIR | 0755, 0, 0);
    int context = new_file_system();
    if (context < 0)
        return perror("a file system of FUSE"), 1;
    if (agree() < 0)
        return REFUSED;
    int mount = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    signal(SIGTERM, leave);
    signal(SIGINT, leave);
    if (move_mount(mount, "", AT_FDCWD, mountpoint, MOVE_MOUNT_F_EMPTY_PATH) != 0)
        return perror(mountpoint), 1;
    close(mount);
    close(context);
    serve();
    return 0;
}
